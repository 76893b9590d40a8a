// gemm against a naive product in double: every arithmetic, tile and arrangement of the operands.
#include "cuda/kernels/gemm.h"

#include <algorithm>
#include <ostream>
#include <random>

#include "cuda/expression.h"
#include "device_array.h"

namespace dn::cuda {
namespace {

constexpr GemmDepth kChannels = GemmDepth::AlongChannels, kPositions = GemmDepth::AlongPositions;

struct Arithmetic {
  const char* name;
  int dtype;
  GemmFloat32 float32;
  double product_error;  // relative, of one product

  friend std::ostream& operator<<(std::ostream& out, const Arithmetic& a) { return out << a.name; }
};
constexpr Arithmetic kArithmetics[] = {{"f32", DN_DTYPE_F32, GemmFloat32::Exact, 0x1p-23},
                                       {"tf32", DN_DTYPE_F32, GemmFloat32::Tf32, 0x1p-10},
                                       {"bf16", DN_DTYPE_BF16, GemmFloat32::Exact, 0x1p-23},
                                       {"f16", DN_DTYPE_F16, GemmFloat32::Exact, 0x1p-23}};

struct Case {
  int rows, columns, depth;
  GemmDepth a = kChannels, b = kChannels;
  int batch = 1;
  bool bias = false;
  GemmEpilogue epilogue = GemmEpilogue::None;
  int splits = 1;
  bool share_b = false;       // one B for the whole batch
  bool float_output = false;  // C is float32 whatever the operands are

  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.rows << "x" << c.columns << "x" << c.depth << " a " << (int)c.a << " b "
               << (int)c.b << " batch " << c.batch << " bias " << c.bias << " epilogue "
               << (int)c.epilogue << " splits " << c.splits << " share_b " << c.share_b
               << " float_output " << c.float_output;
  }
};

std::vector<float> random_values(std::mt19937& generator, int64_t count) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values((size_t)count);
  for (float& v : values) v = uniform(generator);
  return values;
}

// tanh(x * y + y): not a compiled epilogue.
const ExpressionProgram& tanh_of_product() {
  static const dn_instruction instructions[] = {
      {DN_OPCODE_INPUT, 0, 0, 0, 0}, {DN_OPCODE_INPUT, 1, 0, 0, 0}, {DN_OPCODE_MUL, 0, 1, 0, 0},
      {DN_OPCODE_ADD, 2, 1, 0, 0},   {DN_OPCODE_TANH, 3, 0, 0, 0},  {DN_OPCODE_OUTPUT, 4, 0, 0, 0}};
  static const ExpressionProgram program = *compile_expression(instructions);
  return program;
}

double apply(GemmEpilogue epilogue, double x, double y) {
  switch (epilogue) {
    case GemmEpilogue::Relu:
      return x < 0 ? 0 : x;
    case GemmEpilogue::ReluGradient:
      return y > 0 ? x : 0;
    case GemmEpilogue::Add:
      return x + y;
    case GemmEpilogue::AddRelu:
      return x + y < 0 ? 0 : x + y;
    case GemmEpilogue::Program:
      return std::tanh(x * y + y);
    default:
      return x;
  }
}

