// Expressions, reductions, random numbers and the optimiser's update.
#include "cuda/kernels/optimizer.h"
#include "cuda/kernels/pointwise.h"
#include "cuda/kernels/random.h"
#include "cuda/kernels/reduce.h"
#include "cuda_cases.h"

namespace dn::bench {

namespace {

using cuda::PointwiseFunction;

// Dense inputs and one output of the same shape (rows, columns).
cuda::PointwiseParams dense(int inputs, dn_dtype dtype, int64_t rows, int64_t columns) {
  cuda::PointwiseParams p;
  p.rank = 2, p.dims[0] = rows, p.dims[1] = columns;
  p.input_count = inputs, p.output_count = 1;
  const int64_t strides[] = {columns, 1};
  for (int i = 0; i < inputs; ++i)
    p.inputs[i] = cuda::make_pointwise_input(2, p.dims, strides, dtype);
  p.outputs[0].dtype = dtype;
  return p;
}

void set_memory(cuda::PointwiseParams& p, Memory& memory) {
  const int64_t count = p.dims[0] * p.dims[1];
  for (int i = 0; i < p.input_count; ++i) {
    const bool row = p.inputs[i].walk == cuda::InputWalk::Periodic;
    p.inputs[i].data = memory.random(p.inputs[i].dtype, row ? p.dims[1] : count);
  }
  p.outputs[0].data = memory.empty(count * bytes_of(p.outputs[0].dtype));
}

void add_function(Suite& suite, const char* name, PointwiseFunction function, int inputs,
                  dn_dtype dtype, int64_t rows, int64_t columns) {
  cuda::PointwiseFunctionParams p;
  p.operands = dense(inputs, dtype, rows, columns);
  p.function = function;
  p.constants[0] = 0.5f;
  const int64_t count = rows * columns;
  suite.add({.kernel = "pointwise_function",
             .shape = join(name, "count", count),
             .dtype = dtype,
             .bytes = double((inputs + 1) * count * bytes_of(dtype)),
             .make = [=](Memory& memory) -> Run {
               cuda::PointwiseFunctionParams own = p;
               set_memory(own.operands, memory);
               return [own](cudaStream_t stream) { cuda::pointwise_function(stream, own); };
             }});
}

// A row of biases added to each row.
void add_bias(Suite& suite, dn_dtype dtype, int64_t rows, int64_t columns) {
  cuda::PointwiseFunctionParams p;
  p.operands = dense(2, dtype, rows, columns);
  const int64_t strides[] = {0, 1};
  p.operands.inputs[1] = cuda::make_pointwise_input(2, p.operands.dims, strides, dtype);
  p.function = PointwiseFunction::Add;
  suite.add({.kernel = "pointwise_function",
             .shape = join("bias", rows, "x", columns),
             .dtype = dtype,
             .bytes = double((2 * rows * columns + columns) * bytes_of(dtype)),
             .make = [=](Memory& memory) -> Run {
               cuda::PointwiseFunctionParams own = p;
               set_memory(own.operands, memory);
               return [own](cudaStream_t stream) { cuda::pointwise_function(stream, own); };
             }});
}

// tanh(x * y + 0.5), by the two interpreters.
void add_interpreters(Suite& suite, dn_dtype dtype, int64_t count) {
  cuda::PointwiseProgramParams p;
  p.operands = dense(2, dtype, 1, count);
  using cuda::ExpressionSource;
  const cuda::ExpressionStep steps[] = {{cuda::kExpressionPush, ExpressionSource::Input, 0, 0, 0},
                                        {DN_OPCODE_MUL, ExpressionSource::Input, 1, 0, 0},
                                        {DN_OPCODE_ADD, ExpressionSource::Constant, 0, 0, 0.5f},
                                        {DN_OPCODE_TANH, ExpressionSource::None, 0, 0, 0},
                                        {cuda::kExpressionOutput, ExpressionSource::None, 0, 0, 0}};
  for (const cuda::ExpressionStep& step : steps) p.program.steps[p.program.count++] = step;
  const double bytes = 3.0 * double(count * bytes_of(dtype));
  suite.add({.kernel = "pointwise_program",
             .shape = join("tanh(x * y + 0.5) count", count),
             .dtype = dtype,
             .bytes = bytes,
             .make = [=](Memory& memory) -> Run {
               cuda::PointwiseProgramParams own = p;
               set_memory(own.operands, memory);
               return [own](cudaStream_t stream) { cuda::pointwise_program(stream, own); };
             }});
  suite.add({.kernel = "pointwise_wide",
             .shape = join("tanh(x * y + 0.5) count", count),
             .dtype = dtype,
             .bytes = bytes,
             .make = [=](Memory& memory) -> Run {
               cuda::PointwiseParams operands = p.operands;
               set_memory(operands, memory);
               cuda::WidePointwiseParams own;
               own.rank = operands.rank;
               std::copy_n(operands.dims, DN_MAX_RANK, own.dims);
               const std::vector<cuda::WideStep> wide = {
                   {DN_OPCODE_INPUT, 0, 0, 0, 0, 0},  {DN_OPCODE_INPUT, 1, 1, 0, 0, 0},
                   {DN_OPCODE_MUL, 0, 0, 1, 0, 0},    {DN_OPCODE_CONSTANT, 1, 0, 0, 0, 0.5f},
                   {DN_OPCODE_ADD, 0, 0, 1, 0, 0},    {DN_OPCODE_TANH, 0, 0, 0, 0, 0},
                   {DN_OPCODE_OUTPUT, -1, 0, 0, 0, 0}};
               own.steps = memory.copy_of(wide);
               own.inputs = static_cast<const cuda::PointwiseInput*>(memory.copy_of(
                   operands.inputs, operands.input_count * int64_t(sizeof operands.inputs[0])));
               own.step_count = int32_t(wide.size()), own.slot_count = 2;
               own.values = static_cast<float*>(memory.empty(8 * cuda::kWideThreads));
               own.output_dtypes[0] = dtype;
               for (int i = 0; i < operands.input_count; ++i)
                 own.input_data[i] = operands.inputs[i].data;
               own.output_data[0] = operands.outputs[0].data;
               return [own](cudaStream_t stream) { cuda::pointwise_wide(stream, own); };
             }});
}

void add_reduce(Suite& suite, dn_reduce_mode mode, const char* name, dn_dtype dtype, int64_t rows,
                int64_t columns, int32_t axes) {
  cuda::ReduceParams p;
  p.dtype = dtype, p.mode = mode, p.rank = 2, p.axes = axes;
  p.dims[0] = rows, p.dims[1] = columns;
  p.x_strides[0] = columns, p.x_strides[1] = p.y_strides[0] = p.y_strides[1] = 1;
  p.multiprocessors = suite.multiprocessors();
  const int64_t kept = (axes & 1 ? 1 : rows) * (axes & 2 ? 1 : columns);
  suite.add({.kernel = "reduce",
             .shape = join(name, rows, "x", columns,
                           axes == 3   ? "over all"
                           : axes == 1 ? "over rows"
                                       : "over columns"),
             .dtype = dtype,
             .bytes = double((rows * columns + kept) * bytes_of(dtype)),
             .make = [=](Memory& memory) -> Run {
               cuda::ReduceParams own = p;
               own.x = memory.random(dtype, rows * columns);
               own.y = memory.empty(4 * kept);
               own.scratch = memory.empty(cuda::reduce_scratch_bytes(own));
               return [own](cudaStream_t stream) { cuda::reduce(stream, own); };
             }});
}

void add_random(Suite& suite, const char* name, dn_distribution distribution, int64_t count) {
  suite.add({.kernel = "random",
             .shape = join(name, "count", count),
             .dtype = DN_DTYPE_F32,
             .bytes = 4.0 * double(count),
             .make = [=](Memory& memory) -> Run {
               cuda::RandomParams p;
               p.state = static_cast<int64_t*>(memory.zeros(16));
               p.values = static_cast<float*>(memory.empty(4 * count));
               p.count = count, p.distribution = distribution, p.a = 0.5f, p.b = 1;
               p.finished = static_cast<unsigned*>(memory.zeros(4));
               return [p](cudaStream_t stream) { cuda::random(stream, p); };
             }});
}

enum class Rule { Sgd, SgdMomentum, Adam };

// `sizes`: the parameter tensors of a net.
void add_optimizer(Suite& suite, Rule rule, const char* net, const std::vector<int64_t>& sizes) {
  int64_t count = 0;
  for (const int64_t size : sizes) count += size;
  const int states = rule == Rule::Sgd ? 0 : rule == Rule::SgdMomentum ? 1 : 2;
  const auto make_tensors = [=](Memory& memory) {
    std::vector<cuda::OptimizerTensor> tensors;
    for (const int64_t size : sizes) {
      const auto floats = [&] { return static_cast<float*>(memory.random(DN_DTYPE_F32, size)); };
      cuda::OptimizerTensor tensor;
      tensor.param = floats(), tensor.grad = floats(), tensor.numel = size;
      if (states > 0) tensor.state0 = floats();
      if (states > 1) tensor.state1 = memory.positive(size);
      tensors.push_back(tensor);
    }
    return tensors;
  };
  const auto rate = [](Memory& memory) { return memory.copy_of(std::vector<float>{1e-6f}); };
  Case result{.kernel = rule == Rule::Adam ? "adam_update" : "sgd_update",
              .shape = join(net, "tensors", sizes.size(), "parameters", count,
                            rule == Rule::SgdMomentum ? "momentum" : ""),
              .dtype = DN_DTYPE_F32,
              .bytes = 4.0 * double(count) * (3 + 2 * states)};
  if (rule == Rule::Adam) {
    result.make = [=](Memory& memory) -> Run {
      const auto tensors = make_tensors(memory);
      cuda::AdamParams p;
      p.learning_rate = rate(memory);
      p.step = static_cast<int64_t*>(memory.zeros(8));
      p.factors = static_cast<float*>(memory.empty(4 * cuda::kAdamFactors));
      p.tensor_count = int64_t(tensors.size());
      return [p, tensors](cudaStream_t stream) mutable {
        p.tensors = tensors.data();
        cuda::adam_update(stream, p);
      };
    };
  } else {
    result.make = [=](Memory& memory) -> Run {
      const auto tensors = make_tensors(memory);
      cuda::SgdParams p;
      p.learning_rate = rate(memory);
      p.momentum = rule == Rule::SgdMomentum ? 0.9f : 0;
      p.tensor_count = int64_t(tensors.size());
      return [p, tensors](cudaStream_t stream) mutable {
        p.tensors = tensors.data();
        cuda::sgd_update(stream, p);
      };
    };
  }
  suite.add(std::move(result));
}

}  // namespace

void pointwise_cases(Suite& suite) {
  // Activations of ResNet-50, batch 256, after the first blocks.
  const int64_t rows = suite.pick(256 * 56 * 56, 7), columns = suite.pick(256, 40);
  add_function(suite, "relu", PointwiseFunction::Relu, 1, DN_DTYPE_BF16, rows, columns);
  add_function(suite, "add relu", PointwiseFunction::AddRelu, 2, DN_DTYPE_BF16, rows, columns);
  add_function(suite, "relu gradient", PointwiseFunction::ReluGradient, 2, DN_DTYPE_BF16, rows,
               columns);
  add_function(suite, "tanh", PointwiseFunction::Tanh, 1, DN_DTYPE_F32, suite.pick(1 << 18, 7),
               columns);
  add_function(suite, "add", PointwiseFunction::Add, 2, DN_DTYPE_F32, suite.pick(1 << 18, 7),
               columns);
  add_bias(suite, DN_DTYPE_F32, 100, 200);  // MNIST net
  add_bias(suite, DN_DTYPE_BF16, rows, columns);
  add_interpreters(suite, DN_DTYPE_F32, suite.pick<int64_t>(1 << 26, 300));

  add_reduce(suite, DN_REDUCE_SUM, "sum", DN_DTYPE_BF16, rows, columns, 1);
  add_reduce(suite, DN_REDUCE_SUM, "sum", DN_DTYPE_F32, 100, 200, 1);
  add_reduce(suite, DN_REDUCE_SUM, "sum", DN_DTYPE_F32, suite.pick(8192, 5), suite.pick(8192, 40),
             2);
  add_reduce(suite, DN_REDUCE_SUM, "sum", DN_DTYPE_F32, suite.pick(8192, 5), suite.pick(8192, 40),
             3);
  add_reduce(suite, DN_REDUCE_ARGMAX, "argmax", DN_DTYPE_F32, suite.pick(8192, 5),
             suite.pick(1000, 40), 2);

  const int64_t numbers = suite.pick<int64_t>(1 << 26, 300);
  add_random(suite, "uniform", DN_DISTRIBUTION_UNIFORM, numbers);
  add_random(suite, "normal", DN_DISTRIBUTION_NORMAL, numbers);
  add_random(suite, "bernoulli", DN_DISTRIBUTION_BERNOULLI, numbers);

  const std::vector<int64_t> mnist = {800, 32, 51200, 64, 51200, 200, 2000, 10};
  // As many parameters as ResNet-50 in as many tensors, of equal sizes.
  const std::vector<int64_t> resnet(suite.pick<size_t>(161, 3), suite.pick(158742, 20));
  for (const Rule rule : {Rule::Sgd, Rule::SgdMomentum, Rule::Adam}) {
    add_optimizer(suite, rule, "MNIST net", suite.tiny() ? std::vector<int64_t>{30, 7} : mnist);
    add_optimizer(suite, rule, "ResNet-50", resnet);
  }
}

}  // namespace dn::bench
