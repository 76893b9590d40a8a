// What one kernel does for several operators, on the CUDA and on the CPU device, against the operators
// one by one on the CPU.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "../engine/program_builder.h"

namespace {

const std::vector<dn_instruction> kRelu = {{DN_OPCODE_INPUT, 0, 0, 0, 0},
                                           {DN_OPCODE_CONSTANT, 0, 0, 0, 0},
                                           {DN_OPCODE_MAX, 0, 1, 0, 0},
                                           {DN_OPCODE_OUTPUT, 2, 0, 0, 0}};
const std::vector<dn_instruction> kAddRelu = {
    {DN_OPCODE_INPUT, 0, 0, 0, 0}, {DN_OPCODE_INPUT, 1, 0, 0, 0},
    {DN_OPCODE_ADD, 0, 1, 0, 0},   {DN_OPCODE_CONSTANT, 0, 0, 0, 0},
    {DN_OPCODE_MAX, 2, 3, 0, 0},   {DN_OPCODE_OUTPUT, 4, 0, 0, 0}};
const std::vector<dn_instruction> kAdd = {{DN_OPCODE_INPUT, 0, 0, 0, 0},
                                          {DN_OPCODE_INPUT, 1, 0, 0, 0},
                                          {DN_OPCODE_ADD, 0, 1, 0, 0},
                                          {DN_OPCODE_OUTPUT, 2, 0, 0, 0}};
// g * (y > 0)
const std::vector<dn_instruction> kReluGradient = {
    {DN_OPCODE_INPUT, 0, 0, 0, 0}, {DN_OPCODE_INPUT, 1, 0, 0, 0}, {DN_OPCODE_CONSTANT, 0, 0, 0, 0},
    {DN_OPCODE_GT, 1, 2, 0, 0},    {DN_OPCODE_MUL, 0, 3, 0, 0},   {DN_OPCODE_OUTPUT, 4, 0, 0, 0}};
// (g + h) * (y > 0)
const std::vector<dn_instruction> kSumReluGradient = {
    {DN_OPCODE_INPUT, 0, 0, 0, 0}, {DN_OPCODE_INPUT, 1, 0, 0, 0},    {DN_OPCODE_ADD, 0, 1, 0, 0},
    {DN_OPCODE_INPUT, 2, 0, 0, 0}, {DN_OPCODE_CONSTANT, 0, 0, 0, 0}, {DN_OPCODE_GT, 3, 4, 0, 0},
    {DN_OPCODE_MUL, 2, 5, 0, 0},   {DN_OPCODE_OUTPUT, 6, 0, 0, 0}};

using Dims = std::vector<int64_t>;

size_t numel(const Dims& dims) {
  size_t count = 1;
  for (int64_t d : dims) count *= (size_t)d;
  return count;
}

// A program under construction on one device, with named results.
class Trial {
 public:
  // one_by_one: what is between the operators can be read from outside, so that none is left out.
  explicit Trial(dn_device* device, bool one_by_one = false)
      : device_(device), one_by_one_(one_by_one), program_(device) {}

  int input(const Dims& dims, float low = -2, float high = 2) {
    std::vector<float> values(numel(dims));
    for (float& v : values) v = low + (high - low) * (float)(next() >> 8) * 0x1p-24f;
    return program_.bind(*keep(make_tensor(device_, dims, values)));
  }
  int transient(const Dims& dims, dn_dtype dtype = DN_DTYPE_F32) {
    return one_by_one_ && dtype == DN_DTYPE_F32 ? program_.bind(*keep(make_tensor(device_, dims)))
                                                : program_.transient(dims, dtype);
  }
  int result(const std::string& name, const Dims& dims) {
    const auto& tensor = *keep(make_tensor(device_, dims));
    results_[name] = {tensor.get(), numel(dims)};
    return program_.bind(tensor);
  }
  ProgramBuilder& program() { return program_; }

  std::map<std::string, std::vector<float>> run() {
    EXPECT_OK(program_.compile());
    EXPECT_OK(program_.run());
    std::map<std::string, std::vector<float>> values;
    for (const auto& [name, tensor] : results_) values[name] = read(tensor.first, tensor.second);
    return values;
  }

  // The kernels, in order, as "name operators".
  std::vector<std::string> kernels() {
    dn_report* raw = nullptr;
    EXPECT_OK(dn_program_report(program_.get(), &raw));
    const Handle<dn_report> report(raw);
    dn_report_summary summary{};
    summary.struct_size = sizeof summary;
    EXPECT_OK(dn_report_get_summary(report.get(), &summary));
    std::vector<std::string> names;
    for (int32_t i = 0; i < summary.entry_count; ++i) {
      dn_report_entry entry{};
      entry.struct_size = sizeof entry;
      EXPECT_OK(dn_report_get_entry(report.get(), i, &entry));
      if (entry.kind != 0)
        names.push_back(std::string(entry.kernel) + " " + std::to_string(entry.operator_count));
    }
    return names;
  }