void check(const Arithmetic& arithmetic, const Case& c, const GemmPlan& plan) {
  SCOPED_TRACE(testing::Message() << arithmetic << " " << c << " tile " << (int)plan.tile
                                  << " vectors " << plan.vectors);
  std::mt19937 generator(7);
  const int64_t a_size = int64_t{c.rows} * c.depth, b_size = int64_t{c.columns} * c.depth;
  const int64_t c_size = int64_t{c.rows} * c.columns;
  const int out_dtype = c.float_output ? DN_DTYPE_F32 : arithmetic.dtype;
  const DeviceArray a(arithmetic.dtype, random_values(generator, a_size * c.batch));
  const DeviceArray b(arithmetic.dtype,
                      random_values(generator, b_size * (c.share_b ? 1 : c.batch)));
  const DeviceArray bias(DN_DTYPE_F32, random_values(generator, c.columns));
  const DeviceArray input(out_dtype, random_values(generator, c_size * c.batch));
  const DeviceArray out(out_dtype, c_size * c.batch), again(out_dtype, c_size * c.batch);

  Gemm g;
  g.rows = c.rows, g.columns = c.columns, g.depth = c.depth, g.batch = c.batch;
  g.dtype = arithmetic.dtype, g.float32 = arithmetic.float32;
  g.a_depth = c.a, g.b_depth = c.b;
  g.a = c.a == kChannels ? gemm_matrix(a.data(), c.rows, c.depth, c.depth, a_size)
                         : gemm_matrix(a.data(), c.depth, c.rows, c.rows, a_size);
  g.b = c.b == kChannels ? gemm_matrix(b.data(), c.columns, c.depth, c.depth, b_size)
                         : gemm_matrix(b.data(), c.depth, c.columns, c.columns, b_size);
  if (c.share_b) g.b.batch_stride = 0;
  g.c_dtype = out_dtype;
  g.c_pixel_stride = c.columns, g.c_batch_stride = c_size;
  if (c.bias) g.bias = bias.data();
  g.epilogue = c.epilogue;
  if (c.epilogue > GemmEpilogue::Relu) g.input[0] = input.data();
  if (c.epilogue == GemmEpilogue::Program) g.program = &tanh_of_product();

  const int64_t bytes = gemm_workspace_bytes(g, plan);
  const DeviceArray workspace(DN_DTYPE_F32, bytes / 4);
  g.c = out.data();
  gemm(nullptr, g, plan, workspace.data());
  g.c = again.data();
  gemm(nullptr, g, plan, workspace.data());
  const std::vector<float> result = out.read();
  workspace.read();
  const std::vector<float> repeated = again.read();
  ASSERT_TRUE(same_bits(result, repeated));

  const std::vector<float> va = a.initial(), vb = b.initial(), vbias = bias.initial(),
                           vinput = input.initial();
  for (int64_t item = 0; item < c.batch; ++item) {
    const float* pa = va.data() + item * a_size;
    const float* pb = vb.data() + (c.share_b ? 0 : item * b_size);
    for (int64_t i = 0; i < c.rows; ++i) {
      for (int64_t j = 0; j < c.columns; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < c.depth; ++k)
          sum += (double)pa[c.a == kChannels ? i * c.depth + k : k * c.rows + i] *
                 pb[c.b == kChannels ? j * c.depth + k : k * c.columns + j];
        if (c.bias) sum += vbias[(size_t)j];
        const size_t at = (size_t)(item * c_size + i * c.columns + j);
        const double expected = apply(c.epilogue, sum, vinput[at]);
        const double tolerance = 8 * arithmetic.product_error * std::sqrt(c.depth + 1.0) +
                                 epsilon_of(out_dtype) * std::abs(expected);
        const double error = std::abs(result[at] - expected);
        if (!(error <= tolerance)) {
          FAIL() << "C[" << item << "][" << i << "][" << j << "] = " << result[at] << ", expected "
                 << expected << ", error " << error << " > " << tolerance;
        }
      }
    }
  }
}

