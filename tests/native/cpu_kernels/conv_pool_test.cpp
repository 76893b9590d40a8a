// conv_pool against naive float64 loops. Small integers make every sum exact in float32 in any
// order, so that values, ties and winners are compared exactly; one test with real numbers has a
// tolerance.
#include "cpu/kernels/conv_pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace dn::cpu {
namespace {

const float kNaN = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

enum class Order { Planes, Blocked, ChannelsLast, ChannelsLastGap };

struct Case {
  int64_t batch, channels, height, width, out_channels, kernel_h, kernel_w, pool_h, pool_w;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  bool relu = true;
  Order x = Order::ChannelsLast, y = Order::ChannelsLast;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << "n" << c.batch << "c" << c.channels << "h" << c.height << "w" << c.width << "k"
             << c.out_channels << "r" << c.kernel_h << "s" << c.kernel_w << "pool" << c.pool_h
             << "x" << c.pool_w << "pad" << c.pad_top << c.pad_left << c.pad_bottom << c.pad_right
             << (c.relu ? "relu" : "") << " x" << int(c.x) << " y" << int(c.y);
}

struct Implementation {
  Isa isa;
  const ConvPoolForwardTable& forward;
  const ConvPoolBackwardTable& backward;
};

std::vector<Implementation> implementations() {
  std::vector<Implementation> all = {
      {Isa::Baseline, baseline::conv_pool_forward, baseline::conv_pool_backward},
      {Isa::Avx2, avx2::conv_pool_forward, avx2::conv_pool_backward},
      {Isa::Avx512, avx512::conv_pool_forward, avx512::conv_pool_backward}};
  while (all.back().isa > best_isa()) all.pop_back();
  return all;
}

// 64-byte aligned memory between two guard bands, filled with NaN (bytes 0xff).
template <typename T>
class Guarded {
 public:
  explicit Guarded(int64_t count) : count_(count) {
    bytes_.resize(static_cast<size_t>(count) * sizeof(T) + 2 * kGuard + 64, 0xff);
    const auto start = reinterpret_cast<uintptr_t>(bytes_.data()) + kGuard;
    data_ = reinterpret_cast<T*>((start + 63) / 64 * 64);
  }
  Guarded(const Guarded&) = delete;
  Guarded(Guarded&&) = default;  // a vector's memory does not move with it
  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t count() const { return count_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  bool guards_intact() const {
    const auto* begin = reinterpret_cast<const unsigned char*>(data_);
    const auto* end = begin + static_cast<size_t>(count_) * sizeof(T);
    for (const unsigned char* p = bytes_.data(); p < begin; ++p)
      if (*p != 0xff) return false;
    for (const unsigned char* p = end; p < bytes_.data() + bytes_.size(); ++p)
      if (*p != 0xff) return false;
    return true;
  }

 private:
  static constexpr size_t kGuard = 512;
  int64_t count_;
  std::vector<unsigned char> bytes_;
  T* data_;
};

struct Geometry {
  ConvPoolLayout layout;
  int64_t floats;
};

Geometry geometry(Order order, int64_t n, int64_t c, int64_t h, int64_t w, bool single_channels) {
  switch (order) {
    case Order::Planes:
      if (single_channels) return {{c * h * w, h * w, w, 1, 1}, n * c * h * w};
      return {{c * h * w, 16 * h * w, w, 1, h * w}, n * c * h * w};
    case Order::Blocked:
      return {{c * h * w, 16 * h * w, 16 * w, 16, 1}, n * c * h * w};
    case Order::ChannelsLast:
      return {{c * h * w, 16, c * w, c, 1}, n * c * h * w};
    default: {  // a gap behind each pixel, row and image
      const int64_t column = c + 16, row = column * w + 32, image = row * h + 16;
      return {{image, 16, row, column, 1}, image * n};
    }
  }
}

ConvPoolParams make_params(const Case& c) {
  ConvPoolParams p{};
  p.batch = c.batch, p.channels = c.channels, p.height = c.height, p.width = c.width;
  p.out_channels = c.out_channels, p.kernel_h = c.kernel_h, p.kernel_w = c.kernel_w;
  p.pool_h = c.pool_h, p.pool_w = c.pool_w, p.relu = c.relu;
  p.pad_top = c.pad_top, p.pad_left = c.pad_left;
  p.pad_bottom = c.pad_bottom, p.pad_right = c.pad_right;
  p.x_layout =
      geometry(p.planar() ? Order::Planes : c.x, 1, p.channels, p.height, p.width, p.planar())
          .layout;
  p.y_layout = geometry(c.y, 1, p.out_channels, p.pooled_h(), p.pooled_w(), false).layout;
  return p;
}

// The problem in logical order and float64, with the same values in the kernels' layouts.
struct Problem {
  ConvPoolParams p;
  std::vector<double> x, w, bias, dy;  // NCHW, KCRS, K, NKPQ
  std::vector<double> y, dw, db, dx;   // expected
  std::vector<int> tap;                // expected, NKPQ
  std::mt19937 random{7};
  bool integers;

