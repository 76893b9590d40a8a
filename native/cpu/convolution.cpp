// Convolution by oneDNN in its own blocked layouts, three directions.
#include "cpu/epilogue.h"
#include "cpu/onednn.h"
#include "cpu/widened.h"

namespace dn::cpu {

namespace {

using dnnl::memory;

// What oneDNN is asked for: layouts open where it may choose.
struct Request {
  memory::desc input, weight, bias, output;
  onednn::ConvolutionGeometry geometry;
};

memory::dims weight_dims(const Shape& weight, int64_t groups) {
  memory::dims dims = dnnl_dims(weight);
  if (groups == 1) return dims;
  dims[0] /= groups;
  dims.insert(dims.begin(), groups);
  return dims;
}

// How an operator is computed: in the types that its tensors have and the layouts that oneDNN likes,
// directly or by Winograd's minimal filtering (Lavin, Gray 2016); or in float32 and row-major around a
// conversion.
enum class Arithmetic { Own, Winograd, Widened };

dnnl::algorithm algorithm_of(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::Winograd ? dnnl::algorithm::convolution_winograd
                                            : dnnl::algorithm::convolution_direct;
}

memory::data_type type_of(const CompileView& view, int tensor, Arithmetic arithmetic) {
  return arithmetic == Arithmetic::Widened ? memory::data_type::f32
                                           : dnnl_type(view.tensor(tensor).dtype);
}

// An activation's descriptor: free where blocks fit the channels, since a kernel of another
// operator would have to keep the padding zero; the row-major it has where there are few of them
// (the first layer).
memory::desc activation(const CompileView& view, int tensor, int64_t groups,
                        Arithmetic arithmetic) {
  constexpr int64_t kBlock = 16;
  const TensorDeclaration& declaration = view.tensor(tensor);
  const memory::dims dims = dnnl_dims(declaration.shape);
  const auto type = type_of(view, tensor, arithmetic);
  const bool fits =
      declaration.shape[1] / groups % kBlock == 0 || declaration.shape[1] % kBlock == 0;
  if (fits && arithmetic != Arithmetic::Widened) return {dims, type, memory::format_tag::any};
  return row_major(type, dims);
}

// bias: a tensor; -1: none.
Request make_request(const CompileView& view, int input, int weight, int bias, int output,
                     const dn_convolution_attributes& attributes, Arithmetic arithmetic) {
  Request request;
  request.input = activation(view, input, attributes.groups, arithmetic);
  request.output = activation(view, output, attributes.groups, arithmetic);
  const Shape& w = view.tensor(weight).shape;
  const auto dims = weight_dims(w, attributes.groups);
  const auto type = type_of(view, weight, arithmetic);
  request.weight = arithmetic == Arithmetic::Widened
                       ? row_major(type, dims)
                       : memory::desc(dims, type, memory::format_tag::any);
  if (bias >= 0) request.bias = row_major(type_of(view, bias, arithmetic), {w[0]});
  for (int i = 0; i < attributes.spatial_rank; ++i) {
    request.geometry.strides.push_back(attributes.stride[i]);
    request.geometry.dilations.push_back(attributes.dilation[i] - 1);
    request.geometry.padding_begin.push_back(attributes.padding_begin[i]);
    request.geometry.padding_end.push_back(attributes.padding_end[i]);
  }
  return request;
}

std::string refuse_empty(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  for (int id : operation.inputs())
    if (id >= 0 && view.tensor(id).shape.numel() == 0) return "an input is empty";
  return {};
}

// ---- what oneDNN makes of an operator, by direction ----

auto describe_forward(const CompileView& view, int op, Arithmetic arithmetic) {
  const Operator& operation = view.op(op);
  const bool bias = operation.has_input(2);
  const Request request = make_request(
      view, operation.input(0), operation.input(1), bias ? operation.input(2) : -1,
      operation.output(0), operation.attributes<dn_convolution_attributes>(), arithmetic);
  return onednn::convolution_forward(device_of(view).engine(), algorithm_of(arithmetic),
                                     request.input, request.weight, bias ? &request.bias : nullptr,
                                     request.output, request.geometry);
}

auto describe_backward_data(const CompileView& view, int op, Arithmetic arithmetic) {
  const Operator& operation = view.op(op);
  const Request request =
      make_request(view, operation.output(0), operation.input(1), -1, operation.input(0),
                   operation.attributes<dn_convolution_attributes>(), arithmetic);
  return onednn::convolution_backward_data(device_of(view).engine(), algorithm_of(arithmetic),
                                           request.input, request.weight, request.output,
                                           request.geometry);
}

// parts: of how many equal parts of the batch it is one.
auto describe_backward_weight(const CompileView& view, int op, Arithmetic arithmetic,
                              int64_t parts = 1) {
  const Operator& operation = view.op(op);
  const bool bias = operation.has_output(1);
  Request request = make_request(view, operation.input(0), operation.output(0),
                                 bias ? operation.output(1) : -1, operation.input(1),
                                 operation.attributes<dn_convolution_attributes>(), arithmetic);
  for (memory::desc* desc : {&request.input, &request.output}) {
    memory::dims dims = desc->dims();
    if (parts == 1) break;
    dims[0] /= parts;
    *desc = {dims, desc->data_type(), memory::format_tag::any};
  }
  return onednn::convolution_backward_weight(
      device_of(view).engine(), algorithm_of(arithmetic), request.input, request.weight,
      bias ? &request.bias : nullptr, request.output, request.geometry);
}

// The name of oneDNN's implementation; empty when it has none.
std::string implementation(const CompileView& view, int op, Arithmetic arithmetic) {
  const ThreadScope scope(device_of(view).threads());
  try {
    switch (view.op(op).attributes<dn_convolution_attributes>().direction) {
      case DN_FORWARD:
        return describe_forward(view, op, arithmetic).impl_info_str();
      case DN_BACKWARD_DATA:
        return describe_backward_data(view, op, arithmetic).impl_info_str();
      default:
        return describe_backward_weight(view, op, arithmetic).impl_info_str();
    }
  } catch (const dnnl::error&) {
    return {};
  }
}

// oneDNN multiplies bfloat16 by AVX-512's instructions, or by float32's where the processor lacks those.
// Of some layouts it does so one by one, a thousand times slower.
std::string refuse(const CompileView& view, int op) {
  const DType dtype = view.tensor(view.op(op).input(0)).dtype;
  if (dtype != DN_DTYPE_F32 && dtype != DN_DTYPE_BF16)
    return text("needs float32 or bfloat16, not ", name_of(dtype));
  if (std::string reason = refuse_empty(view, op); !reason.empty() || dtype == DN_DTYPE_F32)
    return reason;
  if (!onednn::has_bfloat16()) return "needs AVX-512 for bfloat16";
  const std::string name = implementation(view, op, Arithmetic::Own);
  return name.empty() || name.starts_with("ref") ? "oneDNN has no fast kernel of bfloat16 for it"
                                                 : "";
}

// A third to two thirds of the time, for errors of about 1e-6 of the result's standard deviation, four times
// those of the direct sum. oneDNN 3 has it no more.
std::string refuse_winograd(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& a = operation.attributes<dn_convolution_attributes>();
  const Shape &first = view.tensor(operation.input(0)).shape,
              &second = view.tensor(operation.input(1)).shape,
              &result = view.tensor(operation.output(0)).shape;
  if (view.tensor(operation.input(0)).dtype != DN_DTYPE_F32) return "needs float32";
  if (a.spatial_rank != 2 || a.groups != 1) return "needs two spatial axes and one group";
  const bool to_weight = a.direction == DN_BACKWARD_WEIGHT;
  const Shape& weight = to_weight ? result : second;
  for (int i = 0; i < 2; ++i)
    if (weight[2 + i] != 3 || a.stride[i] != 1 || a.dilation[i] != 1 ||
        a.padding_begin[i] != a.padding_end[i])  // else its gradient of the input is wrong
      return "needs a kernel of 3 x 3, stride 1, dilation 1 and even padding";
  // Fewer do not make up for the transforms.
  const int64_t fewest = to_weight ? 64 : 32;
  if (weight[0] < fewest || weight[1] < fewest)
    return text("has fewer than ", fewest, " channels on a side");
  if (first.numel() == 0) return "an input is empty";
  // Each run transforms the weight, which so many tiles of 4 x 4 outputs have to pay for.
  constexpr int64_t kFewestTiles = 48;
  const Shape& y = a.direction == DN_FORWARD ? result : to_weight ? second : first;
  if (y[0] * ((y[2] + 3) / 4) * ((y[3] + 3) / 4) < kFewestTiles) return "has too few outputs";
  return implementation(view, op, Arithmetic::Winograd).find("wino") == std::string::npos
             ? "oneDNN has no such kernel here"
             : "";
}

std::string refuse_widened(const CompileView& view, int op) {
  if (view.tensor(view.op(op).input(0)).dtype == DN_DTYPE_F32) return "needs no conversion";
  return refuse_empty(view, op);
}

// Memory objects made once; a run only sets their addresses.
struct Primitive {
  CpuDevice* device;
  dnnl::primitive primitive;
  std::vector<std::pair<int, memory>> inputs, outputs;  // oneDNN's argument, in the order of slots
  memory scratch;
  std::unordered_map<int, memory> arguments;
  EpiloguePass epilogue;
  int64_t epilogue_offset = 0;  // of its scratch

