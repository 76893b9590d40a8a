// The loops of normalisation and softmax against float64, for each instruction set.
#include "cpu/kernels/norm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "cpu/kernels/local_response_norm.h"
#include "cpu/kernels/softmax.h"

namespace dn::cpu {
namespace {

struct IsaCase {
  Isa isa;
  const NormTable<float>* norm;
  const SoftmaxTable* softmax;
  const LrnTable* lrn;
};

constexpr float kGuard = 12345.0f;
constexpr size_t kGuardCount = 32;

// Numbers between guard bands.
struct Guarded {
  std::vector<float> all;
  explicit Guarded(size_t count) : all(count + 2 * kGuardCount, kGuard) {}
  Guarded(size_t count, unsigned seed, float low, float high) : Guarded(count) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<float> uniform(low, high);
    for (size_t i = 0; i < count; ++i) data()[i] = uniform(generator);
  }
  size_t size() const { return all.size() - 2 * kGuardCount; }
  float* data() { return all.data() + kGuardCount; }
  const float* data() const { return all.data() + kGuardCount; }
  float operator[](size_t i) const { return data()[i]; }
  void expect_intact() const {
    for (size_t i = 0; i < kGuardCount; ++i) {
      ASSERT_EQ(all[i], kGuard);
      ASSERT_EQ(all[all.size() - 1 - i], kGuard);
    }
  }
};

void expect_near(const char* what, double actual, double expected, double allowed) {
  EXPECT_TRUE(std::fabs(actual - expected) <= allowed)
      << what << " is " << actual << ", expected " << expected << " within " << allowed;
}

double tolerance(double terms, double magnitude) {
  return 6 * 0x1p-24 * std::sqrt(terms) * magnitude;
}

class Norm : public testing::TestWithParam<IsaCase> {
 protected:
  void SetUp() override {
    if (GetParam().isa > best_isa()) GTEST_SKIP() << "this CPU lacks " << isa_name(GetParam().isa);
  }
};

// Shorter than a vector, no multiple of one, longer than a block; one run and several.
const NormRuns kRuns[] = {{1, 1, 0},     {3, 7, 11},   {40, 49, 60},
                          {2, 130, 130}, {1, 9000, 0}, {2, 16, 20}};

TEST_P(Norm, ChannelsAreTheFormulas) {
  const NormTable<float>& k = *GetParam().norm;
  for (const NormRuns& runs : kRuns) {
    SCOPED_TRACE(testing::Message() << runs.count << " runs of " << runs.length);
    const size_t numel = size_t((runs.count - 1) * runs.distance + runs.length);
    const Guarded x(numel, 1, 99, 103), dy(numel, 2, -1, 2);
    Guarded y(numel), dx(numel);
    const double n = double(runs.positions());
    double mean = 0, square = 0, sum = 0, product = 0;
    const auto each = [&](const auto& body) {
      for (int64_t r = 0; r < runs.count; ++r)
        for (int64_t i = 0; i < runs.length; ++i) body(size_t(r * runs.distance + i));
    };
    each([&](size_t i) { mean += x[i] / n; });
    each([&](size_t i) { square += (x[i] - mean) * (x[i] - mean); });
    const float centre = float(mean);
    each([&](size_t i) { sum += dy[i], product += dy[i] * (double(x[i]) - centre); });
    const NormMoments moments = k.moments(x.data(), runs);
    expect_near("mean", moments.mean, mean, tolerance(n, 1));
    expect_near("square", moments.square, square, tolerance(n, 4 * n + 1));
    EXPECT_EQ(moments.count, n);
    const NormSums sums = k.sums(x.data(), {dy.data()}, runs, centre);
    expect_near("sum", sums.sum, sum, tolerance(n, 2 * n));
    expect_near("product", sums.product, product, tolerance(n, 4 * n));
    const float scale = 1.5f, shift = -0.5f, slope = 0.25f;
    k.affine(x.data(), y.data(), runs, {&centre, &scale, &shift}, {});
    k.gradient(x.data(), {dy.data()}, dx.data(), runs, {&centre, &scale, &shift, &slope});
    each([&](size_t i) {
      const double c = double(x[i]) - centre;
      expect_near("y", y[i], c * scale + shift, tolerance(4, 4));
      expect_near("dx", dx[i], dy[i] * scale - shift - c * slope, tolerance(4, 4));
    });
    y.expect_intact();
    dx.expect_intact();
  }
}

TEST_P(Norm, NeighbouringChannelsAreTheFormulas) {
  const NormTable<float>& k = *GetParam().norm;
  for (int width : {16, 1, 5, 13})
    for (const NormRuns& shape : {NormRuns{1, 3, 0}, NormRuns{9, 1, 0}, NormRuns{2, 150, 0}}) {
      SCOPED_TRACE(testing::Message()
                   << width << " channels, " << shape.count << " runs of " << shape.length);
      const int64_t step = 20;
      const NormRuns runs{shape.count, shape.length, shape.length * step + 8};
      const size_t numel =
          size_t((runs.count - 1) * runs.distance + (runs.length - 1) * step + width);
      const Guarded x(numel, 1, 99, 103), dy(numel, 2, -1, 2);
      Guarded y(numel), dx(numel);
      std::vector<float> centre(16, 100.5f), scale(16, 1.5f), shift(16, -0.5f), slope(16, 0.25f);
      std::vector<NormMoments> moments(16);
      std::vector<NormSums> sums(16);
      k.lane_moments(x.data(), runs, step, width, moments.data());
      k.lane_sums(x.data(), {dy.data()}, runs, step, width, centre.data(), sums.data());
      k.lane_affine(x.data(), y.data(), runs, step, width,
                    {centre.data(), scale.data(), shift.data()}, {});
      k.lane_gradient(x.data(), {dy.data()}, dx.data(), runs, step, width,
                      {centre.data(), scale.data(), shift.data(), slope.data()});
      const double n = double(runs.positions());
      for (int c = 0; c < width; ++c) {
        const auto each = [&](const auto& body) {
          for (int64_t r = 0; r < runs.count; ++r)
            for (int64_t i = 0; i < runs.length; ++i)
              body(size_t(r * runs.distance + i * step + c));
        };
        double mean = 0, square = 0, sum = 0, product = 0;
        each([&](size_t i) { mean += x[i] / n; });
        each([&](size_t i) { square += (x[i] - mean) * (x[i] - mean); });
        each([&](size_t i) { sum += dy[i], product += dy[i] * (double(x[i]) - 100.5); });
        expect_near("mean", moments[c].mean, mean, tolerance(n, 1));
        expect_near("square", moments[c].square, square, tolerance(n, 4 * n));
        expect_near("sum", sums[c].sum, sum, tolerance(n, 2 * n));
        expect_near("product", sums[c].product, product, tolerance(n, 5 * n));
        each([&](size_t i) {
          const double d = double(x[i]) - 100.5;
          expect_near("y", y[i], d * 1.5 - 0.5, tolerance(4, 4));
          expect_near("dx", dx[i], dy[i] * 1.5 + 0.5 - d * 0.25, tolerance(4, 4));
        });
      }
      y.expect_intact();
      dx.expect_intact();
    }
}

// What follows the normalisation, and its gradient: the same bits as the passes one by one.
TEST_P(Norm, TheTailAndItsGradientAreThePassesOneByOne) {
  const NormTable<float>& k = *GetParam().norm;
  const int64_t step = 20;
  for (int width : {0, 16, 5})  // 0: one channel
    for (const NormRuns& shape :
         {NormRuns{3, 7, 11}, NormRuns{1, 9000, 0}, NormRuns{2, 150, 400}}) {
      SCOPED_TRACE(testing::Message()
                   << width << " channels, " << shape.count << " runs of " << shape.length);
      const NormRuns runs{shape.count, shape.length, shape.distance * (width ? step : 1)};
      const size_t numel = size_t((runs.count - 1) * runs.distance +
                                  (width ? (runs.length - 1) * step + width : runs.length));
      const Guarded x(numel, 1, -2, 2), dy(numel, 2, -1, 2), other(numel, 3, -1, 1);
      std::vector<float> mean(16, 0.1f), scale(16, 1.5f), shift(16, -0.5f), slope(16, 0.25f);
      const NormAffine forward{mean.data(), scale.data(), shift.data()};
      const NormGradient backward{mean.data(), scale.data(), shift.data(), slope.data()};
      const auto affine = [&](const NormTail<float>& tail) {
        Guarded y(numel);
        if (width)
          k.lane_affine(x.data(), y.data(), runs, step, width, forward, tail);
        else
          k.affine(x.data(), y.data(), runs, forward, tail);
        y.expect_intact();
        return y.all;
      };
      struct Gradients {
        std::vector<double> sums;
        std::vector<float> dx;
      };
      const auto gradients = [&](const NormIncoming<float>& sum, const NormIncoming<float>& dy) {
        std::vector<NormSums> sums(16);
        Guarded dx(numel);
        if (width) {
          k.lane_sums(x.data(), sum, runs, step, width, mean.data(), sums.data());
          k.lane_gradient(x.data(), dy, dx.data(), runs, step, width, backward);
        } else {
          sums[0] = k.sums(x.data(), sum, runs, mean[0]);
          k.gradient(x.data(), dy, dx.data(), runs, backward);
        }
        dx.expect_intact();
        Gradients all{{}, dx.all};
        for (const NormSums& s : sums) all.sums.insert(all.sums.end(), {s.sum, s.product});
        return all;
      };
      // Guards and gaps hold the same number everywhere.
      const std::vector<float> plain = affine({});
      std::vector<float> cut = plain, added = plain, both = plain;
      Guarded masked(numel), masked_sum(numel), y(numel);
      for (size_t i = 0; i < numel; ++i) {
        const size_t at = i + kGuardCount;
        if (plain[at] == kGuard) continue;
        cut[at] = std::max(plain[at], 0.0f);
        added[at] = plain[at] + other[i];
        both[at] = std::max(added[at], 0.0f);
        masked.data()[i] = cut[at] > 0 ? dy[i] : 0;
        masked_sum.data()[i] = both[at] > 0 ? dy[i] + other[i] : 0;
        y.data()[i] = both[at];
      }
      EXPECT_EQ(affine({nullptr, true}), cut);
      EXPECT_EQ(affine({other.data(), false}), added);
      EXPECT_EQ(affine({other.data(), true}), both);

      const auto same = [](const Gradients& a, const Gradients& b) {
        return a.sums == b.sums && a.dx == b.dx;
      };
      const NormIncoming<float> from_input{dy.data(), NormRelu::FromInput, forward};
      EXPECT_TRUE(
          same(gradients(from_input, from_input), gradients({masked.data()}, {masked.data()})));
      Guarded written(numel);
      const NormIncoming<float> from_output{dy.data(), NormRelu::FromOutput, {},
                                            y.data(),  other.data(),         written.data()};
      EXPECT_TRUE(same(gradients(from_output, {written.data()}),
                       gradients({masked_sum.data()}, {masked_sum.data()})));
      EXPECT_EQ(written.all, masked_sum.all);
      // Over dy itself.
      Guarded place = dy;
      const NormIncoming<float> in_place{place.data(), NormRelu::FromOutput, {}, y.data(),
                                         nullptr,      place.data()};
      gradients(in_place, {place.data()});
      for (size_t i = 0; i < numel; ++i) {
        if (plain[i + kGuardCount] == kGuard) continue;
        ASSERT_EQ(place[i], y[i] > 0 ? dy[i] : 0);
      }
      place.expect_intact();
    }
}

TEST_P(Norm, ANumberThatIsNoneStaysOneBehindRelu) {
  const NormTable<float>& k = *GetParam().norm;
  const float x[] = {NAN, -1, 1}, mean[16] = {}, scale[16] = {1, 1, 1}, shift[16] = {};
  float y[3];
  k.affine(x, y, {1, 3, 0}, {mean, scale, shift}, {nullptr, true});
  EXPECT_TRUE(std::isnan(y[0]) && y[1] == 0 && y[2] == 1);
  k.lane_affine(x, y, {1, 1, 0}, 3, 3, {mean, scale, shift}, {nullptr, true});
  EXPECT_TRUE(std::isnan(y[0]) && y[1] == 0 && y[2] == 1);
}

TEST_P(Norm, SoftmaxRowsAndColumnsAreTheFormulas) {
  const SoftmaxTable& k = *GetParam().softmax;
  for (int64_t classes : {1, 3, 16, 64, 77, 1500})
    for (int64_t width : {1, 2, 21, 100})
      for (bool log : {false, true}) {
        SCOPED_TRACE(testing::Message()
                     << classes << " classes, " << width << " columns, log " << log);
        const int64_t stride = width == 1 ? 1 : width + 3;
        const size_t numel = size_t((classes - 1) * stride + width);
        const Guarded x(numel, 1, -20, 20), dy(numel, 2, -1, 1);
        Guarded y(numel), dx(numel);
        if (width == 1) {
          k.rows(x.data(), y.data(), 1, classes, log);
          k.row_backward(y.data(), dy.data(), dx.data(), classes, log);
        } else {
          k.columns(x.data(), y.data(), classes, stride, width, log);
          k.columns_backward(y.data(), dy.data(), dx.data(), classes, stride, width, log);
        }
        const double allowed = tolerance(16 + double(classes), log ? 40 : 1);
        for (int64_t i = 0; i < width; ++i) {
          double sum = 0, total = 0;
          for (int64_t c = 0; c < classes; ++c) sum += std::exp(double(x[c * stride + i]));
          for (int64_t c = 0; c < classes; ++c) {
            const size_t at = size_t(c * stride + i);
            expect_near("y", y[at], log ? x[at] - std::log(sum) : std::exp(double(x[at])) / sum,
                        allowed);
            total += log ? double(dy[at]) : double(dy[at]) * y[at];
          }
          for (int64_t c = 0; c < classes; ++c) {
            const size_t at = size_t(c * stride + i);
            const double v = y[at];
            expect_near("dx", dx[at], log ? dy[at] - std::exp(v) * total : v * (dy[at] - total),
                        allowed);
          }
        }
        y.expect_intact();
        dx.expect_intact();
      }
}

TEST_P(Norm, LocalResponseIsTheFormula) {
  const LrnTable& k = *GetParam().lrn;
  const int64_t positions = 37;
  for (int64_t channels : {1, 7, 33})
    for (int64_t size : {1, 4, 5, 50}) {
      SCOPED_TRACE(testing::Message() << channels << " channels, windows of " << size);
      const LrnParams p{channels, size, 0.8f, 0.75f, 1.5f};
      const size_t numel = size_t(channels * positions);
      const Guarded x(numel, 1, -2, 2), dy(numel, 2, -1, 1);
      std::vector<float> scratch(size_t(lrn_scratch(p)));
      for (bool lines : {false, true}) {
        Guarded y(numel), dx(numel);
        const LrnLine line{positions, channels};
        if (lines) {
          k.lines(p, x.data(), y.data(), line, 0, positions, scratch.data());
          k.lines_backward(p, x.data(), dy.data(), dx.data(), line, 0, positions, scratch.data());
        } else {
          k.planes(p, x.data(), y.data(), positions, 0, positions, scratch.data());
          k.planes_backward(p, x.data(), dy.data(), dx.data(), positions, 0, positions,
                            scratch.data());
        }
        for (int64_t i = 0; i < positions; ++i) {
          const auto at = [&](int64_t c) {
            return size_t(lines ? i * channels + c : c * positions + i);
          };
          std::vector<double> gradient(size_t(channels), 0.0);
          for (int64_t c = 0; c < channels; ++c) {
            const int64_t first = std::max<int64_t>(0, c - size / 2);
            const int64_t last = std::min(channels - 1, c + (size - 1) / 2);
            double sum = 0;
            for (int64_t j = first; j <= last; ++j) sum += double(x[at(j)]) * x[at(j)];
            const double share = double(p.alpha) / double(size), s = p.k + share * sum;
            const double inverse = std::pow(s, -0.75);
            expect_near("y", y[at(c)], x[at(c)] * inverse, tolerance(16 + double(size), 2));
            gradient[size_t(c)] += dy[at(c)] * inverse;
            for (int64_t j = first; j <= last; ++j)
              gradient[size_t(j)] -= 1.5 * share * dy[at(c)] * x[at(c)] * inverse / s * x[at(j)];
          }
          for (int64_t c = 0; c < channels; ++c)
            expect_near("dx", dx[at(c)], gradient[size_t(c)], tolerance(16 + double(size), 4));
        }
        y.expect_intact();
        dx.expect_intact();
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Isa, Norm,
                         testing::Values(IsaCase{Isa::Baseline, &baseline::norm_table,
                                                 &baseline::softmax_table, &baseline::lrn_table},
                                         IsaCase{Isa::Avx2, &avx2::norm_table, &avx2::softmax_table,
                                                 &avx2::lrn_table},
                                         IsaCase{Isa::Avx512, &avx512::norm_table,
                                                 &avx512::softmax_table, &avx512::lrn_table}),
                         [](const auto& info) { return isa_name(info.param.isa); });

}  // namespace
}  // namespace dn::cpu