  explicit Problem(const Case& c, bool use_integers) : p(make_params(c)), integers(use_integers) {
    fill(x, p.batch * p.channels * p.height * p.width, 3);
    fill(w, p.out_channels * p.channels * p.kernel_h * p.kernel_w, 2);
    fill(bias, p.out_channels, 5);
    fill(dy, pooled(), 1);
  }
  int64_t pooled() const { return p.batch * p.out_channels * p.pooled_h() * p.pooled_w(); }

  void fill(std::vector<double>& v, int64_t count, int range) {
    v.resize(static_cast<size_t>(count));
    std::uniform_int_distribution<int> whole(-range, range);
    std::uniform_real_distribution<float> real(-1, 1);
    for (double& value : v) value = integers ? whole(random) : real(random);
  }

  int64_t x_at(int64_t n, int64_t c, int64_t h, int64_t v) const {
    return ((n * p.channels + c) * p.height + h) * p.width + v;
  }
  int64_t w_at(int64_t k, int64_t c, int64_t r, int64_t s) const {
    return ((k * p.channels + c) * p.kernel_h + r) * p.kernel_w + s;
  }
  int64_t y_at(int64_t n, int64_t k, int64_t i, int64_t j) const {
    return ((n * p.out_channels + k) * p.pooled_h() + i) * p.pooled_w() + j;
  }
  // visit(x index, w index) for each tap of conv position (q, v); x index -1 = a zero of the
  // padding.
  template <typename Visit>
  void for_taps(int64_t n, int64_t k, int64_t q, int64_t v, Visit visit) const {
    for (int64_t c = 0; c < p.channels; ++c)
      for (int64_t r = 0; r < p.kernel_h; ++r)
        for (int64_t s = 0; s < p.kernel_w; ++s) {
          const int64_t h = q - p.pad_top + r, i = v - p.pad_left + s;
          const bool inside = h >= 0 && h < p.height && i >= 0 && i < p.width;
          visit(inside ? x_at(n, c, h, i) : -1, w_at(k, c, r, s));
        }
  }
  template <typename Visit>
  void for_windows(Visit visit) const {
    for (int64_t n = 0; n < p.batch; ++n)
      for (int64_t k = 0; k < p.out_channels; ++k)
        for (int64_t i = 0; i < p.pooled_h(); ++i)
          for (int64_t j = 0; j < p.pooled_w(); ++j) visit(n, k, i, j);
  }

