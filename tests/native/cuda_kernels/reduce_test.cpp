#include "cuda/kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cuda/kernels/layout_change.h"
#include "typed_array.h"

namespace dn::cuda {

namespace {

struct Case {
  std::vector<int64_t> shape;
  int axes;                // bit i: axis i is reduced
  std::vector<int> order;  // of x in memory, outermost first; empty: row-major
  int multiprocessors = 4;
};

std::vector<int64_t> strides_of(const std::vector<int64_t>& shape, std::vector<int> order) {
  if (order.empty()) {
    order.resize(shape.size());
    std::iota(order.begin(), order.end(), 0);
  }
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[(size_t)order[i]] = stride;
    stride *= shape[(size_t)order[i]];
  }
  return strides;
}

struct Expected {
  std::vector<double> values;
  std::vector<double> magnitudes;  // sums of absolute values
};

Expected reference(const ReduceParams& p, const std::vector<float>& x, int64_t outputs) {
  Expected e{std::vector<double>((size_t)outputs, 0), std::vector<double>((size_t)outputs, 0)};
  std::vector<int64_t> counts((size_t)outputs, 0), best((size_t)outputs, -1);
  int64_t at[DN_MAX_RANK] = {}, numel = 1;
  for (int i = 0; i < p.rank; ++i) numel *= p.dims[i];
  for (int64_t n = 0; n < numel; ++n) {
    int64_t from = 0, to = 0, place = 0;
    for (int i = 0; i < p.rank; ++i) {
      from += at[i] * p.x_strides[i];
      if (p.axes >> i & 1)
        place = at[i];
      else
        to += at[i] * p.y_strides[i];
    }
    const double value = x[(size_t)from];
    double& result = e.values[(size_t)to];
    const bool first = counts[(size_t)to]++ == 0;
    if (p.mode == DN_REDUCE_MAX || p.mode == DN_REDUCE_ARGMAX) {
      if (first || (!std::isnan(result) && (value > result || std::isnan(value)))) {
        result = value;
        best[(size_t)to] = place;
      }
    } else {
      result += value;
      e.magnitudes[(size_t)to] += std::abs(value);
    }
    for (int axis = p.rank - 1; axis >= 0 && ++at[axis] == p.dims[axis]; --axis) at[axis] = 0;
  }
  for (size_t i = 0; i < e.values.size(); ++i) {
    if (p.mode == DN_REDUCE_ARGMAX) e.values[i] = (double)best[i];
    if (p.mode != DN_REDUCE_MEAN) continue;
    e.values[i] /= (double)counts[i];
    e.magnitudes[i] /= (double)counts[i];
  }
  return e;
}

void check(const Case& c, dn_reduce_mode mode, dn_dtype dtype, std::vector<float> values = {}) {
  ReduceParams p;
  p.mode = mode;
  p.dtype = dtype;
  p.rank = (int)c.shape.size();
  p.axes = c.axes;
  p.multiprocessors = c.multiprocessors;
  std::vector<int64_t> kept;
  int64_t numel = 1, outputs = 1;
  for (int i = 0; i < p.rank; ++i) {
    p.dims[i] = c.shape[(size_t)i];
    numel *= p.dims[i];
    if (!(p.axes >> i & 1)) outputs *= p.dims[i];
    kept.push_back(p.axes >> i & 1 ? 1 : p.dims[i]);
  }
  const auto x_strides = strides_of(c.shape, c.order), y_strides = strides_of(kept, {});
  std::ranges::copy(x_strides, p.x_strides);
  std::ranges::copy(y_strides, p.y_strides);

  // Rounded to the type before anything is computed from them.
  const TypedArray<float> raw(values.empty() ? random_floats((size_t)numel, 5, -1, 3) : values);
  const TypedArray<float> x((size_t)numel), rounded((size_t)numel), y((size_t)outputs);
  change_type(nullptr, {raw.data(), x.data(), DN_DTYPE_F32, dtype, numel});
  change_type(nullptr, {x.data(), rounded.data(), dtype, DN_DTYPE_F32, numel});
  p.x = x.data();
  p.y = y.data();
  ASSERT_TRUE(can_reduce(p));
  const TypedArray<double> scratch((size_t)reduce_scratch_bytes(p) / 8);
  p.scratch = scratch.data();

  const Expected expected = reference(p, rounded.read(), outputs);
  const dn_dtype out_type = mode == DN_REDUCE_ARGMAX ? DN_DTYPE_I32 : dtype;
  std::vector<float> first;
  for (int run = 0; run < 2; ++run) {
    reduce(nullptr, p);
    (void)scratch.read();  // the guard bands
    const TypedArray<float> result((size_t)outputs);
    (void)y.read();
    change_type(nullptr, {y.data(), result.data(), out_type, DN_DTYPE_F32, outputs});
    const std::vector<float> actual = result.read();
    if (run == 1 && outputs > 0) {
      EXPECT_EQ(std::memcmp(actual.data(), first.data(), first.size() * 4), 0)
          << "not the same bits";
    }
    first = actual;
    const double unit = dtype == DN_DTYPE_BF16 ? 0x1p-8 : dtype == DN_DTYPE_F16 ? 0x1p-11 : 0x1p-22;
    for (size_t i = 0; i < actual.size(); ++i) {
      const double allowed =
          mode >= DN_REDUCE_MAX
              ? 0
              : unit * (dtype == DN_DTYPE_F32
                            ? expected.magnitudes[i]
                            : std::abs(expected.values[i]) + 0x1p-14 * expected.magnitudes[i]);
      if (std::isnan(expected.values[i]) ? std::isnan(actual[i])
                                         : actual[i] == expected.values[i] ||
                                               std::abs(actual[i] - expected.values[i]) <= allowed)
        continue;
      FAIL() << "mode " << mode << ", dtype " << dtype << ", rank " << p.rank << ", axes " << p.axes
             << ": output " << i << " of " << outputs << " is " << actual[i] << ", expected "
             << expected.values[i];
    }
  }
}

void check_sums(const Case& c) {
  for (dn_reduce_mode mode : {DN_REDUCE_SUM, DN_REDUCE_MEAN, DN_REDUCE_MAX})
    for (dn_dtype dtype : {DN_DTYPE_F32, DN_DTYPE_BF16, DN_DTYPE_F16}) check(c, mode, dtype);
}

TEST(Reduce, RowsOfAnyLength) {
  for (int64_t length : {1, 2, 4, 5, 31, 64, 65, 100, 2048, 2049, 5003}) {
    check_sums({{3, length}, 0b10, {}});
    check_sums({{length}, 0b1, {}});
  }
  check_sums({{257, 3}, 0b10, {}});
  check_sums({{40, 33}, 0b10, {}});
}

TEST(Reduce, FewOutputsAreSplit) {
  check_sums({{2, 9000}, 0b10, {}, 64});
  check_sums({{40001}, 0b1, {}, 132});
  check_sums({{3000, 5}, 0b01, {}, 132});
  check_sums({{1500, 40}, 0b01, {}, 132});
  ReduceParams p;
  p.rank = 2;
  p.dims[0] = 2, p.dims[1] = 100;
  p.x_strides[0] = 100, p.x_strides[1] = p.y_strides[0] = 1;
  p.axes = 0b10;
  p.multiprocessors = 64;
  EXPECT_EQ(reduce_scratch_bytes(p), 0);
  p.dims[1] = p.x_strides[0] = 9000;
  EXPECT_GT(reduce_scratch_bytes(p), 0);
}

TEST(Reduce, ColumnsOfAnyWidth) {
  for (int64_t width : {1, 2, 3, 16, 31, 32, 33, 100}) {
    check_sums({{50, width}, 0b01, {}});
    check_sums({{7, 9, width}, 0b010, {}});
  }
}

TEST(Reduce, SeveralAxesInAnyOrderOfMemory) {
  // Per channel, row-major and channels last.
  check_sums({{4, 5, 6, 7}, 0b1101, {}});
  check_sums({{4, 5, 6, 7}, 0b1101, {0, 2, 3, 1}});
  // Over positions.
  check_sums({{4, 5, 6, 7}, 0b1100, {}});
  check_sums({{4, 5, 6, 7}, 0b1100, {0, 2, 3, 1}});
  check_sums({{4, 5, 6, 7}, 0b0010, {0, 2, 3, 1}});
  check_sums({{4, 5, 6, 7}, 0b1111, {0, 2, 3, 1}});
  check_sums({{4, 5, 6, 7}, 0b0101, {}});
  check_sums({{2, 3, 2, 3, 2, 3, 2, 3}, 0b10101010, {}});
  check_sums({{2, 3, 2, 3, 2, 3, 2, 3}, 0b01010101, {7, 5, 3, 1, 6, 4, 2, 0}});
  check_sums({{1, 6, 1, 4}, 0b0101, {}});  // axes of extent 1: a copy
}

TEST(Reduce, NothingAtAll) {
  check({{0}, 0b1, {}}, DN_REDUCE_SUM, DN_DTYPE_F32);
  check({{3, 0}, 0b10, {}}, DN_REDUCE_SUM, DN_DTYPE_F32);
  check({{0, 3}, 0b01, {}}, DN_REDUCE_SUM, DN_DTYPE_F32);
  check({{0, 3}, 0b10, {}}, DN_REDUCE_MAX, DN_DTYPE_F32);
}

TEST(Reduce, LongSumsStayExact) {
  // Numbers of one sign and size: a float would lose their last bits.
  check({{300001}, 0b1, {}, 2}, DN_REDUCE_SUM, DN_DTYPE_F32, std::vector<float>(300001, 1.1f));
  check({{300001}, 0b1, {}, 2}, DN_REDUCE_MEAN, DN_DTYPE_F32, std::vector<float>(300001, 1.1f));
}

TEST(Reduce, ArgmaxOfEveryShape) {
  for (dn_dtype dtype : {DN_DTYPE_F32, DN_DTYPE_BF16, DN_DTYPE_F16}) {
    for (int64_t length : {1, 3, 10, 65, 3001}) {
      check({{5, length}, 0b10, {}, 8}, DN_REDUCE_ARGMAX, dtype);
      check({{length, 5}, 0b01, {}, 8}, DN_REDUCE_ARGMAX, dtype);
      check({{2, length, 3}, 0b010, {}, 64}, DN_REDUCE_ARGMAX, dtype);
    }
    check({{2, 10, 4, 3}, 0b0010, {0, 2, 3, 1}}, DN_REDUCE_ARGMAX, dtype);
  }
}

TEST(Reduce, TiesAndNan) {
  const float inf = INFINITY;
  for (dn_reduce_mode mode : {DN_REDUCE_MAX, DN_REDUCE_ARGMAX}) {
    for (int64_t repeat : {1, 50, 800}) {
      std::vector<float> rows;
      // A tie, NaN after and before the largest, two NaN, all -infinity, infinity.
      for (std::vector<float> row : {std::vector<float>{1, 3, 3, 2},
                                     {1, inf, NAN, 5},
                                     {NAN, 7, 8, 9},
                                     {1, NAN, NAN, 2},
                                     {-inf, -inf, -inf, -inf},
                                     {0, -1, inf, inf}}) {
        for (int64_t i = 1; i < repeat; ++i) row.insert(row.end(), row.begin(), row.begin() + 4);
        rows.insert(rows.end(), row.begin(), row.end());
      }
      check({{6, 4 * repeat}, 0b10, {}, 16}, mode, DN_DTYPE_F32, rows);
      check({{4 * repeat, 6}, 0b01, {1, 0}, 16}, mode, DN_DTYPE_F32, rows);
      std::vector<float> columns(rows.size());
      for (size_t i = 0; i < rows.size(); ++i)
        columns[i % (size_t)(4 * repeat) * 6 + i / (size_t)(4 * repeat)] = rows[i];
      check({{4 * repeat, 6}, 0b01, {}, 16}, mode, DN_DTYPE_F32, columns);
    }
  }
}

}  // namespace

}  // namespace dn::cuda
