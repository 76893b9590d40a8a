#include "engine/program.h"

#include <algorithm>
#include <numeric>

#include "engine/compiled.h"

namespace dn {

Program::Program(std::shared_ptr<Device> device, std::string name)
    : device_(std::move(device)), name_(std::move(name)) {}

Program::~Program() = default;

void Program::check_open() const {
  require(!compiled_, "program '", name_, "' is compiled and takes no more tensors or operators");
}

int Program::add_tensor(DType dtype, const Shape& shape, const char* name) {
  check_open();
  tensors_.push_back({name ? name : "", dtype, shape, nullptr, -1, {}});
  return (int)tensors_.size() - 1;
}

int Program::bind(std::shared_ptr<Tensor> tensor, const char* name) {
  check_open();
  require(tensor->device() == device_, "tensor '", name ? name : "",
          "' is on another device than program '", name_, "'");
  for (const TensorDeclaration& other : tensors_)
    require(other.bound != tensor, "tensor '", name ? name : "", "' is bound already, as '",
            other.name, "'");
  TensorDeclaration declaration{
      name ? name : "", tensor->dtype(), tensor->shape(), nullptr, -1, {}};
  tensor->set_name(declaration.name);
  declaration.bound = std::move(tensor);
  tensors_.push_back(std::move(declaration));
  return (int)tensors_.size() - 1;
}

void Program::add_operator(const dn_operator& description) {
  check_open();
  const OperatorRule* rule = find_rule(description.kind);
  require(rule != nullptr, "operator kind ", description.kind, " is not known");
  const std::string label =
      text("operator '", description.name ? description.name : "", "' (", rule->name, ")");
  require(description.input_count >= 0 && description.output_count >= 0, label, ": negative count");
  require(description.input_count == 0 || description.inputs, label, ": inputs is null");
  require(description.output_count == 0 || description.outputs, label, ": outputs is null");
  if (rule->attribute_bytes > 0) {
    require(description.attributes != nullptr, label, ": attributes is null");
    const int32_t given = *static_cast<const int32_t*>(description.attributes);
    require(given == rule->attribute_bytes, label, ": attributes have struct_size ", given,
            ", expected ", rule->attribute_bytes);
  }

  Operator op(description, rule->attribute_bytes);
  if (rule->adopt) rule->adopt(op);
  const auto check_ids = [&](const std::vector<int>& ids, const char* what) {
    for (int id : ids)
      require(id >= -1 && id < (int)tensors_.size(), label, ": ", what, " id ", id,
              " is not a tensor of the program, which has ", tensors_.size());
  };
  check_ids(op.inputs(), "input");
  check_ids(op.outputs(), "output");
  rule->check(OperatorView(op, tensors_));

  for (int id : op.inputs())
    if (id >= 0 && tensors_[id].transient())
      require(tensors_[id].producer >= 0, label, ": reads tensor '", tensors_[id].name,
              "', which no operator has written");
  const int index = (int)operators_.size();
  for (size_t slot = 0; slot < op.outputs().size(); ++slot) {
    const int id = op.output(slot);
    if (id < 0) continue;
    if (tensors_[id].transient())
      require(tensors_[id].producer < 0, label, ": writes tensor '", tensors_[id].name,
              "', which another operator has written");
    for (size_t other = 0; other < slot; ++other)
      require(op.output(other) != id, label, ": writes tensor '", tensors_[id].name, "' twice");
  }
  for (int id : op.outputs())
    if (id >= 0) tensors_[id].producer = index;
  for (int id : op.inputs())
    if (id >= 0 && (tensors_[id].consumers.empty() || tensors_[id].consumers.back() != index))
      tensors_[id].consumers.push_back(index);
  operators_.push_back(std::move(op));
}

void Program::compile(const dn_compile_options& options) {
  check_open();
  require(!operators_.empty(), "program '", name_, "' has no operators");
  require(options.race_milliseconds >= 0, "race_milliseconds is ", options.race_milliseconds,
          ", expected at least 0");
  compiled_ = compile_program(*this, options);
}

void Program::run() {
  require(compiled_ != nullptr, "program '", name_, "' is not compiled");
  if (busy_.test_and_set(std::memory_order_acquire))
    fail(DN_BUSY, "program '", name_,
         "' is running on another thread; give each thread a program of its own");
  struct Release {
    std::atomic_flag& flag;
    ~Release() { flag.clear(std::memory_order_release); }
  } release{busy_};
  if (profile_) {
    compiled_->runner->run_profiled(compiled_->microseconds);
    ++compiled_->profiled_run_count;
  } else {
    compiled_->runner->run();
  }
  ++run_count_;
}

void Program::profile(bool enable) {
  profile_ = enable;
}

}  // namespace dn