  void forward() {
    y.assign(static_cast<size_t>(pooled()), 0);
    tap.assign(static_cast<size_t>(pooled()), 0);
    for_windows([&](int64_t n, int64_t k, int64_t i, int64_t j) {
      double best = 0;
      int winner = -1;
      for (int t = 0; t < p.pool_h * p.pool_w; ++t) {
        double sum = bias[static_cast<size_t>(k)];
        for_taps(n, k, i * p.pool_h + t / p.pool_w, j * p.pool_w + t % p.pool_w,
                 [&](int64_t xi, int64_t wi) {
                   if (xi >= 0) sum += x[static_cast<size_t>(xi)] * w[static_cast<size_t>(wi)];
                 });
        if (winner < 0 || sum > best || (std::isnan(sum) && !std::isnan(best)))
          best = sum, winner = t;
      }
      const auto at = static_cast<size_t>(y_at(n, k, i, j));
      y[at] = p.relu && best <= 0 ? 0 : best;
      tap[at] = winner;
    });
  }

  // From the given winners, so that a near-tie does not matter.
  void backward() {
    dw.assign(w.size(), 0), db.assign(bias.size(), 0), dx.assign(x.size(), 0);
    for_windows([&](int64_t n, int64_t k, int64_t i, int64_t j) {
      const auto at = static_cast<size_t>(y_at(n, k, i, j));
      const double g = p.relu && !(y[at] > 0) ? 0 : dy[at];
      if (g == 0) return;
      db[static_cast<size_t>(k)] += g;
      for_taps(n, k, i * p.pool_h + tap[at] / p.pool_w, j * p.pool_w + tap[at] % p.pool_w,
               [&](int64_t xi, int64_t wi) {
                 dw[static_cast<size_t>(wi)] += xi < 0 ? g * 0 : g * x[static_cast<size_t>(xi)];
                 if (xi >= 0) dx[static_cast<size_t>(xi)] += g * w[static_cast<size_t>(wi)];
               });
    });
  }
};

// Physical index of logical (n, c, h, w).
int64_t place(const ConvPoolLayout& l, bool planar, int64_t n, int64_t c, int64_t h, int64_t w) {
  const int64_t channel = planar ? c * l.block : c / 16 * l.block + c % 16 * l.channel;
  return n * l.image + channel + h * l.row + w * l.column;
}
int64_t place_weight(const ConvPoolParams& p, int64_t k, int64_t c, int64_t r, int64_t s) {
  if (p.planar())
    return (((k / 16 * p.kernel_h + r) * p.kernel_w + s) * p.channels + c) * 16 + k % 16;
  return ((((k / 16 * (p.channels / 16) + c / 16) * p.kernel_h + r) * p.kernel_w + s) * 16 +
          c % 16) *
             16 +
         k % 16;
}

std::vector<int64_t> places_of_x(const Problem& f) {
  std::vector<int64_t> at;
  for (int64_t n = 0; n < f.p.batch; ++n)
    for (int64_t c = 0; c < f.p.channels; ++c)
      for (int64_t h = 0; h < f.p.height; ++h)
        for (int64_t w = 0; w < f.p.width; ++w)
          at.push_back(place(f.p.x_layout, f.p.planar(), n, c, h, w));
  return at;
}
std::vector<int64_t> places_of_w(const Problem& f) {
  std::vector<int64_t> at;
  for (int64_t k = 0; k < f.p.out_channels; ++k)
    for (int64_t c = 0; c < f.p.channels; ++c)
      for (int64_t r = 0; r < f.p.kernel_h; ++r)
        for (int64_t s = 0; s < f.p.kernel_w; ++s) at.push_back(place_weight(f.p, k, c, r, s));
  return at;
}
std::vector<int64_t> places_of_y(const Problem& f, const ConvPoolLayout& layout) {
  std::vector<int64_t> at;
  f.for_windows([&](int64_t n, int64_t k, int64_t i, int64_t j) {
    at.push_back(place(layout, false, n, k, i, j));
  });
  return at;
}
std::vector<int64_t> identity(size_t count) {
  std::vector<int64_t> at(count);
  for (size_t i = 0; i < count; ++i) at[i] = static_cast<int64_t>(i);
  return at;
}

template <typename T, typename V>
void scatter(const std::vector<V>& values, const std::vector<int64_t>& at, Guarded<T>& to) {
  for (size_t i = 0; i < values.size(); ++i) to[at[i]] = static_cast<T>(values[i]);
}

template <typename T, typename V>
void expect_equal(const char* what, const std::vector<V>& expected, const std::vector<int64_t>& at,
                  const Guarded<T>& got, double allowed = 0) {
  ASSERT_TRUE(got.guards_intact()) << what << " was written outside its bounds";
  std::vector<bool> used(static_cast<size_t>(got.count()));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(expected[i]), g = static_cast<double>(got[at[i]]);
    const bool same = (std::isnan(e) && std::isnan(g)) || e == g || std::abs(e - g) <= allowed;
    ASSERT_TRUE(same) << what << "[" << i << "] is " << g << ", expected " << e;
    used[static_cast<size_t>(at[i])] = true;
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (used[i]) continue;
    T nothing;
    std::memset(&nothing, 0xff, sizeof nothing);
    ASSERT_EQ(std::memcmp(&got[static_cast<int64_t>(i)], &nothing, sizeof nothing), 0)
        << what << ": the gap at " << i << " was written";
  }
}

struct Memory {
  Guarded<float> x, w, bias, y, dy, dw, db, dx;
  Guarded<uint8_t> tap;