  void add(std::vector<std::pair<int, memory>>& list, int argument, const memory::desc& desc) {
    list.emplace_back(argument, memory(desc, device->engine(), nullptr));
  }
  void finish(const memory::desc& scratch_desc) {
    scratch = memory(scratch_desc, device->engine(), nullptr);
    for (const auto* list : {&inputs, &outputs})
      for (const auto& [argument, object] : *list) arguments.emplace(argument, object);
    arguments.emplace(DNNL_ARG_SCRATCHPAD, scratch);
  }
  void operator()(const Arguments& a) {
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i].second.set_data_handle(a.inputs[i]);
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].second.set_data_handle(a.outputs[i]);
    scratch.set_data_handle(a.scratch);
    DenormalScope::cover_workers(device->threads());
    primitive.execute(device->stream(), arguments);
    epilogue.run(a, static_cast<char*>(a.scratch) + epilogue_offset);
  }
};

// Grouped weights are one axis longer for oneDNN; the layout knows its own dimensions.
Slot slot(int tensor, const memory::desc& desc) {
  return {tensor, layout_of(desc)};
}

template <typename Desc>
KernelPlan finish(Primitive primitive, const Desc& desc, std::vector<Slot> inputs,
                  std::vector<Slot> outputs) {
  KernelPlan plan;
  plan.inputs = std::move(inputs);
  plan.outputs = std::move(outputs);
  primitive.epilogue_offset = scratch_aligned((int64_t)desc.scratchpad_desc().get_size());
  plan.scratch_bytes = primitive.epilogue_offset + primitive.epilogue.scratch_bytes();
  primitive.finish(desc.scratchpad_desc());
  plan.kernel = make_kernel(std::move(primitive));
  return plan;
}

