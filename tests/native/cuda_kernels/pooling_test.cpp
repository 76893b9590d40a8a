// Pooling against loops over windows and taps.
#include "cuda/kernels/pooling.h"

#include <algorithm>
#include <limits>

#include "number_types.h"

namespace dn::cuda {

namespace {

struct Case {
  const char* name;
  int64_t batch;
  int channels;
  int in[3], kernel[3], stride[3], begin[3], end[3];
};

const Case kCases[] = {
    {"2 x 2", 2, 8, {1, 6, 8}, {1, 2, 2}, {1, 2, 2}, {}, {}},
    {"a rest is left out", 2, 3, {1, 7, 5}, {1, 2, 2}, {1, 2, 2}, {}, {}},
    {"overlapping", 2, 16, {1, 7, 7}, {1, 3, 3}, {1, 2, 2}, {}, {}},
    {"padded", 3, 17, {1, 6, 7}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}},
    {"uneven", 1, 4, {1, 6, 9}, {1, 2, 3}, {1, 1, 2}, {0, 1, 0}, {0, 0, 2}},
    {"one channel", 5, 1, {1, 5, 4}, {1, 3, 2}, {1, 1, 1}, {}, {}},
    {"stride above the kernel", 1, 8, {1, 7, 8}, {1, 1, 2}, {1, 3, 3}, {}, {}},
    {"one axis", 2, 3, {1, 1, 11}, {1, 1, 3}, {1, 1, 2}, {0, 0, 1}, {0, 0, 1}},
    {"three axes", 1, 8, {4, 6, 5}, {2, 3, 2}, {2, 2, 1}, {1, 0, 1}, {0, 1, 0}},
    {"more than 256 taps", 1, 8, {1, 20, 20}, {1, 17, 17}, {1, 3, 3}, {}, {}},
    {"global", 2, 24, {1, 5, 7}, {1, 5, 7}, {1, 1, 1}, {}, {}},
    {"global, odd channels", 3, 5, {2, 3, 4}, {2, 3, 4}, {1, 1, 1}, {}, {}},
    {"global, more than 256 taps", 1, 8, {1, 18, 19}, {1, 18, 19}, {1, 1, 1}, {}, {}},
    {"no sample", 0, 8, {1, 4, 4}, {1, 2, 2}, {1, 2, 2}, {}, {}},
    {"no channel", 2, 0, {1, 4, 4}, {1, 2, 2}, {1, 2, 2}, {}, {}},
};

PoolingGeometry geometry_of(const Case& c, int dtype, bool channels_last, int mode) {
  PoolingGeometry g{};
  g.dtype = dtype;
  g.channels_last = channels_last;
  g.mode = mode;
  g.batch = c.batch;
  g.channels = c.channels;
  int window = 1;
  for (int i = 0; i < 3; ++i) {
    g.in[i] = c.in[i], g.kernel[i] = c.kernel[i], g.stride[i] = c.stride[i],
    g.begin[i] = c.begin[i];
    g.out[i] = (c.in[i] + c.begin[i] + c.end[i] - c.kernel[i]) / c.stride[i] + 1;
    window *= c.kernel[i];
  }
  g.tap_dtype = window <= 256 ? DN_DTYPE_U8 : DN_DTYPE_I32;
  return g;
}

size_t index(const PoolingGeometry& g, const int (&extent)[3], int64_t n, int c, int64_t position) {
  const int64_t positions = (int64_t)extent[0] * extent[1] * extent[2];
  return (size_t)(g.channels_last ? (n * positions + position) * g.channels + c
                                  : (n * g.channels + c) * positions + position);
}

// Calls body(n, c, output position, tap, input position) for every tap inside, taps ascending.
template <typename Body>
void for_all_taps(const PoolingGeometry& g, const Body& body) {
  for (int64_t n = 0; n < g.batch; ++n)
    for (int c = 0; c < g.channels; ++c)
      for (int64_t o = 0; o < g.out_positions(); ++o) {
        const int at[3] = {(int)(o / g.out[2] / g.out[1]), (int)(o / g.out[2] % g.out[1]),
                           (int)(o % g.out[2])};
        for (int tap = 0; tap < g.kernel[0] * g.kernel[1] * g.kernel[2]; ++tap) {
          const int of[3] = {tap / g.kernel[2] / g.kernel[1], tap / g.kernel[2] % g.kernel[1],
                             tap % g.kernel[2]};
          int64_t position = 0;
          bool inside = true;
          for (int i = 0; i < 3; ++i) {
            const int place = at[i] * g.stride[i] - g.begin[i] + of[i];
            inside = inside && place >= 0 && place < g.in[i];
            position = position * g.in[i] + place;
          }
          if (inside) body(n, c, o, tap, position);
        }
      }
}

// Few different values, so that there are ties; a NaN and infinities here and there.
std::vector<float> values_with_ties(size_t count, unsigned seed) {
  std::vector<float> values = random_floats(count, seed, -3, 3);
  for (size_t i = 0; i < count; ++i) {
    values[i] = std::round(values[i]);
    if (i % 41 == 17) values[i] = NAN;
    if (i % 53 == 20) values[i] = -std::numeric_limits<float>::infinity();
    if (i % 97 == 33) values[i] = std::numeric_limits<float>::infinity();
  }
  return values;
}

template <typename T, typename Tap>
void check_max(const PoolingGeometry& g, bool relu) {
  const size_t in = (size_t)(g.batch * g.channels * g.in_positions());
  const size_t out = (size_t)(g.batch * g.channels * g.out_positions());
  const std::vector<float> x = rounded<T>(values_with_ties(in, 2));
  const TypedArray<T> x_device(narrow<T>(x)), y(out), y_alone(out);
  const TypedArray<Tap> tap(out);
  pooling_forward(nullptr, {g, x_device.data(), y.data(), tap.data(), relu});
  pooling_forward(nullptr, {g, x_device.data(), y_alone.data(), nullptr, relu});

  std::vector<float> best(out);
  std::vector<int> winner(out, -1);
  for_all_taps(g, [&](int64_t n, int c, int64_t o, int t, int64_t position) {
    const size_t to = index(g, g.out, n, c, o);
    const float value = x[index(g, g.in, n, c, position)];
    const bool wins = winner[to] < 0 || (!(value <= best[to]) && !std::isnan(best[to]));
    if (!wins) return;
    best[to] = value;
    winner[to] = t;
  });
  std::vector<double> expected(best.begin(), best.end());
  if (relu)
    for (double& v : expected) v = v <= 0 ? 0 : v;
  expect_near("y", widen(y.read()), expected, 0);
  expect_same_bits("y without taps", y.read(), y_alone.read());
  const std::vector<Tap> taps = tap.read();
  for (size_t i = 0; i < out; ++i) ASSERT_EQ((int)taps[i], winner[i]) << "tap " << i;

  // The gradient, with and without the relu's.
  const std::vector<float> dy = rounded<T>(random_floats(out, 3));
  const TypedArray<T> dy_device(narrow<T>(dy)), dx(in), again(in);
  PoolingBackward p{g, dy_device.data(), tap.data(), relu ? y.data() : nullptr, dx.data()};
  pooling_backward(nullptr, p);
  p.dx = again.data();
  pooling_backward(nullptr, p);
  std::vector<double> gradient(in, 0.0);
  for_all_taps(g, [&](int64_t n, int c, int64_t o, int t, int64_t position) {
    const size_t from = index(g, g.out, n, c, o);
    if (t == winner[from] && !(relu && !(expected[from] > 0)))
      gradient[index(g, g.in, n, c, position)] += dy[from];
  });
  expect_near("dx", widen(dx.read()), gradient, tolerance<T>(9), 2);
  expect_same_bits("dx", dx.read(), again.read());
}

// Taken by taps of any place, some of them outside the window or in the padding.
template <typename T, typename Tap>
void check_tap(const PoolingGeometry& g) {
  const size_t in = (size_t)(g.batch * g.channels * g.in_positions());
  const size_t out = (size_t)(g.batch * g.channels * g.out_positions());
  const int window = g.kernel[0] * g.kernel[1] * g.kernel[2];
  const std::vector<float> x = rounded<T>(values_with_ties(in, 7));
  std::vector<Tap> taps(out);
  for (size_t i = 0; i < out; ++i) taps[i] = (Tap)(i * 7 % (window + 2));
  if (sizeof(Tap) == 4 && out > 0) taps[0] = (Tap)-1;
  const TypedArray<T> x_device(narrow<T>(x)), y(out);
  const TypedArray<Tap> tap(taps);
  pooling_tap(nullptr, {g, x_device.data(), tap.data(), y.data()});
  std::vector<double> expected(out, 0.0);
  for_all_taps(g, [&](int64_t n, int c, int64_t o, int t, int64_t position) {
    const size_t to = index(g, g.out, n, c, o);
    if ((int)taps[to] == t) expected[to] = x[index(g, g.in, n, c, position)];
  });
  expect_near("y", widen(y.read()), expected, 0);
}

template <typename T>
void check_average(const PoolingGeometry& g) {
  const size_t in = (size_t)(g.batch * g.channels * g.in_positions());
  const size_t out = (size_t)(g.batch * g.channels * g.out_positions());
  const int window = g.kernel[0] * g.kernel[1] * g.kernel[2];
  const std::vector<float> x = rounded<T>(random_floats(in, 4)),
                           dy = rounded<T>(random_floats(out, 5));
  const TypedArray<T> x_device(narrow<T>(x)), y(out), dy_device(narrow<T>(dy)), dx(in), again(in);
  pooling_forward(nullptr, {g, x_device.data(), y.data(), nullptr, 0});
  pooling_backward(nullptr, {g, dy_device.data(), nullptr, nullptr, dx.data()});
  pooling_backward(nullptr, {g, dy_device.data(), nullptr, nullptr, again.data()});

  std::vector<double> expected(out, 0.0), gradient(in, 0.0), count(out, 0.0);
  for_all_taps(g, [&](int64_t n, int c, int64_t o, int, int64_t position) {
    count[index(g, g.out, n, c, o)] += 1;
    expected[index(g, g.out, n, c, o)] += x[index(g, g.in, n, c, position)];
  });
  for (size_t i = 0; i < out; ++i) {
    if (g.mode == DN_POOLING_AVERAGE_PADDED) count[i] = window;
    expected[i] /= count[i];
  }
  for_all_taps(g, [&](int64_t n, int c, int64_t o, int, int64_t position) {
    const size_t from = index(g, g.out, n, c, o);
    gradient[index(g, g.in, n, c, position)] += dy[from] / count[from];
  });
  expect_near("y", widen(y.read()), expected, tolerance<T>(window), 2);
  expect_near("dx", widen(dx.read()), gradient, tolerance<T>(window), 2);
  expect_same_bits("dx", dx.read(), again.read());
}

template <typename T>
class PoolingKernels : public ::testing::Test {};
TYPED_TEST_SUITE(PoolingKernels, NumberTypes);

TYPED_TEST(PoolingKernels, MaximaHaveTheLowestTap) {
  for (const Case& c : kCases)
    for (const bool channels_last : {true, false})
      for (const bool relu : {false, true}) {
        SCOPED_TRACE(::testing::Message()
                     << c.name << (channels_last ? "" : ", row-major") << (relu ? ", relu" : ""));
        const PoolingGeometry g =
            geometry_of(c, NumberType<TypeParam>::kDtype, channels_last, DN_POOLING_MAX);
        if (g.tap_dtype == DN_DTYPE_U8)
          check_max<TypeParam, uint8_t>(g, relu);
        else
          check_max<TypeParam, int32_t>(g, relu);
        if (this->HasFatalFailure()) return;
      }
}

TYPED_TEST(PoolingKernels, TapsTakeTheirElements) {
  for (const Case& c : kCases)
    for (const bool channels_last : {true, false}) {
      SCOPED_TRACE(::testing::Message() << c.name << (channels_last ? "" : ", row-major"));
      const PoolingGeometry g =
          geometry_of(c, NumberType<TypeParam>::kDtype, channels_last, DN_POOLING_TAP);
      if (g.tap_dtype == DN_DTYPE_U8)
        check_tap<TypeParam, uint8_t>(g);
      else
        check_tap<TypeParam, int32_t>(g);
      if (this->HasFatalFailure()) return;
    }
}

TYPED_TEST(PoolingKernels, AveragesCountWhatTheyShould) {
  for (const Case& c : kCases)
    for (const bool channels_last : {true, false})
      for (const int mode : {DN_POOLING_AVERAGE, DN_POOLING_AVERAGE_PADDED}) {
        SCOPED_TRACE(::testing::Message() << c.name << (channels_last ? "" : ", row-major")
                                          << (mode == DN_POOLING_AVERAGE ? "" : ", padded"));
        check_average<TypeParam>(
            geometry_of(c, NumberType<TypeParam>::kDtype, channels_last, mode));
        if (this->HasFatalFailure()) return;
      }
}

// Arrays that start anywhere are read element by element.
TYPED_TEST(PoolingKernels, MisalignedDataGivesTheSame) {
  const PoolingGeometry g =
      geometry_of(kCases[2], NumberType<TypeParam>::kDtype, true, DN_POOLING_MAX);
  const size_t in = (size_t)(g.batch * g.channels * g.in_positions());
  const size_t out = (size_t)(g.batch * g.channels * g.out_positions());
  const std::vector<TypeParam> x = narrow<TypeParam>(random_floats(in, 6));
  const TypedArray<TypeParam> x_device(x), x_odd(x, 1), y(out), y_odd(out, 1);
  const TypedArray<uint8_t> tap(out), tap_odd(out, 1);
  pooling_forward(nullptr, {g, x_device.data(), y.data(), tap.data(), 0});
  pooling_forward(nullptr, {g, x_odd.data(), y_odd.data(), tap_odd.data(), 0});
  expect_same_bits("y", y.read(), y_odd.read());
  expect_same_bits("tap", tap.read(), tap_odd.read());
}

}  // namespace

}  // namespace dn::cuda