  Memory(const Problem& f, const Case& c)
      : x(geometry(f.p.planar() ? Order::Planes : c.x, f.p.batch, f.p.channels, f.p.height,
                   f.p.width, f.p.planar())
              .floats),
        w(static_cast<int64_t>(f.w.size())),
        bias(f.p.out_channels),
        y(geometry(c.y, f.p.batch, f.p.out_channels, f.p.pooled_h(), f.p.pooled_w(), false).floats),
        dy(y.count()),
        dw(w.count()),
        db(bias.count()),
        dx(x.count()),
        tap(f.pooled()) {
    scatter(f.x, places_of_x(f), x);
    scatter(f.w, places_of_w(f), w);
    scatter(f.bias, identity(f.bias.size()), bias);
    scatter(f.dy, places_of_y(f, f.p.y_layout), dy);
  }

  void pass(const Problem& f, const Implementation& impl, ConvPoolPass which, GradMode mode,
            int threads) {
    ASSERT_EQ(conv_pool_can_run(f.p, which), nullptr);
    Guarded<char> scratch(static_cast<int64_t>(conv_pool_scratch_bytes(f.p, which, threads)));
    const float* mask = f.p.relu ? y.data() : nullptr;
    if (which == ConvPoolPass::Forward)
      impl.forward.forward(f.p, x.data(), w.data(), bias.data(), y.data(), tap.data(),
                           scratch.data(), threads);
    else if (which == ConvPoolPass::BackwardWeight)
      impl.backward.backward_weight(f.p, dy.data(), mask, tap.data(), x.data(), dw.data(),
                                    db.data(), mode, scratch.data(), threads);
    else
      impl.backward.backward_data(f.p, dy.data(), mask, tap.data(), w.data(), dx.data(), mode,
                                  scratch.data(), threads);
    ASSERT_TRUE(scratch.guards_intact()) << "scratch is too small";
  }
};

ConvPoolLayout tap_layout(const ConvPoolParams& p) {
  const int64_t k = p.out_channels, row = k * p.pooled_w();
  return {row * p.pooled_h(), 16, row, k, 1};
}

// Partial sums of `terms` numbers below 1 grow like sqrt(terms), and so do their rounding errors.
double tolerance(bool rounds, int64_t terms) {
  return rounds ? 2 * std::numeric_limits<float>::epsilon() * double(terms + 8) : 0;
}

void check(const Case& c, Problem& f, bool rounds) {
  for (const Implementation& impl : implementations())
    for (int threads : {1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << c << " " << isa_name(impl.isa) << " threads " << threads);
      Memory run(f, c);
      run.pass(f, impl, ConvPoolPass::Forward, GradMode::Overwrite, threads);
      const auto y_places = places_of_y(f, f.p.y_layout);
      const auto tap_places = places_of_y(f, tap_layout(f.p));
      f.forward();
      expect_equal("y", f.y, y_places, run.y,
                   tolerance(rounds, f.p.channels * f.p.kernel_h * f.p.kernel_w));
      if (!rounds) {
        expect_equal("tap", f.tap, tap_places, run.tap);
      } else {
        // Winners and the sign of y may differ in the last bit: go on from the kernel's own.
        for (size_t i = 0; i < f.y.size(); ++i) {
          f.tap[i] = run.tap[tap_places[i]];
          f.y[i] = run.y[y_places[i]];
          ASSERT_LT(f.tap[i], c.pool_h * c.pool_w);
        }
      }
      if (testing::Test::HasFatalFailure()) return;
      f.backward();
      const int64_t terms = f.p.batch * f.p.pooled_h() * f.p.pooled_w();
      run.pass(f, impl, ConvPoolPass::BackwardWeight, GradMode::Overwrite, threads);
      expect_equal("dw", f.dw, places_of_w(f), run.dw, tolerance(rounds, terms));
      expect_equal("db", f.db, identity(f.db.size()), run.db, tolerance(rounds, terms));
      if (!f.p.planar()) {
        run.pass(f, impl, ConvPoolPass::BackwardData, GradMode::Overwrite, threads);
        expect_equal("dx", f.dx, places_of_x(f), run.dx,
                     tolerance(rounds, c.out_channels * c.kernel_h * c.kernel_w));
      }
      if (testing::Test::HasFatalFailure()) return;
    }
}

class ConvPool : public testing::TestWithParam<Case> {};

TEST_P(ConvPool, IntegersAreExact) {
  Problem f(GetParam(), true);
  check(GetParam(), f, false);
}

TEST_P(ConvPool, RealNumbers) {
  Problem f(GetParam(), false);
  check(GetParam(), f, true);
}

TEST_P(ConvPool, NaNAndInfinityInInput) {
  Problem f(GetParam(), true);
  std::uniform_int_distribution<size_t> any(0, std::max<size_t>(f.x.size(), 1) - 1);
  for (size_t i = 0; i * 97 < f.x.size(); ++i) {
    f.x[any(f.random)] = kNaN;
    f.x[any(f.random)] = kInf;
    f.x[any(f.random)] = -kInf;
  }
  check(GetParam(), f, false);
}

TEST_P(ConvPool, ZeroGradients) {
  Problem f(GetParam(), true);
  for (double& value : f.dy) value = 0;
  for (double& value : f.x) value = value == 0 ? kInf : value;  // must not meet the zeros
  check(GetParam(), f, false);
}

TEST_P(ConvPool, WithoutMaskAndNaNInGradient) {
  Case c = GetParam();
  c.relu = false;
  Problem f(c, true);
  for (size_t i = 0; i < f.dy.size(); i += 131) f.dy[i] = kNaN;
  check(c, f, false);
}

TEST_P(ConvPool, Accumulates) {
  const Case& c = GetParam();
  for (const Implementation& impl : implementations()) {
    SCOPED_TRACE(testing::Message() << c << " " << isa_name(impl.isa));
    Problem f(c, true);
    Memory run(f, c);
    run.pass(f, impl, ConvPoolPass::Forward, GradMode::Overwrite, 2);
    f.forward();
    f.backward();
    std::vector<double> before[3] = {f.dw, f.db, f.dx};
    for (auto& values : before) {
      const size_t count = values.size();
      f.fill(values, static_cast<int64_t>(count), 9);
    }
    scatter(before[0], places_of_w(f), run.dw);
    scatter(before[1], identity(before[1].size()), run.db);
    scatter(before[2], places_of_x(f), run.dx);
    for (size_t i = 0; i < f.dw.size(); ++i) f.dw[i] += before[0][i];
    for (size_t i = 0; i < f.db.size(); ++i) f.db[i] += before[1][i];
    for (size_t i = 0; i < f.dx.size(); ++i) f.dx[i] += before[2][i];
    run.pass(f, impl, ConvPoolPass::BackwardWeight, GradMode::Accumulate, 2);
    expect_equal("dw", f.dw, places_of_w(f), run.dw);
    expect_equal("db", f.db, identity(f.db.size()), run.db);
    if (f.p.planar()) continue;
    run.pass(f, impl, ConvPoolPass::BackwardData, GradMode::Accumulate, 2);
    expect_equal("dx", f.dx, places_of_x(f), run.dx);
  }
}

TEST_P(ConvPool, SameBitsForAnyNumberOfThreads) {
  const Case& c = GetParam();
  for (const Implementation& impl : implementations()) {
    SCOPED_TRACE(testing::Message() << c << " " << isa_name(impl.isa));
    const Problem f(c, false);
    std::unique_ptr<Memory> first;
    for (int threads : {1, 2, 3, 7}) {
      auto run = std::make_unique<Memory>(f, c);
      for (auto which :
           {ConvPoolPass::Forward, ConvPoolPass::BackwardWeight, ConvPoolPass::BackwardData})
        if (!conv_pool_can_run(f.p, which)) run->pass(f, impl, which, GradMode::Overwrite, threads);
      if (!first) {
        first = std::move(run);
        continue;
      }
      const auto same = [](const Guarded<float>& a, const Guarded<float>& b) {
        return std::memcmp(a.data(), b.data(), static_cast<size_t>(a.count()) * 4) == 0;
      };
      EXPECT_TRUE(same(first->y, run->y)) << threads;
      EXPECT_TRUE(same(first->dw, run->dw)) << threads;
      EXPECT_TRUE(same(first->db, run->db)) << threads;
      EXPECT_TRUE(same(first->dx, run->dx)) << threads;
      EXPECT_EQ(std::memcmp(first->tap.data(), run->tap.data(), size_t(f.pooled())), 0);
    }
  }
}

constexpr Order kPlanes = Order::Planes, kBlocked = Order::Blocked, kLast = Order::ChannelsLast,
                kGap = Order::ChannelsLastGap;

INSTANTIATE_TEST_SUITE_P(
    Shapes, ConvPool,
    testing::Values(
        // The two stages of the MNIST net on few images, in all layouts of the output.
        Case{3, 1, 28, 28, 32, 5, 5, 3, 3},
        Case{2, 1, 28, 28, 32, 5, 5, 3, 3, 0, 0, 0, 0, true, kPlanes, kBlocked},
        Case{3, 32, 8, 8, 64, 5, 5, 2, 2, 0, 0, 0, 0, true, kBlocked, kLast},
        Case{7, 32, 8, 8, 64, 5, 5, 2, 2, 0, 0, 0, 0, true, kLast, kPlanes},
        // Odd sizes; conv output not a multiple of the window; one image; no images.
        Case{1, 1, 9, 11, 16, 3, 2, 2, 3}, Case{1, 16, 7, 9, 48, 3, 2, 2, 3},
        Case{0, 1, 6, 6, 16, 3, 3, 2, 2}, Case{0, 16, 6, 6, 16, 3, 3, 2, 2},
        Case{5, 3, 13, 10, 48, 4, 3, 3, 2}, Case{2, 4, 8, 9, 16, 1, 1, 1, 1},
        // Paddings, also unequal ones and more than the kernel.
        Case{2, 1, 10, 10, 32, 5, 5, 2, 2, 2, 2, 2, 2},
        Case{2, 2, 7, 6, 16, 3, 3, 2, 2, 1, 0, 0, 2}, Case{3, 16, 6, 5, 32, 3, 3, 2, 2, 1, 1, 1, 1},
        Case{2, 32, 5, 7, 16, 5, 3, 3, 2, 2, 0, 1, 3},
        Case{2, 16, 3, 3, 16, 2, 2, 2, 2, 3, 3, 3, 3, true, kBlocked, kBlocked},
        Case{2, 16, 5, 6, 32, 3, 3, 2, 2, 1, 1, 1, 1, true, kGap, kGap},
        Case{2, 32, 6, 6, 32, 3, 3, 2, 2, 0, 0, 0, 0, false, kGap, kGap},
        // Every tile width, windows of one position, long windows.
        Case{2, 16, 6, 6, 48, 3, 3, 1, 1, 1, 1, 1, 1}, Case{2, 16, 7, 9, 32, 1, 1, 2, 4},
        Case{1, 16, 9, 14, 16, 2, 2, 4, 6}, Case{1, 1, 17, 18, 16, 2, 2, 16, 16},
        Case{2, 1, 12, 14, 32, 3, 3, 4, 4}, Case{2, 1, 14, 12, 16, 3, 3, 1, 5},
        // Kernels larger than the registers, in one or both directions.
        Case{2, 16, 12, 12, 16, 7, 7, 2, 2}, Case{1, 16, 11, 13, 16, 9, 11, 2, 2},
        Case{2, 1, 13, 13, 16, 7, 7, 3, 3}, Case{1, 2, 12, 25, 16, 9, 17, 2, 2},
        // More images than one block of them, more channels than one group.
        Case{20, 16, 8, 8, 96, 3, 3, 2, 2}),
    [](const testing::TestParamInfo<Case>& info) { return "Case" + std::to_string(info.index); });

TEST(ConvPoolRefusals, NameTheReason) {
  const Case good{2, 16, 8, 8, 32, 3, 3, 2, 2};
  ConvPoolParams p = make_params(good);
  ASSERT_EQ(conv_pool_can_run(p, ConvPoolPass::Forward), nullptr);
  const auto reason = [&](auto change, ConvPoolPass pass = ConvPoolPass::Forward) {
    ConvPoolParams changed = p;
    change(changed);
    const char* text = conv_pool_can_run(changed, pass);
    return std::string(text ? text : "accepted");
  };
  EXPECT_EQ(reason([](auto& q) { q.channels = 20; }),
            "channels are neither <= 4 nor a multiple of 16");
  EXPECT_EQ(reason([](auto& q) { q.out_channels = 24; }), "out_channels is not a multiple of 16");
  EXPECT_EQ(reason([](auto& q) { q.out_channels = 0; }), "out_channels is not a multiple of 16");
  EXPECT_EQ(reason([](auto& q) { q.height = 3; }), "the output is empty");
  EXPECT_EQ(reason([](auto& q) { q.pool_h = 17, q.pool_w = 16, q.height = q.width = 30; }),
            "the pooling window has more than 256 taps");
  EXPECT_EQ(reason([](auto& q) { q.kernel_w = 0; }), "a size is not positive");
  EXPECT_EQ(reason([](auto& q) { q.pad_left = -1; }), "a padding is negative");
  EXPECT_EQ(reason([](auto& q) { q.x_layout.channel = 64; }), "input vectors are not contiguous");
  EXPECT_EQ(reason([](auto& q) { q.height = q.width = 10000; }),
            "one image needs more than 30-bit offsets");
  EXPECT_EQ(reason([](auto& q) { q.channels = 1; }, ConvPoolPass::BackwardData),
            "backward_data needs channels that are a multiple of 16");
}

TEST(ConvPoolForward, RunsWithoutBiasAndTaps) {
  for (int64_t channels : {1, 16}) {
    const Case c{2, channels, 8, 8, 48, 3, 3, 2, 2};
    Problem f(c, true);
    for (double& value : f.bias) value = 0;
    f.forward();
    for (const Implementation& impl : implementations()) {
      Memory run(f, c);
      Guarded<char> scratch(
          static_cast<int64_t>(conv_pool_scratch_bytes(f.p, ConvPoolPass::Forward, 1)));
      impl.forward.forward(f.p, run.x.data(), run.w.data(), nullptr, run.y.data(), nullptr,
                           scratch.data(), 1);
      expect_equal("y", f.y, places_of_y(f, f.p.y_layout), run.y);
    }
  }
}

}  // namespace
}  // namespace dn::cpu
