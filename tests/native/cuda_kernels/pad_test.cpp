// Padding forward and backward, against the definition.
#include "cuda/kernels/pad.h"

#include <cstdlib>

#include "typed_array.h"

namespace dn::cuda {
namespace {

struct Case {
  dn_pad_mode mode;
  std::vector<PadAxis> axes;  // y is filled in
  std::vector<int64_t> end;
  size_t misalign = 0;
};

int64_t source_of(dn_pad_mode mode, const PadAxis& axis, int64_t j) {
  int64_t i = j - axis.begin;
  if (mode == DN_PAD_EDGE) return i < 0 ? 0 : i >= axis.x ? axis.x - 1 : i;
  if (mode == DN_PAD_REFLECT) {
    i = std::abs(i);
    return axis.x - 1 - std::abs(axis.x - 1 - i);
  }
  if (i < 0 || i % axis.step != 0 || i / axis.step >= axis.x) return -1;
  return i / axis.step;
}

PadParams make(const Case& c, int32_t element_bytes) {
  PadParams p;
  p.mode = c.mode;
  p.element_bytes = element_bytes;
  p.rank = (int32_t)c.axes.size();
  for (int i = 0; i < p.rank; ++i) {
    PadAxis axis = c.axes[i];
    axis.y = axis.begin + (axis.x > 0 ? (axis.x - 1) * axis.step + 1 : 0) + c.end[i];
    p.axes[i] = axis;
  }
  return p;
}

// For each element of y that of x it comes from; -1: none.
std::vector<int64_t> sources(const PadParams& p) {
  std::vector<int64_t> found{0};
  for (int i = 0; i < p.rank; ++i) {
    std::vector<int64_t> next;
    for (int64_t outer : found)
      for (int64_t j = 0; j < p.axes[i].y; ++j) {
        const int64_t from = source_of(p.mode, p.axes[i], j);
        next.push_back(outer < 0 || from < 0 ? -1 : outer * p.axes[i].x + from);
      }
    found = next;
  }
  return found;
}

int64_t numel_of_x(const PadParams& p) {
  int64_t count = 1;
  for (int i = 0; i < p.rank; ++i) count *= p.axes[i].x;
  return count;
}

template <typename T>
void check_forward(const Case& c) {
  PadParams p = make(c, sizeof(T));
  const std::vector<int64_t> from = sources(p);
  std::vector<T> values((size_t)numel_of_x(p)), expected;
  for (size_t i = 0; i < values.size(); ++i) values[i] = (T)((i + 1) * 2654435761u >> 3);
  p.value = 0x8040201010204080u;
  for (int64_t i : from) expected.push_back(i < 0 ? (T)p.value : values[(size_t)i]);
  const TypedArray<T> x(values, c.misalign);
  for (bool wide : {false, true}) {
    const TypedArray<T> y(expected.size(), c.misalign);
    p.source = x.data();
    p.destination = y.data();
    p.wide_index = wide;
    pad(nullptr, p);
    EXPECT_EQ(y.read(), expected) << sizeof(T) << "-byte elements";
  }
}

class Pad : public ::testing::TestWithParam<Case> {};

TEST_P(Pad, CopiesAndFills) {
  check_forward<uint8_t>(GetParam());
  check_forward<uint16_t>(GetParam());
  check_forward<uint32_t>(GetParam());
  check_forward<uint64_t>(GetParam());
}

TEST_P(Pad, GradientsAreAddedUp) {
  if (GetParam().mode == DN_PAD_CONSTANT) return;  // a slice, which is not this kernel
  PadParams p = make(GetParam(), 4);
  const std::vector<int64_t> from = sources(p);
  std::vector<float> gradients(from.size()), expected((size_t)numel_of_x(p));
  for (size_t i = 0; i < from.size(); ++i) {
    gradients[i] = (float)(i % 64);  // sums are exact
    expected[(size_t)from[i]] += gradients[i];
  }
  const TypedArray<float> dy(gradients);
  for (bool wide : {false, true}) {
    const TypedArray<float> dx(expected.size());
    p.source = dy.data();
    p.destination = dx.data();
    p.wide_index = wide;
    pad_backward(nullptr, p);
    EXPECT_EQ(dx.read(), expected);
  }
}

const Case kCases[] = {
    {DN_PAD_CONSTANT, {{5, 0, 2}}, {3}},
    {DN_PAD_CONSTANT, {{6, 0, 0}, {5, 0, 1}, {7, 0, 1}}, {0, 1, 2}},
    {DN_PAD_CONSTANT, {{3, 0, 1}, {16, 0, 0}}, {1, 0}},  // rows stay whole
    {DN_PAD_CONSTANT, {{3, 0, 1}, {16, 0, 0}}, {1, 0}, 1},
    {DN_PAD_CONSTANT, {{4, 0, 1, 3}, {3, 0, 0, 2}}, {2, 1}},
    {DN_PAD_CONSTANT, {{0, 0, 2}, {3, 0, 0}}, {1, 1}},
    {DN_PAD_CONSTANT, {{1, 0, 0, 4}}, {0}},
    {DN_PAD_CONSTANT, {{2, 0, 1}, {0, 0, 0}}, {1, 0}},
    {DN_PAD_CONSTANT, {}, {}},
    {DN_PAD_REFLECT, {{5, 0, 4}}, {4}},
    {DN_PAD_REFLECT, {{2, 0, 0}, {5, 0, 2}, {4, 0, 3}}, {0, 1, 0}},
    {DN_PAD_REFLECT, {{3, 0, 1}, {8, 0, 0}}, {2, 0}},
    {DN_PAD_REFLECT, {{1, 0, 0}}, {0}},
    {DN_PAD_EDGE, {{5, 0, 7}}, {6}},
    {DN_PAD_EDGE, {{2, 0, 0}, {5, 0, 2}, {1, 0, 3}}, {0, 1, 2}},
    {DN_PAD_EDGE, {{3, 0, 1}, {8, 0, 0}}, {2, 0}},
    {DN_PAD_EDGE, {{2, 0, 1}, {2, 0, 1}, {2, 0, 0}, {2, 0, 2}}, {1, 0, 1, 1}},
};

INSTANTIATE_TEST_SUITE_P(Cases, Pad, ::testing::ValuesIn(kCases));

}  // namespace
}  // namespace dn::cuda