 private:
  const Handle<dn_tensor>* keep(Handle<dn_tensor> tensor) {
    tensors_.push_back(std::make_unique<Handle<dn_tensor>>(std::move(tensor)));
    return tensors_.back().get();
  }
  uint32_t next() { return state_ = state_ * 1664525u + 1013904223u; }

  dn_device* device_;
  bool one_by_one_;
  ProgramBuilder program_;
  std::vector<std::unique_ptr<Handle<dn_tensor>>> tensors_;
  std::map<std::string, std::pair<dn_tensor*, size_t>> results_;
  uint32_t state_ = 12345;
};

// Compares all results of a program, whose kernels are to be these, with the operators one by one.
void compare(const char* device, const std::vector<std::string>& kernels,
             const std::function<void(Trial&)>& build) {
  SCOPED_TRACE(device);
  dn_device* raw = nullptr;
  ASSERT_OK(dn_device_open(device, nullptr, &raw));
  const Handle<dn_device> tried(raw);
  const Handle<dn_device> cpu = open_cpu();
  Trial expected(cpu.get(), true), actual(tried.get());
  build(expected);
  build(actual);
  if (::testing::Test::HasFatalFailure()) return;
  const auto reference = expected.run(), found = actual.run();
  ASSERT_EQ(found.size(), reference.size());
  for (const auto& [name, values] : reference) {
    float largest = 1;
    for (float v : values) largest = std::max(largest, std::fabs(v));
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_TRUE(std::fabs(found.at(name)[i] - values[i]) <= 1e-5f * largest)
          << name << " element " << i << " is " << found.at(name)[i] << ", expected " << values[i];
  }
  EXPECT_EQ(actual.kernels(), kernels);
  for (const std::string& kernel : expected.kernels())
    EXPECT_EQ(kernel.back(), '1') << kernel << " is no reference";
}

void compare(const std::vector<std::string>& kernels, const std::function<void(Trial&)>& build) {
  for (const char* device : {"hostsim", "cpu"}) compare(device, kernels, build);
}

struct Forward {
  int x, weight, bias, residual = -1, mean, inv_std, y;
};

// Batch norm in training, then an expression over its output and perhaps a residual.
Forward add_forward(Trial& t, const Dims& dims, const std::vector<dn_instruction>& after,
                    bool with_residual, bool residual_first = false) {
  const Dims channels = {dims[1]};
  const dn_batch_norm_attributes attributes{sizeof attributes, DN_BATCH_NORM_TRAINING, 1e-3f, 0.2f};
  Forward f{};
  f.x = t.input(dims);
  f.weight = t.input(channels);
  f.bias = t.input(channels);
  f.residual = with_residual ? t.input(dims) : -1;
  const int running_mean = t.result("running_mean", channels);
  const int running_var = t.result("running_var", channels);
  const int normal = t.transient(dims);
  f.mean = t.result("mean", channels);
  f.inv_std = t.result("inv_std", channels);
  f.y = t.result("y", dims);
  EXPECT_OK(t.program().add(DN_OPERATOR_BATCH_NORM, &attributes,
                            {f.x, f.weight, f.bias, running_mean, running_var},
                            {normal, f.mean, f.inv_std, running_mean, running_var}, "norm"));
  std::vector<int32_t> inputs = {normal};
  if (with_residual) inputs.insert(residual_first ? inputs.begin() : inputs.end(), f.residual);
  EXPECT_OK(t.program().pointwise(after, inputs, {f.y}, "after"));
  return f;
}

void add_backward(Trial& t, const Dims& dims, const Forward& f, int gradient) {
  const Dims channels = {dims[1]};
  const dn_batch_norm_attributes attributes{sizeof attributes, DN_BATCH_NORM_BACKWARD, 1e-3f, 0};
  EXPECT_OK(t.program().add(
      DN_OPERATOR_BATCH_NORM, &attributes, {f.x, f.weight, f.mean, f.inv_std, gradient},
      {t.result("dx", dims), t.result("dweight", channels), t.result("dbias", channels)}, "norm"));
}

// Channels last with and without vectors, several splits of the rows, and rank 2.
const Dims kDims[] = {{2, 8, 5, 3}, {3, 5, 4}, {40, 6}, {2, 4, 30, 20}, {2, 1, 3, 3}};

TEST(Fusion, BatchNormWithRelu) {
  for (const Dims& dims : kDims)
    compare({"own:batch_norm_relu 2"}, [&](Trial& t) { add_forward(t, dims, kRelu, false); });
}

TEST(Fusion, BatchNormWithResidual) {
  for (const Dims& dims : kDims)
    for (const bool first : {false, true}) {
      compare({"own:batch_norm_relu 2"},
              [&](Trial& t) { add_forward(t, dims, kAddRelu, true, first); });
      compare({"own:batch_norm_relu 2"},
              [&](Trial& t) { add_forward(t, dims, kAdd, true, first); });
    }
}

TEST(Fusion, BatchNormInferenceWithRelu) {
  for (const Dims& dims : kDims)
    compare({"own:batch_norm_relu 2"}, [&](Trial& t) {
      const Dims channels = {dims[1]};
      const dn_batch_norm_attributes attributes{sizeof attributes, DN_BATCH_NORM_INFERENCE, 1e-3f,
                                                0};
      const int normal = t.transient(dims);
      EXPECT_OK(t.program().add(DN_OPERATOR_BATCH_NORM, &attributes,
                                {t.input(dims), t.input(channels), t.input(channels),
                                 t.input(channels), t.input(channels, 0.5f, 2)},
                                {normal}));
      EXPECT_OK(t.program().pointwise(kRelu, {normal}, {t.result("y", dims)}));
    });
}

// The mask from the relu's input, which is normalised again.
TEST(Fusion, BatchNormBackwardWithRelu) {
  for (const Dims& dims : kDims)
    compare({"own:batch_norm_relu 2", "own:batch_norm_relu_backward 2"}, [&](Trial& t) {
      const Forward f = add_forward(t, dims, kRelu, false);
      const int masked = t.transient(dims);
      EXPECT_OK(t.program().pointwise(kReluGradient, {t.input(dims), f.y}, {masked}));
      add_backward(t, dims, f, masked);
    });
}

// The mask from the output, since a residual went into it; alone, with the gradient for the residual's
// side, and with two gradients added up.
TEST(Fusion, BatchNormBackwardWithResidual) {
  for (const Dims& dims : kDims) {
    compare({"own:batch_norm_relu 2", "own:batch_norm_relu_backward 2"}, [&](Trial& t) {
      const Forward f = add_forward(t, dims, kAddRelu, true);
      const int masked = t.transient(dims);
      EXPECT_OK(t.program().pointwise(kReluGradient, {t.input(dims), f.y}, {masked}));
      add_backward(t, dims, f, masked);
    });
    compare({"own:batch_norm_relu 2", "own:batch_norm_relu_backward 2", "own:softmax 1"},
            [&](Trial& t) {
              const Forward f = add_forward(t, dims, kAddRelu, true);
              const int masked = t.transient(dims);
              EXPECT_OK(t.program().pointwise(kSumReluGradient, {t.input(dims), t.input(dims), f.y},
                                              {masked}));
              add_backward(t, dims, f, masked);
              const dn_softmax_attributes softmax{sizeof softmax, DN_FORWARD, 1, 0};
              EXPECT_OK(t.program().add(DN_OPERATOR_SOFTMAX, &softmax, {masked},
                                        {t.result("other reader", dims)}));
            });
  }
}

// A bias that changed since the forward operator says nothing of the mask any more.
TEST(Fusion, AMaskIsNotTakenFromAChangedBias) {
  const Dims dims = {2, 8, 4, 4}, channels = {8};
  compare(
      {"own:batch_norm_relu 2", "own:softmax 1", "own:batch_norm_relu_backward 2"}, [&](Trial& t) {
        const Forward f = add_forward(t, dims, kRelu, false);
        const dn_softmax_attributes softmax{sizeof softmax, DN_FORWARD, 0, 1};
        EXPECT_OK(t.program().add(DN_OPERATOR_SOFTMAX, &softmax, {t.input(channels)}, {f.bias}));
        const int masked = t.transient(dims);
        EXPECT_OK(t.program().pointwise(kReluGradient, {t.input(dims), f.y}, {masked}));
        add_backward(t, dims, f, masked);
      });
}

TEST(Fusion, MaxPoolingWithRelu) {
  for (const Dims& dims : {Dims{2, 8, 6, 7}, Dims{2, 3, 4, 4}, Dims{1, 1, 8, 6}, Dims{2, 5, 2, 2}})
    compare(
        "hostsim", {"own:max_pooling_relu 2", "own:max_pooling_relu_backward 2"}, [&](Trial& t) {
          dn_pooling_attributes attributes{};
          attributes.struct_size = sizeof attributes;
          attributes.direction = DN_FORWARD;
          attributes.mode = DN_POOLING_MAX;
          attributes.spatial_rank = 2;
          for (int i = 0; i < 2; ++i) attributes.kernel[i] = 2, attributes.stride[i] = i + 1;
          const Dims small = {dims[0], dims[1], dims[2] - 1, dims[3] / 2};
          const int pooled = t.transient(small), tap = t.transient(small, DN_DTYPE_U8);
          const int y = t.result("y", small), masked = t.transient(small);
          EXPECT_OK(
              t.program().add(DN_OPERATOR_POOLING, &attributes, {t.input(dims)}, {pooled, tap}));
          EXPECT_OK(t.program().pointwise(kRelu, {pooled}, {y}));
          EXPECT_OK(t.program().pointwise(kReluGradient, {t.input(small), y}, {masked}));
          attributes.direction = DN_BACKWARD_DATA;
          EXPECT_OK(t.program().add(DN_OPERATOR_POOLING, &attributes, {masked, tap},
                                    {t.result("dx", dims)}));
        });
}

// Where both arrangements meet: one position has none of its own, windows may see it several times.
TEST(Fusion, PoolingToAndFromOnePosition) {
  for (const bool wide : {false, true})
    compare({"own:pooling 1", "own:pooling 1"}, [&](Trial& t) {
      dn_pooling_attributes attributes{};
      attributes.struct_size = sizeof attributes;
      attributes.direction = DN_FORWARD;
      attributes.mode = DN_POOLING_AVERAGE_PADDED;
      attributes.spatial_rank = 1;
      attributes.stride[0] = 1;
      attributes.kernel[0] = wide ? 2 : 7;
      if (wide) attributes.padding_begin[0] = attributes.padding_end[0] = 1;
      const Dims large = {2, 3, wide ? 1 : 7}, small = {2, 3, wide ? 2 : 1};
      EXPECT_OK(t.program().add(DN_OPERATOR_POOLING, &attributes, {t.input(large)},
                                {t.result("y", small)}));
      attributes.direction = DN_BACKWARD_DATA;
      EXPECT_OK(t.program().add(DN_OPERATOR_POOLING, &attributes, {t.input(small)},
                                {t.result("dx", large)}));
    });
}

// Programs over data of 16 bits, which the CPU device has no kernels for: every value is exact.
TEST(Fusion, DataOfSixteenBits) {
  dn_device* raw = nullptr;
  ASSERT_OK(dn_device_open("hostsim", nullptr, &raw));
  const Handle<dn_device> device(raw);
  const std::pair<dn_dtype, uint16_t> types[] = {{DN_DTYPE_BF16, 0x3f20}, {DN_DTYPE_F16, 0x3900}};
  for (const auto& [dtype, five_eighths] : types) {
    ProgramBuilder program(device.get());
    const Dims dims = {2, 4, 3, 3}, small = {2, 4, 1, 1};
    const auto x = make_tensor(device.get(), dims, {}, dtype);
    const auto y = make_tensor(device.get(), small, {}, dtype);
    const auto parameter = [&](float value) {
      return program.bind(make_tensor(device.get(), {4}, std::vector<float>(4, value)));
    };
    const int soft = program.transient(dims, dtype), mean = program.transient(small, dtype);
    const dn_softmax_attributes softmax{sizeof softmax, DN_FORWARD, 1, 0};
    ASSERT_OK(program.add(DN_OPERATOR_SOFTMAX, &softmax, {program.bind(x)}, {soft}));  // 1/4
    dn_pooling_attributes pooling{};
    pooling.struct_size = sizeof pooling;
    pooling.direction = DN_FORWARD;
    pooling.mode = DN_POOLING_AVERAGE;
    pooling.spatial_rank = 2;
    for (int i = 0; i < 2; ++i) pooling.kernel[i] = 3, pooling.stride[i] = 1;
    ASSERT_OK(program.add(DN_OPERATOR_POOLING, &pooling, {soft}, {mean}));  // 1/4
    const dn_batch_norm_attributes norm{sizeof norm, DN_BATCH_NORM_INFERENCE, 3.0f, 0};
    ASSERT_OK(program.add(DN_OPERATOR_BATCH_NORM, &norm,
                          {mean, parameter(1), parameter(0.5f), parameter(0), parameter(1)},
                          {program.bind(y)}));
    ASSERT_OK(program.compile());
    ASSERT_OK(program.run());
    std::vector<uint16_t> bits(8);
    ASSERT_OK(dn_tensor_read(y.get(), bits.data(), 16));
    EXPECT_EQ(bits, std::vector<uint16_t>(8, five_eighths)) << "1/4 / 2 + 1/2";
  }
}

}  // namespace
