#include "cuda/kernels/layout_change.h"

#include <numeric>

#include "typed_array.h"

namespace dn::cuda {

namespace {

struct Case {
  std::vector<int64_t> shape;  // the source's, row-major
  std::vector<int> order;      // destination axis i is source axis order[i]
};

template <typename T>
void check_permutation(const Case& c, size_t misalign = 0) {
  const int rank = (int)c.shape.size();
  std::vector<int64_t> strides(rank, 1);
  for (int i = rank - 2; i >= 0; --i) strides[i] = strides[i + 1] * c.shape[i + 1];
  int64_t numel = 1;
  for (int64_t dim : c.shape) numel *= dim;

  std::vector<T> values((size_t)numel);
  for (int64_t i = 0; i < numel; ++i) values[(size_t)i] = (T)(i * 2654435761u >> 3);
  std::vector<T> expected;
  LayoutChange p;
  p.element_bytes = sizeof(T);
  p.rank = rank;
  for (int i = 0; i < rank; ++i) {
    p.dims[i] = c.shape[c.order[i]];
    p.source_strides[i] = strides[c.order[i]];
  }
  std::vector<int64_t> at(rank, 0);
  for (int64_t i = 0; i < numel; ++i) {
    int64_t offset = 0;
    for (int axis = 0; axis < rank; ++axis) offset += at[axis] * p.source_strides[axis];
    expected.push_back(values[(size_t)offset]);
    for (int axis = rank - 1; axis >= 0 && ++at[axis] == p.dims[axis]; --axis) at[axis] = 0;
  }

  const TypedArray<T> source(values, misalign), destination((size_t)numel, misalign);
  p.source = source.data();
  p.destination = destination.data();
  for (int run = 0; run < 3; ++run) {
    p.wide_index = run == 2;
    change_layout(nullptr, p);
    EXPECT_EQ(destination.read(), expected) << sizeof(T) << "-byte elements";
  }
  EXPECT_EQ(source.read(), values);
}

void check_all_sizes(const Case& c) {
  check_permutation<uint8_t>(c);
  check_permutation<uint16_t>(c);
  check_permutation<uint32_t>(c);
  check_permutation<uint64_t>(c);
  check_permutation<uint8_t>(c, 3);
  check_permutation<uint16_t>(c, 1);
  check_permutation<uint32_t>(c, 1);
}

TEST(LayoutChange, CopiesWhatStaysInOrder) {
  check_all_sizes({{}, {}});
  check_all_sizes({{1}, {0}});
  check_all_sizes({{1037}, {0}});
  check_all_sizes({{4, 64}, {0, 1}});
  check_all_sizes({{3, 1, 5, 7}, {0, 1, 2, 3}});
  check_all_sizes({{5, 1, 7, 1}, {1, 0, 3, 2}});  // axes of extent 1 may go anywhere
}

TEST(LayoutChange, TransposesThroughTiles) {
  check_all_sizes({{8, 8}, {1, 0}});
  check_all_sizes({{33, 65}, {1, 0}});
  check_all_sizes({{100, 9}, {1, 0}});
  check_all_sizes({{3, 17, 5, 7}, {0, 2, 3, 1}});  // channels last
  check_all_sizes({{3, 5, 7, 17}, {0, 3, 1, 2}});  // and back
  check_all_sizes({{2, 16, 3, 4, 5}, {0, 2, 3, 4, 1}});
  check_all_sizes({{2, 64, 8, 8}, {0, 2, 3, 1}});
}

TEST(LayoutChange, GathersShortAxes) {
  check_all_sizes({{2, 3, 9, 11}, {0, 2, 3, 1}});
  check_all_sizes({{2, 9, 11, 3}, {0, 3, 1, 2}});
  check_all_sizes({{7, 6, 5}, {2, 1, 0}});
  check_all_sizes({{6, 5, 8}, {1, 0, 2}});  // whole rows move
  check_all_sizes({{2, 3, 2, 3, 2, 3, 2, 3}, {7, 6, 5, 4, 3, 2, 1, 0}});
}

TEST(LayoutChange, AcceptsNothing) {
  check_all_sizes({{0}, {0}});
  check_all_sizes({{5, 0, 3}, {2, 1, 0}});
}

TEST(LayoutChange, RepeatsWhereTheStrideIsZero) {
  const TypedArray<float> source(std::vector<float>{1, 2, 3}), destination(12);
  LayoutChange p;
  p.source = source.data();
  p.destination = destination.data();
  p.rank = 2;
  p.dims[0] = 4;
  p.dims[1] = 3;
  p.source_strides[1] = 1;
  change_layout(nullptr, p);
  EXPECT_EQ(destination.read(), (std::vector<float>{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}));
}

TEST(LayoutChange, TakesSlices) {
  std::vector<uint16_t> values(6 * 40);
  std::iota(values.begin(), values.end(), uint16_t{0});
  const TypedArray<uint16_t> source(values);
  struct Slice {
    int64_t first, rows, columns, row_stride, column_stride;
  };
  for (const Slice& c :
       {Slice{5 * 40 + 39, 6, 40, -40, -1}, Slice{8, 6, 16, 40, 1}, Slice{8, 3, 32, 80, 1},
        Slice{1, 2, 10, 120, 3}, Slice{160, 3, 40, -80, 1}, Slice{39, 10, 3, -3, 80}}) {
    LayoutChange p;
    p.element_bytes = 2;
    p.rank = 2;
    p.dims[0] = c.rows, p.dims[1] = c.columns;
    p.source_strides[0] = c.row_stride, p.source_strides[1] = c.column_stride;
    std::vector<uint16_t> expected;
    for (int64_t i = 0; i < c.rows; ++i)
      for (int64_t j = 0; j < c.columns; ++j)
        expected.push_back(values[(size_t)(c.first + i * c.row_stride + j * c.column_stride)]);
    const TypedArray<uint16_t> destination(expected.size());
    p.source = source.data() + c.first;
    p.destination = destination.data();
    change_layout(nullptr, p);
    EXPECT_EQ(destination.read(), expected);
  }
}

// ---- types ----

template <typename From, typename To>
void check_types(dn_dtype from, dn_dtype to, const std::vector<From>& values,
                 const std::vector<To>& expected, size_t misalign = 0) {
  const TypedArray<From> source(values, misalign);
  const TypedArray<To> destination(values.size(), misalign);
  change_type(nullptr, {source.data(), destination.data(), from, to, (int64_t)values.size()});
  EXPECT_EQ(destination.read(), expected) << "from " << from << " to " << to;
}

TEST(TypeChange, RoundsToNearestEvenAndSaturates) {
  const float nan = NAN, inf = INFINITY;
  const std::vector<float> values{0.5f, 1.5f, 2.5f, -0.5f, -3.7f, 254.5f, 255.5f, 300.0f, -inf,
                                  inf,  nan,  3e9f, -3e9f, 1e19f, -1e19f, 7.0f,   0.0f,   -0.0f};
  for (size_t misalign : {0, 1}) {
    check_types<float, uint8_t>(DN_DTYPE_F32, DN_DTYPE_U8, values,
                                {0, 2, 2, 0, 0, 254, 255, 255, 0, 255, 0, 255, 0, 255, 0, 7, 0, 0},
                                misalign);
    check_types<float, int32_t>(DN_DTYPE_F32, DN_DTYPE_I32, values,
                                {0, 2, 2, 0, -4, 254, 256, 300, INT32_MIN, INT32_MAX, 0, INT32_MAX,
                                 INT32_MIN, INT32_MAX, INT32_MIN, 7, 0, 0},
                                misalign);
    check_types<float, int64_t>(DN_DTYPE_F32, DN_DTYPE_I64, values,
                                {0, 2, 2, 0, -4, 254, 256, 300, INT64_MIN, INT64_MAX, 0, 3000000000,
                                 -3000000000, INT64_MAX, INT64_MIN, 7, 0, 0},
                                misalign);
  }
}

TEST(TypeChange, HalfPrecisionKeepsSpecialValues) {
  // As bits: 1, the tie above 1 (to even: down), the next tie (up), overflow, infinity, NaN.
  const std::vector<float> values{1.0f, 1.00390625f, 1.01171875f, 3.4e38f, -INFINITY, 0.0f, -0.0f};
  for (size_t misalign : {0, 1}) {
    check_types<float, uint16_t>(DN_DTYPE_F32, DN_DTYPE_BF16, values,
                                 {0x3f80, 0x3f80, 0x3f82, 0x7f80, 0xff80, 0, 0x8000}, misalign);
    check_types<float, uint16_t>(DN_DTYPE_F32, DN_DTYPE_F16,
                                 {1.0f, 1.00048828125f, 65504.0f, 65520.0f, 6e-8f, -2.0f},
                                 {0x3c00, 0x3c00, 0x7bff, 0x7c00, 1, 0xc000}, misalign);
    check_types<uint16_t, float>(DN_DTYPE_BF16, DN_DTYPE_F32, {0x3f80, 0xff80, 0x8000, 0x4049},
                                 {1.0f, -INFINITY, -0.0f, 3.140625f}, misalign);
    check_types<uint16_t, float>(DN_DTYPE_F16, DN_DTYPE_F32, {0x3c00, 1, 0x7bff, 0xc000},
                                 {1.0f, 0x1p-24f, 65504.0f, -2.0f}, misalign);
  }
  const TypedArray<float> source(std::vector<float>(40, NAN));
  const TypedArray<uint16_t> destination(40);
  change_type(nullptr, {source.data(), destination.data(), DN_DTYPE_F32, DN_DTYPE_BF16, 40});
  for (uint16_t bits : destination.read()) EXPECT_GT(bits & 0x7fff, 0x7f80);
}

template <typename T>
std::vector<T> count_up(size_t count) {
  std::vector<T> values(count);
  std::iota(values.begin(), values.end(), T{0});
  return values;
}

TEST(TypeChange, EveryPairOfTypes) {
  const std::vector<float> floats = count_up<float>(101);
  const std::vector<dn_dtype> types{DN_DTYPE_F32, DN_DTYPE_F64, DN_DTYPE_F16, DN_DTYPE_BF16,
                                    DN_DTYPE_U8,  DN_DTYPE_I32, DN_DTYPE_I64};
  for (dn_dtype from : types) {
    for (dn_dtype to : types) {
      const TypedArray<float> source(floats), destination(101);
      const TypedArray<double> first(101), second(101);  // large enough for every type
      change_type(nullptr, {source.data(), first.data(), DN_DTYPE_F32, from, 101});
      change_type(nullptr, {first.data(), second.data(), from, to, 101});
      change_type(nullptr, {second.data(), destination.data(), to, DN_DTYPE_F32, 101});
      EXPECT_EQ(destination.read(), floats) << "from " << from << " to " << to;
    }
  }
  check_types<int32_t, int32_t>(DN_DTYPE_I32, DN_DTYPE_I32, {16777217, -16777217, INT32_MIN},
                                {16777217, -16777217, INT32_MIN});
  check_types<double, int32_t>(DN_DTYPE_F64, DN_DTYPE_I32, {}, {});
}

}  // namespace

}  // namespace dn::cuda
