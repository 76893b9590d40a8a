// Copies between arrangements, against the definition, in every instruction set.
#include "cpu/kernels/strided_copy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace dn::cpu {
namespace {

struct Case {
  const char* name;
  std::vector<CopyAxis> axes;
  int64_t first = 0;  // element of the source where it begins
};

// The bytes of source and destination that the copy reaches.
template <typename T>
void check(const Case& c, int threads) {
  StridedCopy copy;
  copy.element_bytes = sizeof(T);
  int64_t largest = c.first, last = 0;
  for (const CopyAxis& axis : c.axes) {
    copy.add(axis.extent, axis.from, axis.to);
    if (axis.from > 0) largest += (axis.extent - 1) * axis.from;
    last += (axis.extent - 1) * axis.to;
  }
  std::vector<T> source((size_t)largest + 1), found((size_t)last + 2, (T)0x77), expected = found;
  for (size_t i = 0; i < source.size(); ++i) source[i] = (T)((i + 1) * 2654435761u >> 5);
  std::vector<int64_t> at(c.axes.size(), 0);
  for (int64_t i = 0; i < copy.numel(); ++i) {
    int64_t from = c.first, to = 0;
    for (size_t axis = 0; axis < at.size(); ++axis) {
      from += at[axis] * c.axes[axis].from;
      to += at[axis] * c.axes[axis].to;
    }
    expected[(size_t)to] = source[(size_t)from];
    for (size_t axis = at.size(); axis-- > 0 && ++at[axis] == c.axes[axis].extent;) at[axis] = 0;
  }
  const auto run = [&](const char* isa, const StridedCopyTable& table) {
    std::vector<T> result = found;
    table.run(copy.simplified(), source.data() + c.first, result.data(), threads);
    EXPECT_EQ(result, expected) << c.name << ", " << sizeof(T) << " bytes, " << isa;
  };
  run("baseline", baseline::strided_copy_table);
  if (best_isa() >= Isa::Avx2) run("avx2", avx2::strided_copy_table);
  if (best_isa() >= Isa::Avx512) run("avx512", avx512::strided_copy_table);
}

const Case kCases[] = {
    {"one element", {}},
    {"dense", {{3, 700, 700}, {700, 1, 1}}},
    {"rows of 1", {{5, 3, 1}}},
    {"rows of 2", {{5, 4, 2}, {2, 1, 1}}},
    {"rows of 7", {{9, 11, 7}, {7, 1, 1}}},
    {"rows of 37", {{5, 40, 41}, {37, 1, 1}}},
    {"rows of 600", {{3, 601, 700}, {600, 1, 1}}},
    {"a long row", {{100000, 1, 1}}},
    {"flipped", {{4, 50, 50}, {50, -1, 1}}, 49},
    {"flipped outside", {{4, -50, 50}, {50, 1, 1}}, 150},
    {"every second", {{3, 100, 50}, {50, 2, 1}}},
    {"every third, with gaps", {{3, 100, 90}, {30, 3, 2}}},
    {"16 x 16", {{16, 1, 16}, {16, 16, 1}}},
    {"transposed", {{37, 1, 45}, {45, 37, 1}}},
    {"transposed, narrow", {{130, 1, 3}, {3, 130, 1}}},
    {"transposed, wide", {{5, 1, 1300}, {1300, 5, 1}}},
    {"channels last", {{2, 20 * 35, 20 * 35}, {35, 1, 20}, {20, 35, 1}}},
    {"channels first", {{2, 20 * 35, 20 * 35}, {20, 1, 35}, {35, 20, 1}}},
    {"heads", {{2, 5 * 3 * 8, 5 * 3 * 8}, {3, 8, 5 * 8}, {5, 3 * 8, 8}, {8, 1, 1}}},
    {"reversed axes", {{2, 1, 105}, {3, 2, 35}, {5, 6, 7}, {7, 30, 1}}},
    {"nothing", {{0, 1, 1}, {5, 1, 1}}},
};

class Copies : public ::testing::TestWithParam<Case> {};

TEST_P(Copies, AllElements) {
  for (int threads : {1, 3}) {
    check<uint8_t>(GetParam(), threads);
    check<uint16_t>(GetParam(), threads);
    check<uint32_t>(GetParam(), threads);
    check<uint64_t>(GetParam(), threads);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Copies, ::testing::ValuesIn(kCases));

TEST(Copies, JoinAxes) {
  StridedCopy copy;
  copy.add(3, 1, 20);  // moves behind the others
  copy.add(1, 99, 99);
  copy.add(5, 12, 240);
  copy.add(4, 3, 60);
  const StridedCopy joined = copy.simplified();
  ASSERT_EQ(joined.rank, 1);
  EXPECT_EQ(joined.axes[0].extent, 60);
  EXPECT_EQ(joined.axes[0].from, 1);
  EXPECT_EQ(joined.axes[0].to, 20);
}

}  // namespace
}  // namespace dn::cpu