KernelPlan plan_forward(const CompileView& view, int op, Arithmetic arithmetic) {
  const Operator& operation = view.op(op);
  const int x = operation.input(0), w = operation.input(1), b = operation.input(2);
  const int y = operation.output(0);
  CpuDevice& device = device_of(view);
  const ThreadScope scope(device.threads());
  const bool bias = operation.has_input(2);
  const auto desc = describe_forward(view, op, arithmetic);
  Primitive primitive{&device, dnnl::convolution_forward(desc), {}, {}, {}, {}, {}};
  primitive.add(primitive.inputs, DNNL_ARG_SRC, desc.src_desc());
  primitive.add(primitive.inputs, DNNL_ARG_WEIGHTS, desc.weights_desc());
  if (bias) primitive.add(primitive.inputs, DNNL_ARG_BIAS, desc.bias_desc());
  primitive.add(primitive.outputs, DNNL_ARG_DST, desc.dst_desc());
  std::vector<Slot> inputs{slot(x, desc.src_desc()), slot(w, desc.weights_desc())};
  if (bias) inputs.push_back(row_major_slot(b));
  // Not oneDNN's own relu: that does not keep NaN.
  const DType type = arithmetic == Arithmetic::Widened ? (DType)DN_DTYPE_F32 : view.tensor(y).dtype;
  primitive.epilogue =
      EpiloguePass(view, operation, type, (int64_t)desc.dst_desc().get_size() / size_of(type),
                   (int)inputs.size());
  for (int i = 0; i < primitive.epilogue.input_count(); ++i)
    inputs.push_back(slot(operation.input(3 + i), desc.dst_desc()));
  return finish(std::move(primitive), desc, std::move(inputs), {slot(y, desc.dst_desc())});
}

