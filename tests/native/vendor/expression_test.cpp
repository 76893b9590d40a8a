// Expressions compiled at run time, through the stand-in for NVRTC.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "cuda/expression_match.h"
#include "cuda/expression_source.h"
#include "cuda/vendor/nvrtc.h"
#include "programs.h"

namespace dn::cuda {

namespace {

class ExpressionSourceTest : public testing::Test {
 protected:
  ~ExpressionSourceTest() override {
    for (void* data : memory_) cudaFree(data);
  }

  // Runs it over arrays of bytes and returns the outputs'.
  std::vector<std::vector<uint8_t>> run(std::span<const dn_instruction> expression,
                                        const PointwiseParams& operands,
                                        const std::vector<std::vector<uint8_t>>& inputs,
                                        const std::vector<size_t>& output_bytes) {
    const PointwiseSource source = pointwise_source(expression, operands);
    const auto kernel = nvrtc_.compile(source.text, source.name, 90);
    PointwiseAddresses addresses{};
    for (size_t i = 0; i < inputs.size(); ++i) {
      void* data = allocate(inputs[i].size());
      EXPECT_EQ(cudaMemcpy(data, inputs[i].data(), inputs[i].size(), cudaMemcpyHostToDevice),
                cudaSuccess);
      addresses.inputs[i] = data;
    }
    for (size_t i = 0; i < output_bytes.size(); ++i)
      addresses.outputs[i] = allocate(output_bytes[i]);
    int64_t numel = 1;
    for (int i = 0; i < operands.rank; ++i) numel *= operands.dims[i];
    constexpr int64_t kPerBlock = kSourceBlock * kSourceVec;
    void* arguments[] = {&addresses};
    kernel->launch(nullptr, dim3((unsigned)((numel + kPerBlock - 1) / kPerBlock)),
                   dim3(kSourceBlock), 0, arguments);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    std::vector<std::vector<uint8_t>> results;
    for (size_t i = 0; i < output_bytes.size(); ++i) {
      results.emplace_back(output_bytes[i]);
      EXPECT_EQ(cudaMemcpy(results[i].data(), addresses.outputs[i], output_bytes[i],
                           cudaMemcpyDeviceToHost),
                cudaSuccess);
    }
    return results;
  }

 private:
  void* allocate(size_t bytes) {
    void* data = nullptr;
    EXPECT_EQ(cudaMalloc(&data, bytes), cudaSuccess);
    memory_.push_back(data);
    return data;
  }

