// Tensors side by side, against the definition.
#include "cuda/kernels/concat.h"

#include <memory>
#include <random>

#include "typed_array.h"

namespace dn::cuda {
namespace {

struct Case {
  int64_t rows;
  std::vector<int64_t> row_bytes;
  size_t misalign = 0;
};

class Concat : public ::testing::TestWithParam<Case> {};

TEST_P(Concat, PutsRowsSideBySide) {
  const Case& c = GetParam();
  std::mt19937 random(11);
  std::vector<std::vector<uint8_t>> values;
  std::vector<std::unique_ptr<TypedArray<uint8_t>>> arrays;
  std::vector<ConcatSource> sources;
  for (int64_t bytes : c.row_bytes) {
    values.emplace_back((size_t)(c.rows * bytes));
    for (uint8_t& byte : values.back()) byte = (uint8_t)random();
    arrays.push_back(std::make_unique<TypedArray<uint8_t>>(values.back(), c.misalign));
    sources.push_back({arrays.back()->data(), bytes});
  }
  std::vector<uint8_t> expected;
  for (int64_t row = 0; row < c.rows; ++row)
    for (size_t i = 0; i < values.size(); ++i)
      expected.insert(expected.end(), values[i].begin() + row * c.row_bytes[i],
                      values[i].begin() + (row + 1) * c.row_bytes[i]);
  for (bool wide : {false, true}) {
    TypedArray<uint8_t> y(expected.size(), c.misalign);
    concat(nullptr, {sources.data(), (int64_t)sources.size(), y.data(), c.rows, wide});
    EXPECT_EQ(y.read(), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Concat,
                         ::testing::Values(Case{1, {16}}, Case{3, {64, 32, 16, 48}},
                                           Case{5, {12, 4, 20}}, Case{2, {1, 2, 3}},
                                           Case{3, {6, 2}}, Case{2, {8, 0, 24}}, Case{4, {0, 16}},
                                           Case{2, {16, 16}, 1}, Case{0, {4, 8}}, Case{2, {0, 0}},
                                           Case{2, std::vector<int64_t>(16, 4)},
                                           Case{3, std::vector<int64_t>(35, 4)},
                                           Case{2, {1200, 4004}}));

}  // namespace
}  // namespace dn::cuda
