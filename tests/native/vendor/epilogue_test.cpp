// Expressions after products and convolutions of the stand-ins: a pass over what they have written.
#include <cmath>
#include <limits>

#include "programs.h"

namespace {

using Expression = std::vector<dn_instruction>;

const Expression kRelu{{DN_OPCODE_INPUT, 0, 0, 0, 0},
                       {DN_OPCODE_CONSTANT, 0, 0, 0, 0},
                       {DN_OPCODE_MAX, 0, 1, 0, 0},
                       {DN_OPCODE_OUTPUT, 2, 0, 0, 0}};
// finished * (input > 0)
const Expression kReluGradient{{DN_OPCODE_INPUT, 0, 0, 0, 0},    {DN_OPCODE_INPUT, 1, 0, 0, 0},
                               {DN_OPCODE_CONSTANT, 0, 0, 0, 0}, {DN_OPCODE_GT, 1, 2, 0, 0},
                               {DN_OPCODE_MUL, 0, 3, 0, 0},      {DN_OPCODE_OUTPUT, 4, 0, 0, 0}};
// |finished - 3 * input|: not among the compiled ones
const Expression kDistance{{DN_OPCODE_INPUT, 1, 0, 0, 0}, {DN_OPCODE_CONSTANT, 0, 0, 0, 3},
                           {DN_OPCODE_MUL, 0, 1, 0, 0},   {DN_OPCODE_INPUT, 0, 0, 0, 0},
                           {DN_OPCODE_SUB, 3, 2, 0, 0},   {DN_OPCODE_ABS, 4, 0, 0, 0},
                           {DN_OPCODE_OUTPUT, 5, 0, 0, 0}};

struct Epilogue {
  const Expression* expression;
  bool has_input;
  double (*value)(double finished, double input);
};
const Epilogue kEpilogues[] = {
    {&kRelu, false, [](double y, double) { return std::max(y, 0.0); }},
    {&kReluGradient, true, [](double y, double z) { return z > 0 ? y : 0.0; }},
    {&kDistance, true, [](double y, double z) { return std::fabs(y - 3 * z); }},
};

}  // namespace

TEST(VendorEpilogue, FollowsAProduct) {
  const CudaLibs libs{"cublas", "cublaslt"};
  auto device = open_hostsim();
  const int64_t rows = 9, columns = 12, depth = 10;
  const auto a = small_integers(rows * depth, 1), b = small_integers(depth * columns, 2),
             bias = small_integers(columns, 3), z = small_integers(rows * columns, 4);
  for (const std::string library : {"cublas:", "cublaslt:"})
    for (const Epilogue& epilogue : kEpilogues) {
      const Prefer prefer(library.c_str());
      const bool biased = library == "cublaslt:";
      auto a_tensor = make_tensor(device.get(), {rows, depth}, a),
           b_tensor = make_tensor(device.get(), {depth, columns}, b),
           bias_tensor = make_tensor(device.get(), {columns}, bias),
           z_tensor = make_tensor(device.get(), {rows, columns}, z),
           y_tensor = make_tensor(device.get(), {rows, columns});
      ProgramBuilder program(device.get());
      std::vector<int32_t> inputs{program.bind(a_tensor), program.bind(b_tensor), -1};
      if (biased) inputs[2] = program.bind(bias_tensor);
      if (epilogue.has_input) inputs.push_back(program.bind(z_tensor));
      const dn_matmul_attributes attributes{sizeof attributes, 0, 0,
                                            (int32_t)epilogue.expression->size(),
                                            epilogue.expression->data()};
      ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &attributes, inputs, {program.bind(y_tensor)}));
      ASSERT_OK(program.compile());
      for (int i = 0; i < 2; ++i) ASSERT_OK(program.run());
      EXPECT_EQ(kernel_of(program.get()).find(library), 0u);
      const auto y = read(y_tensor.get(), (size_t)(rows * columns));
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          double sum = biased ? bias[j] : 0;
          for (int64_t k = 0; k < depth; ++k) sum += (double)a[i * depth + k] * b[k * columns + j];
          ASSERT_EQ(y[i * columns + j], epilogue.value(sum, z[i * columns + j]));
        }
    }
}

TEST(VendorEpilogue, FollowsAConvolution) {
  const CudaLibs libs{"cudnn"};
  const Prefer prefer("cudnn:");
  auto device = open_hostsim();
  // 1x1: a product at each position, so that what is tested is the order of memory.
  const int64_t n = 2, c = 3, k = 5, h = 4, w = 3;
  const auto x = small_integers(n * c * h * w, 1), weight = small_integers(k * c, 2),
             bias = small_integers(k, 3), z = small_integers(n * k * h * w, 4);
  for (const Epilogue& epilogue : kEpilogues) {
    auto x_tensor = make_tensor(device.get(), {n, c, h, w}, x),
         weight_tensor = make_tensor(device.get(), {k, c, 1, 1}, weight),
         bias_tensor = make_tensor(device.get(), {k}, bias),
         z_tensor = make_tensor(device.get(), {n, k, h, w}, z),
         y_tensor = make_tensor(device.get(), {n, k, h, w});
    ProgramBuilder program(device.get());
    std::vector<int32_t> inputs{program.bind(x_tensor), program.bind(weight_tensor),
                                program.bind(bias_tensor)};
    if (epilogue.has_input) inputs.push_back(program.bind(z_tensor));
    dn_convolution_attributes attributes{};
    attributes.struct_size = sizeof attributes;
    attributes.direction = DN_FORWARD;
    attributes.spatial_rank = 2;
    attributes.groups = 1;
    for (int i = 0; i < 2; ++i) attributes.stride[i] = attributes.dilation[i] = 1;
    attributes.instruction_count = (int32_t)epilogue.expression->size();
    attributes.epilogue = epilogue.expression->data();
    ASSERT_OK(program.add(DN_OPERATOR_CONVOLUTION, &attributes, inputs, {program.bind(y_tensor)}));
    ASSERT_OK(program.compile());
    for (int i = 0; i < 2; ++i) ASSERT_OK(program.run());
    EXPECT_EQ(kernel_of(program.get()), "cudnn:convolution_forward");
    const auto y = read(y_tensor.get(), z.size());
    for (size_t i = 0; i < y.size(); ++i) {
      const size_t position = i % (h * w), channel = i / (h * w) % k, image = i / (h * w * k);
      double sum = bias[channel];
      for (int64_t ic = 0; ic < c; ++ic)
        sum += (double)x[(image * c + ic) * h * w + position] * weight[channel * c + ic];
      ASSERT_EQ(y[i], epilogue.value(sum, z[i])) << "element " << i;
    }
  }
}

TEST(VendorEpilogue, ReluKeepsNaN) {
  const CudaLibs libs{"cublaslt"};
  const Prefer prefer("cublaslt:");
  auto device = open_hostsim();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto a_tensor = make_tensor(device.get(), {2, 1}, {nan, -1}),
       b_tensor = make_tensor(device.get(), {1, 1}, {1}),
       y_tensor = make_tensor(device.get(), {2, 1});
  ProgramBuilder program(device.get());
  const dn_matmul_attributes attributes{sizeof attributes, 0, 0, (int32_t)kRelu.size(),
                                        kRelu.data()};
  ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &attributes,
                        {program.bind(a_tensor), program.bind(b_tensor)},
                        {program.bind(y_tensor)}));
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  EXPECT_EQ(kernel_of(program.get()), "cublaslt:matmul");
  const auto y = read(y_tensor.get(), 2);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], 0);
}