KernelPlan plan_backward_data(const CompileView& view, int op, Arithmetic arithmetic) {
  const Operator& operation = view.op(op);
  const int dy = operation.input(0), w = operation.input(1), dx = operation.output(0);
  CpuDevice& device = device_of(view);
  const ThreadScope scope(device.threads());
  const auto desc = describe_backward_data(view, op, arithmetic);
  Primitive primitive{&device, dnnl::convolution_backward_data(desc), {}, {}, {}, {}, {}};
  primitive.add(primitive.inputs, DNNL_ARG_DIFF_DST, desc.diff_dst_desc());
  primitive.add(primitive.inputs, DNNL_ARG_WEIGHTS, desc.weights_desc());
  primitive.add(primitive.outputs, DNNL_ARG_DIFF_SRC, desc.diff_src_desc());
  return finish(std::move(primitive), desc,
                {slot(dy, desc.diff_dst_desc()), slot(w, desc.weights_desc())},
                {slot(dx, desc.diff_src_desc())});
}

KernelPlan plan_backward_weight(const CompileView& view, int op, Arithmetic arithmetic) {
  const Operator& operation = view.op(op);
  const int x = operation.input(0), dy = operation.input(1);
  const int dw = operation.output(0), db = operation.output(1);
  CpuDevice& device = device_of(view);
  const ThreadScope scope(device.threads());
  const bool bias = operation.has_output(1);
  const auto desc = describe_backward_weight(view, op, arithmetic);
  Primitive primitive{&device, dnnl::convolution_backward_weights(desc), {}, {}, {}, {}, {}};
  primitive.add(primitive.inputs, DNNL_ARG_SRC, desc.src_desc());
  primitive.add(primitive.inputs, DNNL_ARG_DIFF_DST, desc.diff_dst_desc());
  primitive.add(primitive.outputs, DNNL_ARG_DIFF_WEIGHTS, desc.diff_weights_desc());
  if (bias) primitive.add(primitive.outputs, DNNL_ARG_DIFF_BIAS, desc.diff_bias_desc());
  std::vector<Slot> outputs{slot(dw, desc.diff_weights_desc())};
  if (bias) outputs.push_back(row_major_slot(db));
  return finish(std::move(primitive), desc,
                {slot(x, desc.src_desc()), slot(dy, desc.diff_dst_desc())}, std::move(outputs));
}

