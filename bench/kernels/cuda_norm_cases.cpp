// Batch norm, pooling and softmax.
#include "cuda/kernels/batch_norm.h"
#include "cuda/kernels/pooling.h"
#include "cuda/kernels/softmax.h"
#include "cuda/kernels/softmax_cross_entropy.h"
#include "cuda_cases.h"

namespace dn::bench {

namespace {

enum class Follows { Nothing, Relu, AddRelu };

const char* name_of(Follows follows) {
  return follows == Follows::Nothing ? "" : follows == Follows::Relu ? "relu" : "add relu";
}

cuda::BatchNormView view_of(dn_dtype dtype, int64_t batch, int32_t channels, int64_t positions) {
  return {dtype, 1, batch, positions, channels};
}

float* random_floats(Memory& memory, int64_t count) {
  return static_cast<float*>(memory.random(DN_DTYPE_F32, count));
}

void add_batch_norm(Suite& suite, dn_dtype dtype, int64_t batch, int32_t channels,
                    int64_t positions, Follows follows) {
  const int64_t count = batch * channels * positions, bytes = count * bytes_of(dtype);
  const cuda::BatchNormView view = view_of(dtype, batch, channels, positions);
  const std::string shape =
      join("NHWC", "N", batch, "C", channels, "HW", positions, name_of(follows));
  const bool adds = follows == Follows::AddRelu;
  // Statistics need all of x before the first result: it is read twice.
  suite.add({.kernel = "batch_norm_training",
             .shape = shape,
             .dtype = dtype,
             .bytes = double(bytes * (adds ? 4 : 3)),
             .make = [=](Memory& memory) -> Run {
               cuda::BatchNormTraining p{};
               p.view = view;
               p.x = memory.random(dtype, count);
               if (adds) p.residual = memory.random(dtype, count);
               p.weight = memory.positive(channels), p.bias = random_floats(memory, channels);
               p.y = memory.empty(bytes);
               p.mean = static_cast<float*>(memory.empty(4 * channels));
               p.inv_std = static_cast<float*>(memory.empty(4 * channels));
               p.running_mean = static_cast<float*>(memory.zeros(4 * channels));
               p.running_var = memory.positive(channels);
               p.scratch = memory.zeros(cuda::batch_norm_scratch_bytes(view));
               p.epsilon = 1e-5f, p.momentum = 0.1f, p.relu = follows != Follows::Nothing;
               return [p](cudaStream_t stream) { cuda::batch_norm_training(stream, p); };
             }});
  // Two sums over x and dy, then dx from both: x and dy are read twice; behind an add and a relu y
  // decides what passes, and the masked gradient is a result too.
  suite.add({.kernel = "batch_norm_backward",
             .shape = shape,
             .dtype = dtype,
             .bytes = double(bytes * (adds ? 7 : 5)),
             .make = [=](Memory& memory) -> Run {
               cuda::BatchNormBackward p{};
               p.view = view;
               p.x = memory.random(dtype, count), p.dy = memory.random(dtype, count);
               p.weight = memory.positive(channels), p.mean = random_floats(memory, channels);
               p.inv_std = memory.positive(channels), p.bias = random_floats(memory, channels);
               p.dx = memory.empty(bytes);
               if (adds) p.y = memory.random(dtype, count), p.masked = memory.empty(bytes);
               p.dweight = static_cast<float*>(memory.empty(4 * channels));
               p.dbias = static_cast<float*>(memory.empty(4 * channels));
               p.scratch = memory.zeros(cuda::batch_norm_scratch_bytes(view));
               p.relu = adds                       ? cuda::ReluGradient::FromOutput
                        : follows == Follows::Relu ? cuda::ReluGradient::FromInput
                                                   : cuda::ReluGradient::None;
               return [p](cudaStream_t stream) { cuda::batch_norm_backward(stream, p); };
             }});
  suite.add({.kernel = "batch_norm_inference",
             .shape = shape,
             .dtype = dtype,
             .bytes = double(bytes * (adds ? 3 : 2)),
             .make = [=](Memory& memory) -> Run {
               cuda::BatchNormInference p{};
               p.view = view;
               p.x = memory.random(dtype, count);
               if (adds) p.residual = memory.random(dtype, count);
               p.weight = memory.positive(channels), p.bias = random_floats(memory, channels);
               p.running_mean = random_floats(memory, channels);
               p.running_var = memory.positive(channels);
               p.y = memory.empty(bytes);
               p.epsilon = 1e-5f, p.relu = follows != Follows::Nothing;
               return [p](cudaStream_t stream) { cuda::batch_norm_inference(stream, p); };
             }});
}

// A square window; size 0: over everything.
void add_pooling(Suite& suite, dn_pooling_mode mode, dn_dtype dtype, int64_t batch,
                 int32_t channels, int32_t size, int32_t kernel, int32_t stride, int32_t padding) {
  cuda::PoolingGeometry g{};
  g.dtype = dtype, g.tap_dtype = DN_DTYPE_U8, g.channels_last = 1, g.mode = mode;
  g.batch = batch, g.channels = channels;
  const int32_t out = (size + 2 * padding - kernel) / stride + 1;
  g.in[0] = g.out[0] = g.kernel[0] = g.stride[0] = 1;
  for (int i = 1; i < 3; ++i) {
    g.in[i] = size, g.out[i] = out, g.kernel[i] = kernel, g.stride[i] = stride;
    g.begin[i] = padding;
  }
  const int64_t x = batch * channels * size * size, y = batch * channels * out * out;
  const bool max = mode == DN_POOLING_MAX;
  const double bytes = double((x + y) * bytes_of(dtype) + (max ? y : 0));
  const std::string shape = join(max ? "max" : "average", "N", batch, "C", channels, "HW", size,
                                 "window", kernel, "stride", stride);
  suite.add({.kernel = "pooling_forward",
             .shape = shape,
             .dtype = dtype,
             .bytes = bytes,
             .make = [=](Memory& memory) -> Run {
               cuda::PoolingForward p{};
               p.geometry = g;
               p.x = memory.random(dtype, x);
               p.y = memory.empty(y * bytes_of(dtype));
               if (max) p.tap = memory.empty(y);
               return [p](cudaStream_t stream) { cuda::pooling_forward(stream, p); };
             }});
  suite.add({.kernel = "pooling_backward",
             .shape = shape,
             .dtype = dtype,
             .bytes = bytes,
             .make = [=](Memory& memory) -> Run {
               cuda::PoolingBackward p{};
               p.geometry = g;
               p.dy = memory.random(dtype, y);
               // The first tap everywhere: as many bytes as any other choice.
               if (max) p.tap = memory.zeros(y);
               p.dx = memory.empty(x * bytes_of(dtype));
               return [p](cudaStream_t stream) { cuda::pooling_backward(stream, p); };
             }});
}

void add_softmax(Suite& suite, dn_dtype dtype, int64_t rows, int64_t classes) {
  const int64_t count = rows * classes, bytes = count * bytes_of(dtype);
  const std::string shape = join("rows", rows, "classes", classes);
  const cuda::SoftmaxView view{dtype, 0, rows, classes, 1};
  suite.add({.kernel = "softmax_forward",
             .shape = shape,
             .dtype = dtype,
             .bytes = 2.0 * double(bytes),
             .make = [=](Memory& memory) -> Run {
               cuda::SoftmaxForward p{};
               p.view = view, p.x = memory.random(dtype, count), p.y = memory.empty(bytes);
               return [p](cudaStream_t stream) { cuda::softmax_forward(stream, p); };
             }});
  suite.add({.kernel = "softmax_backward",
             .shape = shape,
             .dtype = dtype,
             .bytes = 3.0 * double(bytes),
             .make = [=](Memory& memory) -> Run {
               cuda::SoftmaxBackward p{};
               p.view = view, p.y = memory.random(dtype, count), p.dy = memory.random(dtype, count);
               p.dx = memory.empty(bytes);
               return [p](cudaStream_t stream) { cuda::softmax_backward(stream, p); };
             }});
  suite.add({.kernel = "softmax_cross_entropy",
             .shape = shape,
             .dtype = dtype,
             .bytes = 2.0 * double(bytes) + 4.0 * double(rows),
             .make = [=](Memory& memory) -> Run {
               cuda::SoftmaxCrossEntropy p{};
               p.dtype = dtype, p.scale = 1.0f / float(rows);
               p.outer = rows, p.classes = classes, p.inner = 1;
               p.logits = memory.random(dtype, count);
               p.labels = memory.below(rows, int32_t(classes));
               p.loss = static_cast<float*>(memory.empty(4)), p.grad_logits = memory.empty(bytes);
               p.scratch =
                   memory.zeros(cuda::softmax_cross_entropy_scratch_bytes(rows, classes, 1));
               p.fault = static_cast<unsigned long long*>(memory.empty(8));
               return [p](cudaStream_t stream) { cuda::softmax_cross_entropy(stream, p); };
             }});
}

}  // namespace

void norm_cases(Suite& suite) {
  // ResNet-50, batch 256: after the first convolution, inside and at the end of blocks.
  const int64_t batch = suite.pick(256, 3);
  const auto positions = [&](int64_t real) { return suite.pick<int64_t>(real, 10); };
  const auto channels = [&](int32_t real) { return suite.pick(real, real / 32); };
  add_batch_norm(suite, DN_DTYPE_BF16, batch, channels(64), positions(112 * 112), Follows::Relu);
  add_batch_norm(suite, DN_DTYPE_BF16, batch, channels(64), positions(56 * 56), Follows::Relu);
  add_batch_norm(suite, DN_DTYPE_BF16, batch, channels(256), positions(56 * 56), Follows::AddRelu);
  add_batch_norm(suite, DN_DTYPE_BF16, batch, channels(256), positions(56 * 56), Follows::Nothing);
  add_batch_norm(suite, DN_DTYPE_BF16, batch, channels(1024), positions(14 * 14), Follows::AddRelu);
  add_batch_norm(suite, DN_DTYPE_BF16, batch, channels(512), positions(7 * 7), Follows::Relu);
  add_batch_norm(suite, DN_DTYPE_F32, batch, channels(256), positions(28 * 28), Follows::Relu);

  const auto size = [&](int32_t real) { return suite.pick(real, std::min(real, 9)); };
  add_pooling(suite, DN_POOLING_MAX, DN_DTYPE_BF16, batch, channels(64), size(112), 3, 2, 1);
  add_pooling(suite, DN_POOLING_AVERAGE, DN_DTYPE_BF16, batch, channels(2048), size(7), 7, 1, 0);
  add_pooling(suite, DN_POOLING_MAX, DN_DTYPE_F32, suite.pick(100, 2), 32, size(24), 3, 3, 0);
  add_pooling(suite, DN_POOLING_MAX, DN_DTYPE_F32, suite.pick(100, 2), 64, size(4), 2, 2, 0);
  add_pooling(suite, DN_POOLING_MAX, DN_DTYPE_BF16, suite.pick(64, 2), channels(64), size(224), 2,
              2, 0);

  add_softmax(suite, DN_DTYPE_F32, suite.pick(100, 3), 10);
  add_softmax(suite, DN_DTYPE_BF16, suite.pick(256, 3), suite.pick(1000, 100));
  add_softmax(suite, DN_DTYPE_F32, suite.pick(8192, 3), suite.pick(32768, 500));
}

}  // namespace dn::bench