  const CudaLibs libs_{"nvrtc"};
  vendor::Nvrtc nvrtc_;
  std::vector<void*> memory_;
};

template <typename T>
std::vector<uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
template <typename T>
std::vector<T> values_of(const std::vector<uint8_t>& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <typename T>
uint16_t code_of(T value) {
  uint16_t code;
  std::memcpy(&code, &value, sizeof code);
  return code;
}
template <typename T>
T from_code(uint16_t code) {
  T value;
  std::memcpy(&value, &code, sizeof code);
  return value;
}

PointwiseParams flat(int64_t count, const std::vector<dn_dtype>& inputs,
                     const std::vector<dn_dtype>& outputs) {
  PointwiseParams p;
  p.rank = 1;
  p.dims[0] = count;
  p.input_count = (int)inputs.size();
  p.output_count = (int)outputs.size();
  for (size_t i = 0; i < inputs.size(); ++i) p.inputs[i].dtype = inputs[i];
  for (size_t i = 0; i < outputs.size(); ++i) p.outputs[i].dtype = outputs[i];
  return p;
}

dn_instruction input(int index) {
  return {DN_OPCODE_INPUT, index, 0, 0, 0};
}

TEST_F(ExpressionSourceTest, EveryTypeOutOfFloats) {
  // Ties, overflow, denormals of float16, NaN, and random bits.
  std::vector<float> x{0.5f,      1.5f,       2.5f,         -0.5f,        -3.7f,
                       255.5f,    3e9f,       -3e9f,        1e19f,        INFINITY,
                       -INFINITY, NAN,        65519.0f,     65520.0f,     0x1p-24f,
                       0x1p-25f,  0x1.8p-25f, 0x1.ffcp-15f, 0x1.ffep-15f, -0.0f};
  uint32_t bits = 1;
  while (x.size() < 3000) x.push_back(std::bit_cast<float>(bits = bits * 1664525u + 1013904223u));
  const std::vector<dn_dtype> types{DN_DTYPE_F64, DN_DTYPE_F16, DN_DTYPE_BF16,
                                    DN_DTYPE_U8,  DN_DTYPE_I32, DN_DTYPE_I64};
  std::vector<dn_instruction> expression{input(0)};
  for (int i = 0; i < 6; ++i) expression.push_back({DN_OPCODE_OUTPUT, 0, i, 0, 0});
  const size_t n = x.size();
  const auto results = run(expression, flat((int64_t)n, {DN_DTYPE_F32}, types), {bytes_of(x)},
                           {8 * n, 2 * n, 2 * n, n, 4 * n, 8 * n});
  const auto f64 = values_of<double>(results[0]);
  const auto f16 = values_of<uint16_t>(results[1]), bf16 = values_of<uint16_t>(results[2]);
  const auto i32 = values_of<int32_t>(results[4]);
  const auto i64 = values_of<int64_t>(results[5]);
  for (size_t i = 0; i < n; ++i) {
    const bool nan = std::isnan(x[i]);
    ASSERT_TRUE(nan ? std::isnan(f64[i]) : f64[i] == x[i]);
    ASSERT_TRUE(nan ? (f16[i] & 0x7fff) > 0x7c00 : f16[i] == code_of(__float2half_rn(x[i])))
        << x[i] << " became " << f16[i];
    ASSERT_TRUE(nan ? (bf16[i] & 0x7fff) > 0x7f80 : bf16[i] == code_of(__float2bfloat16_rn(x[i])))
        << x[i] << " became " << bf16[i];
    const double whole = nan ? 0 : std::nearbyint((double)x[i]);
    ASSERT_EQ(results[3][i], std::clamp(whole, 0.0, 255.0));
    ASSERT_EQ(i32[i], std::clamp(whole, -2147483648.0, 2147483647.0));
    ASSERT_EQ(i64[i], whole >= 0x1p63 ? INT64_MAX : whole <= -0x1p63 ? INT64_MIN : (int64_t)whole);
  }
}

TEST_F(ExpressionSourceTest, EveryTypeIntoFloats) {
  std::vector<uint16_t> codes(65536);
  std::vector<uint8_t> u8(65536);
  std::vector<int64_t> i64(65536);
  for (size_t i = 0; i < codes.size(); ++i) {
    codes[i] = (uint16_t)i;
    u8[i] = (uint8_t)i;
    i64[i] = (int64_t)i - 30000;
  }
  const std::vector<dn_instruction> expression{input(0),
                                               input(1),
                                               input(2),
                                               input(3),
                                               {DN_OPCODE_OUTPUT, 0, 0, 0, 0},
                                               {DN_OPCODE_OUTPUT, 1, 1, 0, 0},
                                               {DN_OPCODE_ADD, 2, 3, 0, 0},
                                               {DN_OPCODE_OUTPUT, 6, 2, 0, 0}};
  const auto results =
      run(expression,
          flat(65536, {DN_DTYPE_F16, DN_DTYPE_BF16, DN_DTYPE_U8, DN_DTYPE_I64},
               {DN_DTYPE_F32, DN_DTYPE_F32, DN_DTYPE_F32}),
          {bytes_of(codes), bytes_of(codes), u8, bytes_of(i64)}, {4 * 65536, 4 * 65536, 4 * 65536});
  const auto f16 = values_of<float>(results[0]), bf16 = values_of<float>(results[1]);
  const auto sum = values_of<float>(results[2]);
  for (size_t i = 0; i < codes.size(); ++i) {
    const float half = __half2float(from_code<__half>(codes[i]));
    const float brain = __bfloat162float(from_code<__nv_bfloat16>(codes[i]));
    ASSERT_TRUE(std::isnan(half) ? std::isnan(f16[i]) : f16[i] == half) << "code " << i;
    ASSERT_TRUE(std::isnan(brain) ? std::isnan(bf16[i]) : bf16[i] == brain) << "code " << i;
    ASSERT_EQ(sum[i], (float)u8[i] + (float)i64[i]);
  }
}

TEST_F(ExpressionSourceTest, WalksAndOpcodes) {
  // x (3, 5, 7) flat, y a vector along the middle axis, z a number, w in another order of memory.
  PointwiseParams p;
  p.rank = 3;
  p.dims[0] = 3, p.dims[1] = 5, p.dims[2] = 7;
  p.input_count = 4;
  p.output_count = 2;
  const InputWalk walks[4] = {InputWalk::Flat, InputWalk::Periodic, InputWalk::Periodic,
                              InputWalk::Strided};
  const int64_t strides[4][3] = {{35, 7, 1}, {0, 1, 0}, {0, 0, 0}, {1, 21, 3}};
  for (int i = 0; i < 4; ++i) {
    p.inputs[i].walk = walks[i];
    std::copy_n(strides[i], 3, p.inputs[i].strides);
  }
  p.inputs[1].inner = 7;
  p.inputs[1].extent = 5;
  std::vector<float> x(105), y(5), z{0.75f}, w(105);
  for (int i = 0; i < 105; ++i) {
    x[i] = 0.03f * (float)i - 1.5f;
    w[i] = 2 - 0.05f * (float)i;
  }
  for (int i = 0; i < 5; ++i) y[i] = (float)i - 2;
  // select(x < y, max(x, z), exp(-|w|)) + sigmoid(w) tanh(y); erf(x) - (x >= w)
  const std::vector<dn_instruction> expression{input(0),
                                               input(1),
                                               input(2),
                                               input(3),
                                               {DN_OPCODE_LT, 0, 1, 0, 0},
                                               {DN_OPCODE_MAX, 0, 2, 0, 0},
                                               {DN_OPCODE_ABS, 3, 0, 0, 0},
                                               {DN_OPCODE_NEG, 6, 0, 0, 0},
                                               {DN_OPCODE_EXP, 7, 0, 0, 0},
                                               {DN_OPCODE_SELECT, 4, 5, 8, 0},
                                               {DN_OPCODE_SIGMOID, 3, 0, 0, 0},
                                               {DN_OPCODE_TANH, 1, 0, 0, 0},
                                               {DN_OPCODE_MUL, 10, 11, 0, 0},
                                               {DN_OPCODE_ADD, 9, 12, 0, 0},
                                               {DN_OPCODE_ERF, 0, 0, 0, 0},
                                               {DN_OPCODE_GE, 0, 3, 0, 0},
                                               {DN_OPCODE_SUB, 14, 15, 0, 0},
                                               {DN_OPCODE_OUTPUT, 13, 1, 0, 0},
                                               {DN_OPCODE_OUTPUT, 16, 0, 0, 0}};
  const auto results =
      run(expression, p, {bytes_of(x), bytes_of(y), bytes_of(z), bytes_of(w)}, {420, 420});
  const auto first = values_of<float>(results[0]), second = values_of<float>(results[1]);
  for (int i = 0; i < 105; ++i) {
    const double a = x[i], b = y[i / 7 % 5], c = w[i / 35 + i / 7 % 5 * 21 + i % 7 * 3];
    const double chosen = a < b ? std::max(a, 0.75) : std::exp(-std::abs(c));
    EXPECT_NEAR(first[i], std::erf(a) - (a >= c), 1e-6);
    EXPECT_NEAR(second[i], chosen + std::tanh(b) / (1 + std::exp(-c)), 1e-6);
  }
}

TEST_F(ExpressionSourceTest, AProgramTakesTheKernel) {
  const Prefer prefer("own:expression-nvrtc");
  const auto device = open_hostsim();
  const std::vector<float> x = small_integers(700, 1), y = small_integers(7, 2);
  const auto a = make_tensor(device.get(), {100, 7}, x), b = make_tensor(device.get(), {7}, y);
  const auto out = make_tensor(device.get(), {100, 7});
  ProgramBuilder program(device.get());
  // floor(x / 2) * y: not one of the compiled expressions.
  const std::vector<dn_instruction> expression{input(0),
                                               input(1),
                                               {DN_OPCODE_CONSTANT, 0, 0, 0, 0.5f},
                                               {DN_OPCODE_MUL, 0, 2, 0, 0},
                                               {DN_OPCODE_FLOOR, 3, 0, 0, 0},
                                               {DN_OPCODE_MUL, 4, 1, 0, 0},
                                               {DN_OPCODE_OUTPUT, 5, 0, 0, 0}};
  EXPECT_OK(program.pointwise(expression, {program.bind(a), program.bind(b)}, {program.bind(out)}));
  EXPECT_OK(dn_program_compile(program.get(), nullptr));
  for (int i = 0; i < 3; ++i) EXPECT_OK(program.run());  // step by step, then as a graph
  EXPECT_EQ(kernel_of(program.get()), "own:expression-nvrtc");
  const std::vector<float> result = read(out.get(), 700);
  for (size_t i = 0; i < 700; ++i) ASSERT_EQ(result[i], std::floor(x[i] / 2) * y[i % 7]);
}

TEST_F(ExpressionSourceTest, OneTextOneName) {
  const auto relu = expression_of("max x 0", {}), negate = expression_of("neg x", {});
  const PointwiseParams p = flat(100, {DN_DTYPE_F32}, {DN_DTYPE_F32});
  EXPECT_EQ(pointwise_source(relu, p).name, pointwise_source(relu, p).name);
  EXPECT_NE(pointwise_source(relu, p).name, pointwise_source(negate, p).name);
  EXPECT_NE(pointwise_source(relu, p).name,
            pointwise_source(relu, flat(100, {DN_DTYPE_BF16}, {DN_DTYPE_F32})).name);
}

}  // namespace

}  // namespace dn::cuda