// oneDNN's threads wait for each other many times in the gradient of a strided bfloat16 weight, and do so
// spinning: where they have no processor each of their own it takes hundreds of times as long. There each
// thread computes parts of the batch by itself, and these are added up in order.
class SplitWeightGradient final : public Kernel {
 public:
  using Description = dnnl::convolution_backward_weights::primitive_desc;

  SplitWeightGradient(CpuDevice& device, const Description& desc, int64_t parts, bool bias)
      : threads_(device.threads()),
        weights_((int64_t)desc.diff_weights_desc().get_size() / (int64_t)sizeof(float)),
        biases_(bias ? desc.diff_bias_desc().dims()[0] : 0),
        source_bytes_((int64_t)desc.src_desc().get_size()),
        gradient_bytes_((int64_t)desc.diff_dst_desc().get_size()) {
    primitive_ = dnnl::convolution_backward_weights(desc);
    const auto empty = [&](const memory::desc& d) { return memory(d, device.engine(), nullptr); };
    for (int64_t i = 0; i < parts; ++i) {
      std::unordered_map<int, memory> arguments{
          {DNNL_ARG_SRC, empty(desc.src_desc())},
          {DNNL_ARG_DIFF_DST, empty(desc.diff_dst_desc())},
          {DNNL_ARG_DIFF_WEIGHTS, empty(desc.diff_weights_desc())},
          {DNNL_ARG_SCRATCHPAD, empty(desc.scratchpad_desc())}};
      if (bias) arguments.emplace(DNNL_ARG_DIFF_BIAS, empty(desc.diff_bias_desc()));
      parts_.push_back({dnnl::stream(device.engine()), std::move(arguments)});
    }
    weight_bytes_ = scratch_aligned(weights_ * (int64_t)sizeof(float));
    bias_bytes_ = scratch_aligned(biases_ * (int64_t)sizeof(float));
    part_bytes_ =
        weight_bytes_ + bias_bytes_ + scratch_aligned((int64_t)desc.scratchpad_desc().get_size());
  }

  int64_t scratch_bytes() const { return part_bytes_ * (int64_t)parts_.size(); }

  void run(const Arguments& a) override {
    char* scratch = static_cast<char*>(a.scratch);
    const int64_t count = (int64_t)parts_.size();
    parallel(threads_, count, count << 20, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        char* own = scratch + i * part_bytes_;
        Part& part = parts_[(size_t)i];
        part.arguments.at(DNNL_ARG_SRC)
            .set_data_handle(static_cast<char*>(a.inputs[0]) + i * source_bytes_);
        part.arguments.at(DNNL_ARG_DIFF_DST)
            .set_data_handle(static_cast<char*>(a.inputs[1]) + i * gradient_bytes_);
        part.arguments.at(DNNL_ARG_DIFF_WEIGHTS).set_data_handle(own);
        if (biases_) part.arguments.at(DNNL_ARG_DIFF_BIAS).set_data_handle(own + weight_bytes_);
        part.arguments.at(DNNL_ARG_SCRATCHPAD).set_data_handle(own + weight_bytes_ + bias_bytes_);
        primitive_.execute(part.stream, part.arguments);
      }
    });
    add_up(scratch, weights_, out(a, 0));
    if (biases_) add_up(scratch + weight_bytes_, biases_, out(a, 1));
  }

 private:
  struct Part {
    dnnl::stream stream;
    std::unordered_map<int, memory> arguments;
  };

  void add_up(const char* first, int64_t count, float* sum) const {
    const int64_t parts = (int64_t)parts_.size();
    parallel(threads_, count, count * parts, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        float total = 0;
        for (int64_t part = 0; part < parts; ++part)
          total += reinterpret_cast<const float*>(first + part * part_bytes_)[i];
        sum[i] = total;
      }
    });
  }

  int threads_;
  int64_t weights_, biases_, source_bytes_, gradient_bytes_;
  int64_t weight_bytes_, bias_bytes_, part_bytes_;
  dnnl::primitive primitive_;
  std::vector<Part> parts_;
};

