// column_sum against sums in double.
#include "cuda/kernels/column_sum.h"

#include <random>

#include "device_array.h"

namespace dn::cuda {
namespace {

struct Case {
  int64_t rows, columns;
  int x_dtype, y_dtype;
};

TEST(ColumnSumTest, AgainstSumsInDouble) {
  std::vector<Case> cases;
  for (const int dtype : {DN_DTYPE_F32, DN_DTYPE_BF16, DN_DTYPE_F16}) {
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{0, 8},
                                        {1, 1},
                                        {7, 10},
                                        {300, 3},
                                        {50, 64},
                                        {2001, 36},
                                        {129, 300},
                                        {40, 513}}) {
      cases.push_back({rows, columns, dtype, dtype});
      cases.push_back({rows, columns, dtype, DN_DTYPE_F32});
    }
  }
  std::mt19937 generator(5);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message()
                 << c.rows << "x" << c.columns << " dtype " << c.x_dtype << " to " << c.y_dtype);
    std::vector<float> values((size_t)(c.rows * c.columns));
    for (float& v : values) v = uniform(generator);
    const DeviceArray x(c.x_dtype, values), y(c.y_dtype, c.columns), again(c.y_dtype, c.columns);
    const DeviceArray workspace(DN_DTYPE_F32, column_sum_workspace_bytes(c.rows, c.columns) / 4);
    ColumnSum sum{c.rows, c.columns, x.data(), c.x_dtype, y.data(), c.y_dtype};
    column_sum(nullptr, sum, workspace.data());
    sum.y = again.data();
    column_sum(nullptr, sum, workspace.data());
    const std::vector<float> result = y.read(), repeated = again.read(), held = x.initial();
    workspace.read();
    ASSERT_TRUE(same_bits(result, repeated));
    for (int64_t column = 0; column < c.columns; ++column) {
      double expected = 0;
      for (int64_t row = 0; row < c.rows; ++row)
        expected += held[(size_t)(row * c.columns + column)];
      const double tolerance =
          0x1p-21 * std::sqrt((double)c.rows + 1) + epsilon_of(c.y_dtype) * std::abs(expected);
      ASSERT_TRUE(std::abs(result[(size_t)column] - expected) <= tolerance)
          << "column " << column << " is " << result[(size_t)column] << ", expected " << expected;
    }
  }
}

}  // namespace
}  // namespace dn::cuda
