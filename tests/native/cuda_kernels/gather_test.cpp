// Rows by their indices, against the definition.
#include "cuda/kernels/gather.h"

#include <cstring>
#include <random>

#include "typed_array.h"

namespace dn::cuda {
namespace {

struct Case {
  int64_t table_rows, row_bytes, index_count, rows, position;
  bool advance;
  size_t misalign;
};

std::vector<uint8_t> random_bytes(size_t count, std::mt19937& random) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = (uint8_t)random();
  return bytes;
}

constexpr unsigned long long kNoFault = ~0ull;

class GatherRows : public ::testing::TestWithParam<Case> {};

TEST_P(GatherRows, AreThoseOfTheList) {
  const Case& c = GetParam();
  std::mt19937 random(7);
  const auto table = random_bytes((size_t)(c.table_rows * c.row_bytes), random);
  std::vector<int32_t> list((size_t)c.index_count);
  for (int32_t& index : list) index = (int32_t)(random() % (unsigned)c.table_rows);
  TypedArray<uint8_t> x(table, c.misalign), y((size_t)(c.rows * c.row_bytes), c.misalign);
  TypedArray<int32_t> indices(list);
  TypedArray<int64_t> position(std::vector<int64_t>{c.position});
  TypedArray<unsigned long long> faults(std::vector<unsigned long long>{kNoFault, kNoFault});
  GatherParams p;
  p.x = x.data();
  p.indices = indices.data();
  p.position = position.data();
  p.y = y.data();
  p.table_rows = c.table_rows;
  p.index_count = c.index_count;
  p.rows = c.rows;
  p.row_bytes = c.row_bytes;
  p.advance = c.advance;
  p.bad_index = faults.data();
  p.bad_position = faults.data() + 1;
  gather_rows(nullptr, p);
  const auto found = y.read();
  for (int64_t i = 0; i < c.rows; ++i)
    ASSERT_EQ(0, std::memcmp(&found[(size_t)(i * c.row_bytes)],
                             &table[(size_t)(list[(size_t)(c.position + i)] * c.row_bytes)],
                             (size_t)c.row_bytes))
        << "row " << i;
  EXPECT_EQ(position.read()[0], c.position + (c.advance ? c.rows : 0));
  EXPECT_EQ(faults.read(), (std::vector<unsigned long long>{kNoFault, kNoFault}));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, GatherRows,
    ::testing::Values(Case{5, 4, 9, 9, 0, true, 0},           // labels: one block
                      Case{5, 4, 3000, 2000, 1000, true, 0},  // labels of more than one block
                      Case{7, 784, 20, 8, 12, false, 0}, Case{7, 784, 20, 8, 3, true, 0},
                      Case{7, 784, 20, 8, 3, true, 1},  // nothing is aligned
                      Case{3, 1, 5, 4, 1, true, 0}, Case{3, 6, 5, 5, 0, false, 0},
                      Case{3, 24, 5, 5, 0, true, 0}, Case{1, 16, 1, 1, 0, true, 0},
                      Case{4, 5000, 6, 3, 2, true, 0}, Case{3, 4, 5, 0, 5, true, 0}));

TEST(GatherFaults, AreNamedAndChangeNothingElse) {
  TypedArray<int32_t> x(std::vector<int32_t>{10, 20, 30}), y(4);
  TypedArray<int32_t> indices(std::vector<int32_t>{0, 3, 2, -1, 1});
  TypedArray<int64_t> position(std::vector<int64_t>{0});
  TypedArray<unsigned long long> faults(std::vector<unsigned long long>{kNoFault, kNoFault});
  GatherParams p;
  p.x = x.data();
  p.indices = indices.data();
  p.position = position.data();
  p.y = y.data();
  p.table_rows = 3;
  p.index_count = 5;
  p.rows = 4;
  p.row_bytes = 4;
  p.advance = true;
  p.bad_index = faults.data();
  p.bad_position = faults.data() + 1;
  gather_rows(nullptr, p);
  EXPECT_EQ(y.read(), (std::vector<int32_t>{10, 0, 30, 0}));
  EXPECT_EQ(faults.read(), (std::vector<unsigned long long>{(1ull << 32) | 3u, kNoFault}));

  for (const int64_t outside : {int64_t{2}, int64_t{-1}, int64_t{5}}) {
    faults.write({kNoFault, kNoFault});
    position.write({outside});
    gather_rows(nullptr, p);
    EXPECT_EQ(y.read(), (std::vector<int32_t>{10, 0, 30, 0}));
    EXPECT_EQ(position.read()[0], outside);
    EXPECT_EQ(faults.read(),
              (std::vector<unsigned long long>{kNoFault, (unsigned long long)(uint32_t)outside}));
  }
}

struct ScatterCase {
  int64_t rows, count, width;
  int32_t padding;
  int multiprocessors;
};

class ScatterRows : public ::testing::TestWithParam<ScatterCase> {};

// Float sums in ascending order have one value, whatever the grid.
TEST_P(ScatterRows, AddInAscendingOrder) {
  const ScatterCase& c = GetParam();
  std::mt19937 random(3);
  std::vector<int32_t> list((size_t)c.count);
  for (int32_t& index : list) index = (int32_t)(random() % (unsigned)c.rows);
  const auto gradient = random_floats((size_t)(c.count * c.width), 5);
  std::vector<float> expected((size_t)(c.rows * c.width));
  for (int64_t i = 0; i < c.count; ++i)
    for (int64_t j = 0; j < c.width && list[(size_t)i] != c.padding; ++j)
      expected[(size_t)(list[(size_t)i] * c.width + j)] += gradient[(size_t)(i * c.width + j)];
  TypedArray<float> x(gradient), y((size_t)(c.rows * c.width));
  TypedArray<int32_t> indices(list);
  TypedArray<unsigned long long> fault(std::vector<unsigned long long>{kNoFault});
  ScatterRowsParams p;
  p.gradient = x.data();
  p.indices = indices.data();
  p.y = y.data();
  p.rows = c.rows;
  p.count = c.count;
  p.width = c.width;
  p.padding = c.padding;
  p.multiprocessors = c.multiprocessors;
  p.bad_index = fault.data();
  scatter_rows(nullptr, p);
  EXPECT_EQ(y.read(), expected);
  EXPECT_EQ(fault.read()[0], kNoFault);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ScatterRows,
    ::testing::Values(ScatterCase{10, 40, 16, -1, 1}, ScatterCase{10, 40, 16, 3, 100},
                      ScatterCase{1, 5000, 3, -1, 4},  // one row, many chunks
                      ScatterCase{3, 2100, 1, 0, 4}, ScatterCase{50, 7, 300, -1, 1},
                      ScatterCase{9000, 5, 1, -1, 1},  // more than one range
                      ScatterCase{70, 33, 257, 69, 8}, ScatterCase{4, 0, 5, -1, 2},
                      ScatterCase{4, 5, 0, -1, 2}));

struct AlongCase {
  int64_t outer, extent, count, inner;
  int multiprocessors;
};

class GatherAlong : public ::testing::TestWithParam<AlongCase> {};

TEST_P(GatherAlong, AndItsSums) {
  const AlongCase& c = GetParam();
  std::mt19937 random(9);
  std::vector<int32_t> list((size_t)(c.outer * c.count * c.inner));
  for (int32_t& index : list) index = (int32_t)(random() % (unsigned)c.extent);
  const auto large = random_floats((size_t)(c.outer * c.extent * c.inner), 1);
  const auto small = random_floats(list.size(), 2);
  std::vector<float> taken(list.size()), sums(large.size());
  for (size_t place = 0; place < list.size(); ++place) {
    const auto o = (int64_t)place / (c.count * c.inner), j = (int64_t)place % c.inner;
    const auto element = (size_t)((o * c.extent + list[place]) * c.inner + j);
    taken[place] = large[element];
    sums[element] += small[place];
  }
  TypedArray<float> x(large), y(list.size()), gradient(small), grad_input(large.size());
  TypedArray<int32_t> indices(list);
  TypedArray<unsigned long long> fault(std::vector<unsigned long long>{kNoFault});
  AlongParams p;
  p.x = x.data();
  p.indices = indices.data();
  p.y = y.data();
  p.outer = c.outer;
  p.extent = c.extent;
  p.count = c.count;
  p.inner = c.inner;
  p.multiprocessors = c.multiprocessors;
  p.bad_index = fault.data();
  gather_along(nullptr, p);
  EXPECT_EQ(y.read(), taken);
  p.x = gradient.data();
  p.y = grad_input.data();
  scatter_along(nullptr, p);
  EXPECT_EQ(grad_input.read(), sums);
  EXPECT_EQ(fault.read()[0], kNoFault);
}

INSTANTIATE_TEST_SUITE_P(Cases, GatherAlong,
                         ::testing::Values(AlongCase{3, 7, 4, 5, 1}, AlongCase{1, 9, 30, 1, 64},
                                           AlongCase{2, 300, 500, 1, 4}, AlongCase{1, 5, 9, 300, 2},
                                           AlongCase{4, 100, 3, 33, 1},
                                           AlongCase{1, 9000, 20, 1, 1}, AlongCase{0, 3, 4, 5, 1},
                                           AlongCase{2, 3, 0, 5, 1}));

TEST(GatherAlongElements, OfEverySize) {
  const std::vector<uint8_t> bytes{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                   13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
  const std::vector<int32_t> list{2, 0, 0, 1};
  TypedArray<int32_t> indices(list);
  TypedArray<unsigned long long> fault(std::vector<unsigned long long>{kNoFault});
  for (const int size : {1, 2, 4, 8}) {
    TypedArray<uint64_t> x(3), y(4);  // aligned for all
    expect_ok(cudaMemcpy(x.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice));
    AlongParams p;
    p.x = x.data();
    p.indices = indices.data();
    p.y = y.data();
    p.extent = 3;
    p.count = 4;
    p.element_bytes = size;
    p.bad_index = fault.data();
    gather_along(nullptr, p);
    std::vector<uint8_t> found((size_t)(4 * size));
    (void)y.read();
    expect_ok(cudaMemcpy(found.data(), y.data(), found.size(), cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < list.size(); ++i)
      EXPECT_EQ(
          0, std::memcmp(&found[i * (size_t)size], &bytes[(size_t)(list[i] * size)], (size_t)size));
  }
  EXPECT_EQ(fault.read()[0], kNoFault);
}

TEST(GatherFaults, OfSumsAreNamedAndCountNothing) {
  TypedArray<float> gradient(std::vector<float>{1, 2, 4, 8, 16}), y(3);
  TypedArray<int32_t> indices(std::vector<int32_t>{0, 2, 3, -1, 0});
  TypedArray<unsigned long long> fault(std::vector<unsigned long long>{kNoFault});
  ScatterRowsParams rows;
  rows.gradient = gradient.data();
  rows.indices = indices.data();
  rows.y = y.data();
  rows.rows = 3;
  rows.count = 5;
  rows.width = 1;
  rows.bad_index = fault.data();
  scatter_rows(nullptr, rows);
  EXPECT_EQ(y.read(), (std::vector<float>{17, 0, 2}));
  EXPECT_EQ(fault.read()[0], (2ull << 32) | 3u);
  fault.write({kNoFault});
  AlongParams along;
  along.x = gradient.data();
  along.indices = indices.data();
  along.y = y.data();
  along.extent = 3;
  along.count = 5;
  along.bad_index = fault.data();
  scatter_along(nullptr, along);
  EXPECT_EQ(y.read(), (std::vector<float>{17, 0, 2}));
  EXPECT_EQ(fault.read()[0], (2ull << 32) | 3u);
}

}  // namespace
}  // namespace dn::cuda
