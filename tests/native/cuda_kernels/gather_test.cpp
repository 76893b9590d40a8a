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

}  // namespace
}  // namespace dn::cuda
