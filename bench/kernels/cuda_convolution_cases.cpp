// Convolutions of the nets, in their three directions.
#include "cuda/kernels/column_sum.h"
#include "cuda/kernels/convolution.h"
#include "cuda/kernels/depthwise_convolution.h"
#include "cuda/kernels/direct_convolution.h"
#include "cuda_cases.h"
#include "cuda_vendor.h"

namespace dn::bench {

namespace {

// A square two-dimensional layer.
struct Layer {
  const char* net;
  int32_t batch, channels, out_channels, size, kernel, stride, padding;
  Unit unit;
  int32_t groups = 1;

  int32_t out_size() const { return (size + 2 * padding - kernel) / stride + 1; }
  int64_t input_numel() const { return int64_t{batch} * channels * size * size; }
  int64_t output_numel() const { return int64_t{batch} * out_channels * out_size() * out_size(); }
  int64_t weight_numel() const {
    return int64_t{out_channels} * (channels / groups) * kernel * kernel;
  }
};

const Layer kLayers[] = {
    {"MNIST net", 100, 1, 32, 28, 5, 1, 0, Unit::F32},
    {"MNIST net", 100, 32, 64, 8, 5, 1, 0, Unit::F32},
    {"ResNet-50", 256, 3, 64, 224, 7, 2, 3, Unit::Bf16},
    {"ResNet-50", 256, 64, 64, 56, 1, 1, 0, Unit::Bf16},
    {"ResNet-50", 256, 64, 64, 56, 3, 1, 1, Unit::Bf16},
    {"ResNet-50", 256, 64, 256, 56, 1, 1, 0, Unit::Bf16},
    {"ResNet-50", 256, 256, 128, 56, 1, 1, 0, Unit::Bf16},
    {"ResNet-50", 256, 128, 128, 56, 3, 2, 1, Unit::Bf16},
    {"ResNet-50", 256, 128, 128, 28, 3, 1, 1, Unit::Bf16},
    {"ResNet-50", 256, 512, 128, 28, 1, 1, 0, Unit::Bf16},
    {"ResNet-50", 256, 256, 256, 14, 3, 1, 1, Unit::Bf16},
    {"ResNet-50", 256, 1024, 256, 14, 1, 1, 0, Unit::Bf16},
    {"ResNet-50", 256, 1024, 2048, 14, 1, 2, 0, Unit::Bf16},
    {"ResNet-50", 256, 512, 512, 7, 3, 1, 1, Unit::Bf16},
    {"ResNet-50", 256, 2048, 512, 7, 1, 1, 0, Unit::Bf16},
    {"VGG16", 64, 64, 64, 224, 3, 1, 1, Unit::Bf16},
    {"VGG16", 64, 512, 512, 28, 3, 1, 1, Unit::Bf16},
    {"GoogLeNet", 256, 192, 64, 28, 1, 1, 0, Unit::Bf16},
    {"GoogLeNet", 256, 480, 192, 14, 1, 1, 0, Unit::Bf16},
    {"GoogLeNet", 256, 832, 384, 7, 1, 1, 0, Unit::Bf16},
    {"ResNet-50", 64, 128, 128, 28, 3, 1, 1, Unit::Tf32},
    {"ResNet-50", 64, 128, 128, 28, 3, 1, 1, Unit::F32},
    {"depthwise", 256, 256, 256, 28, 3, 1, 1, Unit::Bf16, 256},
};

// The same kind of layer, small.
Layer tiny(Layer layer) {
  layer.batch = 2;
  layer.channels = std::min(layer.channels, 24);
  layer.out_channels = std::min(layer.out_channels, 16);
  if (layer.groups > 1) layer.groups = layer.channels = layer.out_channels = 8;
  layer.size = std::min(layer.size, 9);
  return layer;
}

cuda::Convolution convolution_of(const Layer& layer) {
  cuda::Convolution c;
  c.batch = layer.batch, c.channels = layer.channels, c.out_channels = layer.out_channels;
  c.groups = layer.groups;
  for (int i = 1; i < 3; ++i) {
    c.axis[i].input = layer.size, c.axis[i].kernel = layer.kernel;
    c.axis[i].output = layer.out_size(), c.axis[i].stride = layer.stride;
    c.axis[i].padding = layer.padding;
  }
  c.dtype = dtype_of(layer.unit);
  c.float32 = layer.unit == Unit::Tf32 ? cuda::GemmFloat32::Tf32 : cuda::GemmFloat32::Exact;
  return c;
}

cuda::vendor::ConvolutionProblem problem_of(const Layer& layer, dn_direction direction) {
  cuda::vendor::ConvolutionProblem problem;
  const int64_t out = layer.out_size();
  problem.input = Shape{layer.batch, layer.channels, layer.size, layer.size};
  problem.weight =
      Shape{layer.out_channels, layer.channels / layer.groups, layer.kernel, layer.kernel};
  problem.output = Shape{layer.batch, layer.out_channels, out, out};
  problem.attributes = {};
  problem.attributes.struct_size = sizeof problem.attributes;
  problem.attributes.direction = direction;
  problem.attributes.spatial_rank = 2;
  problem.attributes.groups = layer.groups;
  for (int i = 0; i < 2; ++i) {
    problem.attributes.stride[i] = layer.stride, problem.attributes.dilation[i] = 1;
    problem.attributes.padding_begin[i] = problem.attributes.padding_end[i] = layer.padding;
  }
  problem.type = dtype_of(layer.unit);
  problem.tf32 =
      layer.unit == Unit::Tf32 ? cuda::vendor::Tf32::Allowed : cuda::vendor::Tf32::Refused;
  return problem;
}

Run own_convolution(Memory& memory, const Layer& layer, dn_direction direction,
                    int multiprocessors) {
  const cuda::Convolution c = convolution_of(layer);
  const dn_dtype dtype = dtype_of(layer.unit);
  const auto random = [&](int64_t count) { return memory.random(dtype, count); };
  const auto empty = [&](int64_t count) { return memory.empty(count * bytes_of(dtype)); };
  const void *a = nullptr, *b = nullptr;
  void* result = nullptr;
  std::vector<cuda::Gemm> products;
  if (direction == DN_FORWARD) {
    products = {cuda::convolution_forward_gemm(c)};
    a = random(layer.input_numel()), b = random(layer.weight_numel());
    result = empty(layer.output_numel());
  } else if (direction == DN_BACKWARD_DATA) {
    products = cuda::convolution_backward_data_gemms(c);
    a = random(layer.output_numel()), b = random(layer.weight_numel());
    result = empty(layer.input_numel());
  } else {
    products = {cuda::convolution_backward_weight_gemm(c)};
    a = random(layer.output_numel()), b = random(layer.input_numel());
    result = empty(layer.weight_numel());
  }
  std::vector<std::pair<cuda::GemmPlan, void*>> plans;
  for (cuda::Gemm& gemm : products) {
    gemm.a.data = a, gemm.b.data = b, gemm.c = result;
    const cuda::GemmPlan plan = cuda::plan_gemm(gemm, multiprocessors);
    plans.emplace_back(plan, memory.empty(cuda::gemm_workspace_bytes(gemm, plan)));
  }
  return [products, plans](cudaStream_t stream) {
    for (size_t i = 0; i < products.size(); ++i)
      cuda::gemm(stream, products[i], plans[i].first, plans[i].second);
  };
}

Run direct_convolution(Memory& memory, const Layer& layer, dn_direction direction) {
  const cuda::Convolution c = convolution_of(layer);
  const dn_dtype dtype = dtype_of(layer.unit);
  const auto random = [&](int64_t count) { return memory.random(dtype, count); };
  if (direction == DN_FORWARD) {
    cuda::DirectConvolutionForward p;
    p.convolution = c;
    p.x = random(layer.input_numel()), p.w = random(layer.weight_numel());
    p.y = memory.empty(layer.output_numel() * bytes_of(dtype));
    return [p](cudaStream_t stream) { cuda::direct_convolution_forward(stream, p); };
  }
  cuda::DirectConvolutionBackwardWeight p;
  p.convolution = c;
  p.x = random(layer.input_numel()), p.dy = random(layer.output_numel());
  p.dw = memory.empty(layer.weight_numel() * 4);
  void* workspace = memory.empty(cuda::direct_convolution_backward_weight_workspace_bytes(c));
  return [p, workspace](cudaStream_t stream) {
    cuda::direct_convolution_backward_weight(stream, p, workspace);
  };
}

Run depthwise_convolution(Memory& memory, const Layer& layer, dn_direction direction) {
  const cuda::Convolution c = convolution_of(layer);
  const dn_dtype dtype = dtype_of(layer.unit);
  const auto random = [&](int64_t count) { return memory.random(dtype, count); };
  if (direction == DN_BACKWARD_WEIGHT) {
    cuda::DepthwiseConvolutionBackwardWeight p;
    p.convolution = c;
    p.x = random(layer.input_numel()), p.dy = random(layer.output_numel());
    p.dw = memory.empty(layer.weight_numel() * 4);
    void* workspace = memory.empty(cuda::depthwise_convolution_backward_weight_workspace_bytes(c));
    return [p, workspace](cudaStream_t stream) {
      cuda::depthwise_convolution_backward_weight(stream, p, workspace);
    };
  }
  const bool forward = direction == DN_FORWARD;
  cuda::DepthwiseConvolution p;
  p.convolution = c;
  p.from = random(forward ? layer.input_numel() : layer.output_numel());
  p.w = random(layer.weight_numel());
  p.to = memory.empty((forward ? layer.output_numel() : layer.input_numel()) * bytes_of(dtype));
  if (!forward)
    return [p](cudaStream_t stream) { cuda::depthwise_convolution_backward_data(stream, p); };
  return [p](cudaStream_t stream) { cuda::depthwise_convolution_forward(stream, p); };
}

// The gradient of a bias.
void add_column_sum(Suite& suite, dn_dtype dtype, int64_t rows, int64_t columns) {
  suite.add({.kernel = "column_sum",
             .shape = join("rows", rows, "columns", columns),
             .dtype = dtype,
             .bytes = double(rows * columns * bytes_of(dtype) + 4 * columns),
             .make = [=](Memory& memory) -> Run {
               cuda::ColumnSum p;
               p.rows = rows, p.columns = columns, p.x_dtype = dtype;
               p.x = memory.random(dtype, rows * columns), p.y = memory.empty(4 * columns);
               void* workspace = memory.empty(cuda::column_sum_workspace_bytes(rows, columns));
               return [=](cudaStream_t stream) { cuda::column_sum(stream, p, workspace); };
             }});
}

}  // namespace

void convolution_cases(Suite& suite) {
  add_column_sum(suite, DN_DTYPE_F32, 100, 200);
  add_column_sum(suite, DN_DTYPE_F32, suite.pick(100 * 576, 50), 32);
  add_column_sum(suite, DN_DTYPE_BF16, suite.pick(64 * 224 * 224, 50), 64);
  constexpr std::pair<dn_direction, const char*> kDirections[] = {
      {DN_FORWARD, "forward"},
      {DN_BACKWARD_DATA, "backward_data"},
      {DN_BACKWARD_WEIGHT, "backward_weight"}};
  for (const Layer& real : kLayers) {
    const Layer layer = suite.tiny() ? tiny(real) : real;
    for (const auto& [direction, name] : kDirections) {
      // No net asks for the gradient of its images.
      if (direction == DN_BACKWARD_DATA && real.channels <= 3) continue;
      const int64_t numel = layer.input_numel() + layer.weight_numel() + layer.output_numel();
      const int multiprocessors = suite.multiprocessors();
      Case result{.kernel = std::string("convolution_") + name,
                  .shape = join(layer.net, "N", layer.batch, "C", layer.channels, "K",
                                layer.out_channels, "HW", layer.size, "R", layer.kernel, "stride",
                                layer.stride, layer.unit == Unit::Tf32 ? "tf32" : ""),
                  .dtype = dtype_of(layer.unit),
                  .bytes = double(numel * bytes_of(dtype_of(layer.unit))),
                  .operations = 2.0 * double(layer.output_numel()) * double(layer.weight_numel()) /
                                layer.out_channels,
                  .unit = layer.unit,
                  .make = [=, direction = direction](Memory& memory) {
                    return own_convolution(memory, layer, direction, multiprocessors);
                  }};
      const auto problem = problem_of(layer, direction);
      if (find_cudnn() && cuda::vendor::refuse_convolution(problem).empty()) {
        result.vendor = "cuDNN " + find_cudnn()->version();
        result.make_vendor = [=](Memory& memory) { return cudnn_convolution(memory, problem); };
      }
      const bool direct =
          direction != DN_BACKWARD_DATA && !cuda::direct_convolution_refuses(convolution_of(layer));
      if (!cuda::depthwise_convolution_refuses(convolution_of(layer))) {
        Case other = result;
        other.kernel = "depthwise_" + other.kernel;
        other.make = [=, direction = direction](Memory& memory) {
          return depthwise_convolution(memory, layer, direction);
        };
        suite.add(std::move(other));
      }
      if (direct) {
        Case other = result;
        other.kernel = "direct_" + other.kernel;
        other.make = [=, direction = direction](Memory& memory) {
          return direct_convolution(memory, layer, direction);
        };
        suite.add(std::move(other));
      }
      suite.add(std::move(result));
    }
  }
}

}  // namespace dn::bench