// Into how many parts a batch is cut, by the shapes alone; 1: not at all.
int64_t parts_of(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_convolution_attributes>();
  const TensorDeclaration &x = view.tensor(operation.input(0)),
                          &w = view.tensor(operation.output(0));
  if (x.dtype != DN_DTYPE_BF16 || w.dtype != DN_DTYPE_F32) return 1;
  if (operation.has_output(1) && view.tensor(operation.output(1)).dtype != DN_DTYPE_F32) return 1;
  bool strided = false;
  for (int i = 0; i < attributes.spatial_rank; ++i)
    strided = strided || (attributes.stride[i] > 1 && w.shape[2 + i] > 1);
  if (!strided) return 1;
  constexpr int64_t kFew = 4, kMany = 16, kSmall = 1 << 20;
  const int64_t most = w.bytes() <= kSmall ? kMany : kFew;
  for (int64_t parts = most; parts > 1; parts /= 2)
    if (x.shape[0] % parts == 0) return parts;
  return 1;
}

// Nothing where the parts would have other layouts than the whole.
std::optional<KernelPlan> plan_split(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const int64_t parts = parts_of(view, op);
  if (parts == 1) return std::nullopt;
  const ThreadScope scope(1);
  const auto whole = describe_backward_weight(view, op, Arithmetic::Own);
  const auto desc = describe_backward_weight(view, op, Arithmetic::Own, parts);
  const auto same = [](const memory::desc& a, const memory::desc& b) {
    const LayoutRef left = layout_of(a), right = layout_of(b);
    return left && right && left->name() == right->name();
  };
  if (!same(whole.src_desc(), desc.src_desc()) ||
      !same(whole.diff_dst_desc(), desc.diff_dst_desc()))
    return std::nullopt;
  const bool bias = operation.has_output(1);
  auto kernel = std::make_unique<SplitWeightGradient>(device_of(view), desc, parts, bias);
  KernelPlan plan;
  plan.inputs = {slot(operation.input(0), whole.src_desc()),
                 slot(operation.input(1), whole.diff_dst_desc())};
  plan.outputs = {slot(operation.output(0), desc.diff_weights_desc())};
  if (bias) plan.outputs.push_back(row_major_slot(operation.output(1)));
  plan.scratch_bytes = kernel->scratch_bytes();
  plan.kernel = std::move(kernel);
  return plan;
}

KernelPlan plan_as(const CompileView& view, int op, Arithmetic arithmetic) {
  return onednn::checked("convolution", [&] {
    switch (view.op(op).attributes<dn_convolution_attributes>().direction) {
      case DN_FORWARD:
        return plan_forward(view, op, arithmetic);
      case DN_BACKWARD_DATA:
        return plan_backward_data(view, op, arithmetic);
      default:
        if (arithmetic == Arithmetic::Own)
          if (auto split = plan_split(view, op)) return std::move(*split);
        return plan_backward_weight(view, op, arithmetic);
    }
  });
}

KernelPlan plan(const CompileView& view, int op) {
  return plan_as(view, op, Arithmetic::Own);
}

KernelPlan plan_winograd(const CompileView& view, int op) {
  return plan_as(view, op, Arithmetic::Winograd);
}

KernelPlan plan_widened(const CompileView& view, int op) {
  return widened(view, plan_as(view, op, Arithmetic::Widened));
}

const RegisterOperator convolution({"onednn:convolution", DN_OPERATOR_CONVOLUTION, 100, refuse,
                                    plan});
const RegisterOperator convolution_winograd({"onednn:convolution_winograd", DN_OPERATOR_CONVOLUTION,
                                             90, refuse_winograd, plan_winograd});
const RegisterOperator convolution_widened({"onednn:convolution_widened", DN_OPERATOR_CONVOLUTION,
                                            200, refuse_widened, plan_widened});

}  // namespace

}  // namespace dn::cpu