class GemmTest : public testing::TestWithParam<Arithmetic> {
 protected:
  void check_tiles(const Case& c, bool vectors) {
    for (const GemmTile tile : {GemmTile::Tile128x128, GemmTile::Tile128x64, GemmTile::Tile64x64})
      check(GetParam(), c, {tile, c.splits, vectors});
  }
};
INSTANTIATE_TEST_SUITE_P(All, GemmTest, testing::ValuesIn(kArithmetics),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(GemmTest, AlignedOperandsInEveryArrangement) {
  for (const GemmDepth a : {kChannels, kPositions})
    for (const GemmDepth b : {kChannels, kPositions}) {
      if (a == kPositions && b == kChannels) continue;  // built without vectors only
      check_tiles({136, 72, 80, a, b}, true);
    }
}

TEST_P(GemmTest, OddSizesInEveryArrangement) {
  for (const GemmDepth a : {kChannels, kPositions})
    for (const GemmDepth b : {kChannels, kPositions})
      check(GetParam(), {67, 35, 53, a, b}, {GemmTile::Tile64x64, 1, false});
}

TEST_P(GemmTest, SmallSizes) {
  for (const int rows : {1, 3})
    for (const int columns : {1, 10})
      for (const int depth : {0, 1, 7})
        check(GetParam(), {rows, columns, depth, kChannels, kPositions, 1, true},
              {GemmTile::Tile64x64, 1, false});
}

TEST_P(GemmTest, BiasAndEpilogues) {
  for (const GemmEpilogue epilogue :
       {GemmEpilogue::Relu, GemmEpilogue::ReluGradient, GemmEpilogue::Add, GemmEpilogue::AddRelu}) {
    check(GetParam(), {40, 24, 16, kChannels, kChannels, 1, true, epilogue},
          {GemmTile::Tile64x64, 1, true});
    check(GetParam(), {9, 11, 5, kChannels, kChannels, 1, true, epilogue},
          {GemmTile::Tile64x64, 1, false});
  }
}

TEST_P(GemmTest, AnyExpression) {
  for (const int splits : {1, 3}) {
    check(GetParam(), {24, 40, 128, kChannels, kPositions, 2, true, GemmEpilogue::Program, splits},
          {GemmTile::Tile64x64, splits, true});
    check(GetParam(), {9, 11, 70, kChannels, kChannels, 1, false, GemmEpilogue::Program, splits},
          {GemmTile::Tile64x64, splits, false});
  }
}

TEST_P(GemmTest, BatchesAndFloatOutput) {
  check(GetParam(), {17, 16, 24, kChannels, kChannels, 3}, {GemmTile::Tile64x64, 1, true});
  check(GetParam(), {17, 16, 24, kChannels, kPositions, 3, true, GemmEpilogue::Relu, 1, true},
        {GemmTile::Tile64x64, 1, true});
  check(GetParam(),
        {17, 16, 24, kPositions, kPositions, 1, false, GemmEpilogue::None, 1, false, true},
        {GemmTile::Tile64x64, 1, false});
}

TEST_P(GemmTest, PartsOfTheDepthAreAddedInOrder) {
  for (const int splits : {2, 3, 7}) {
    check(GetParam(), {24, 40, 300, kPositions, kPositions, 2, true, GemmEpilogue::AddRelu, splits},
          {GemmTile::Tile64x64, splits, false});
    check(GetParam(), {24, 40, 304, kChannels, kPositions, 1, true, GemmEpilogue::Relu, splits},
          {GemmTile::Tile64x64, splits, true});
  }
  check(GetParam(), {5, 7, 200, kChannels, kChannels, 1, true, GemmEpilogue::ReluGradient, 4},
        {GemmTile::Tile64x64, 4, false});
}

TEST_P(GemmTest, PlansByShape) {
  Gemm g;
  g.dtype = GetParam().dtype, g.float32 = GetParam().float32;
  g.rows = g.columns = 4096, g.depth = 1024;
  g.a = gemm_matrix(nullptr, 4096, 1024, 1024);
  g.b = gemm_matrix(nullptr, 4096, 1024, 1024);
  GemmPlan plan = plan_gemm(g, 132);
  EXPECT_EQ(GemmTile::Tile128x128, plan.tile);
  EXPECT_EQ(1, plan.splits);
  EXPECT_TRUE(plan.vectors);
  EXPECT_EQ(0, gemm_workspace_bytes(g, plan));

  // A gradient of a small weight: few tiles, long depth.
  g.rows = g.columns = 64, g.depth = 100000;
  g.a_depth = g.b_depth = kPositions;
  g.a = g.b = gemm_matrix(nullptr, 100000, 64, 64);
  plan = plan_gemm(g, 132);
  EXPECT_GT(plan.splits, 8);
  EXPECT_EQ(4LL * plan.splits * 64 * 64, gemm_workspace_bytes(g, plan));

  g.columns = 10;
  g.b = gemm_matrix(nullptr, 100000, 10, 10);
  EXPECT_FALSE(plan_gemm(g, 132).vectors);
}

TEST(GemmEmptyTest, LaunchesNothing) {
  Gemm g;
  g.rows = 0, g.columns = 8, g.depth = 8;
  g.a = g.b = gemm_matrix(nullptr, 0, 8, 8);
  gemm(nullptr, g, plan_gemm(g, 132), nullptr);
  g.rows = 8, g.batch = 0;
  gemm(nullptr, g, plan_gemm(g, 132), nullptr);
  EXPECT_EQ(cudaSuccess, cudaDeviceSynchronize());
}

}  // namespace
}  // namespace dn::cuda
