// Batch normalisation against loops in float64.
#include "cuda/kernels/batch_norm.h"

#include <limits>

#include "number_types.h"

namespace dn::cuda {

namespace {

struct Size {
  bool channels_last;
  int64_t batch, positions;
  int channels;
};

// Up to 1024 rows one kernel does it all; beyond, several blocks share a channel. Channels by
// vectors and one by one; rows that fill no whole round; planes of one and of several units.
const Size kSizes[] = {
    {true, 4, 1, 3},     {true, 2, 1, 16},  {true, 3, 35, 17},  {true, 1, 1024, 8},
    {true, 1025, 1, 8},  {true, 2, 700, 1}, {true, 31, 67, 24}, {true, 5, 211, 5},
    {true, 2, 3, 264},   {false, 4, 1, 3},  {false, 2, 15, 3},  {false, 3, 300, 2},
    {false, 1, 4500, 1}, {false, 70, 9, 5}, {true, 3, 4, 0},    {false, 3, 4, 0}};

template <typename T>
struct Problem {
  BatchNormView view;
  size_t numel, channels;
  std::vector<float> x, residual, weight, bias;
  float epsilon = 1e-3f, momentum = 0.3f;

  explicit Problem(const Size& s, float centre = 1, float spread = 2)
      : view{NumberType<T>::kDtype, s.channels_last, s.batch, s.positions, s.channels},
        numel((size_t)(s.batch * s.positions * s.channels)),
        channels((size_t)s.channels),
        x(rounded<T>(random_floats(numel, 1, centre - spread, centre + spread))),
        residual(rounded<T>(random_floats(numel, 2))),
        weight(random_floats(channels, 3, 0.5f, 2)),
        bias(random_floats(channels, 4, -1, 1)) {}

  size_t channel(size_t i) const {
    return view.channels_last ? i % channels : i / (size_t)view.positions % channels;
  }
  double rows() const { return (double)view.rows(); }
};

template <typename T>
struct Statistics {
  std::vector<double> mean, square, inv_std;
  explicit Statistics(const Problem<T>& p)
      : mean(p.channels, 0.0), square(p.channels, 0.0), inv_std(p.channels) {
    for (size_t i = 0; i < p.numel; ++i) mean[p.channel(i)] += p.x[i] / p.rows();
    for (size_t i = 0; i < p.numel; ++i) {
      const double distance = p.x[i] - mean[p.channel(i)];
      square[p.channel(i)] += distance * distance;
    }
    for (size_t c = 0; c < p.channels; ++c)
      inv_std[c] = 1 / std::sqrt(square[c] / p.rows() + p.epsilon);
  }
};

template <typename T>
struct Device {
  const TypedArray<T> x, residual, y;
  const TypedArray<float> weight, bias, mean, inv_std, running_mean, running_var;
  const TypedArray<uint8_t> scratch;

  explicit Device(const Problem<T>& p)
      : x(narrow<T>(p.x)),
        residual(narrow<T>(p.residual)),
        y(p.numel),
        weight(p.weight),
        bias(p.bias),
        mean(p.channels),
        inv_std(p.channels),
        running_mean(random_floats(p.channels, 5)),
        running_var(random_floats(p.channels, 6, 0.5f, 2)),
        scratch((size_t)batch_norm_scratch_bytes(p.view)) {}

  void train(const Problem<T>& p, bool with_residual, bool relu) const {
    batch_norm_training(nullptr,
                        {p.view, x.data(), with_residual ? residual.data() : nullptr, weight.data(),
                         bias.data(), y.data(), mean.data(), inv_std.data(), running_mean.data(),
                         running_var.data(), scratch.data(), p.epsilon, p.momentum, relu});
  }
};

std::string describe(const Size& s, bool residual, bool relu) {
  return (::testing::Message() << "(" << s.batch << ", " << s.positions << ", " << s.channels << ")"
                               << (s.channels_last ? "" : " row-major")
                               << (residual ? " residual" : "") << (relu ? " relu" : ""))
      .GetString();
}

template <typename T>
void check_training(const Problem<T>& p, bool residual, bool relu) {
  const Device<T> d(p), again(p);
  const std::vector<float> old_mean = d.running_mean.read(), old_var = d.running_var.read();
  d.train(p, residual, relu);
  again.train(p, residual, relu);
  const Statistics<T> s(p);
  std::vector<double> y(p.numel), running_mean, running_var;
  double magnitude = 0;
  for (size_t i = 0; i < p.numel; ++i) {
    const size_t c = p.channel(i);
    y[i] = (p.x[i] - s.mean[c]) * s.inv_std[c] * p.weight[c] + p.bias[c];
    if (residual) y[i] += p.residual[i];
    magnitude = std::max(magnitude, std::fabs(p.x[i] * s.inv_std[c]));
    if (relu && y[i] < 0) y[i] = 0;
  }
  for (size_t c = 0; c < p.channels; ++c) {
    running_mean.push_back(old_mean[c] + p.momentum * (s.mean[c] - old_mean[c]));
    running_var.push_back(old_var[c] + p.momentum * (s.square[c] / (p.rows() - 1) - old_var[c]));
  }
  const double exact = tolerance<float>(16);
  expect_near("mean", d.mean.read(), s.mean, exact, 1);
  expect_near("inv_std", d.inv_std.read(), s.inv_std, 8 * exact);
  expect_near("running mean", d.running_mean.read(), running_mean, exact, 1);
  expect_near("running variance", d.running_var.read(), running_var, 8 * exact, 1);
  expect_near("y", widen(d.y.read()), y, tolerance<T>(16), magnitude);
  d.scratch.read();
  expect_same_bits("y", d.y.read(), again.y.read());
  expect_same_bits("running variance", d.running_var.read(), again.running_var.read());
}

template <typename T>
class BatchNormKernels : public ::testing::Test {};
TYPED_TEST_SUITE(BatchNormKernels, NumberTypes);

TYPED_TEST(BatchNormKernels, TrainingNormalisesByTheBatch) {
  for (const Size& size : kSizes)
    for (const auto& [residual, relu] : {std::pair{false, false}, {false, true}, {true, true}}) {
      SCOPED_TRACE(describe(size, residual, relu));
      check_training(Problem<TypeParam>(size), residual, relu);
      if (this->HasFatalFailure()) return;
    }
}

// The sum of squares minus the square of the sum would have no correct digit here.
TEST(BatchNormMoments, ASmallVarianceAroundALargeMean) {
  for (const Size& size : {Size{true, 3, 500, 8}, Size{true, 9, 30, 3}, Size{false, 3, 500, 2}}) {
    Problem<float> p(size, 10000, 0.5f);
    p.epsilon = 1e-6f;
    const Device<float> d(p);
    d.train(p, false, false);
    const Statistics<float> s(p);
    expect_near("mean", d.mean.read(), s.mean, 0x1p-23);
    expect_near("inv_std", d.inv_std.read(), s.inv_std, 1e-3);
  }
}

TYPED_TEST(BatchNormKernels, NaNStaysInItsChannel) {
  for (const Size& size : {Size{true, 5, 300, 8}, Size{true, 4, 9, 8}, Size{false, 5, 9, 8}}) {
    Problem<TypeParam> p(size);
    for (size_t i = 0; i < p.numel; ++i)
      if (p.channel(i) == 3) {
        p.x[i] = NAN;
        break;
      }
    const Device<TypeParam> d(p);
    d.train(p, false, true);
    const std::vector<float> y = widen(d.y.read());
    for (size_t i = 0; i < p.numel; ++i) ASSERT_EQ(std::isnan(y[i]), p.channel(i) == 3) << i;
    EXPECT_TRUE(std::isnan(d.mean.read()[3]));
  }
}

TYPED_TEST(BatchNormKernels, InferenceUsesTheRunningStatistics) {
  for (const Size& size : {kSizes[2], kSizes[6], kSizes[0], kSizes[11], Size{true, 0, 4, 8}})
    for (const auto& [residual, relu] : {std::pair{false, false}, {true, true}}) {
      SCOPED_TRACE(describe(size, residual, relu));
      const Problem<TypeParam> p(size);
      const Device<TypeParam> d(p);
      batch_norm_inference(nullptr, {p.view, d.x.data(), residual ? d.residual.data() : nullptr,
                                     d.weight.data(), d.bias.data(), d.running_mean.data(),
                                     d.running_var.data(), d.y.data(), p.epsilon, relu});
      const std::vector<float> mean = d.running_mean.read(), var = d.running_var.read();
      std::vector<double> y(p.numel);
      for (size_t i = 0; i < p.numel; ++i) {
        const size_t c = p.channel(i);
        y[i] = (p.x[i] - mean[c]) / std::sqrt((double)var[c] + p.epsilon) * p.weight[c] + p.bias[c];
        if (residual) y[i] += p.residual[i];
        if (relu && y[i] < 0) y[i] = 0;
      }
      expect_near("y", widen(d.y.read()), y, tolerance<TypeParam>(16), 4);
      if (this->HasFatalFailure()) return;
    }
}

template <typename T>
void check_backward(const Problem<T>& p, ReluGradient relu, bool other, bool in_place) {
  const Device<T> d(p);
  d.train(p, relu == ReluGradient::FromOutput, relu != ReluGradient::None);
  const std::vector<float> y = widen(d.y.read()), mean = d.mean.read(), inv_std = d.inv_std.read();
  const std::vector<float> dy = rounded<T>(random_floats(p.numel, 7)),
                           dy_other = rounded<T>(random_floats(p.numel, 8));
  struct Run {
    std::vector<T> dx, masked;
    std::vector<float> dweight, dbias;
  };
  const auto run = [&] {
    const TypedArray<T> dy_device(narrow<T>(dy)), other_device(narrow<T>(dy_other)), dx(p.numel),
        masked(p.numel);
    const TypedArray<float> dweight(p.channels), dbias(p.channels);
    BatchNormBackward b{};
    b.view = p.view;
    b.x = d.x.data();
    b.weight = d.weight.data(), b.mean = d.mean.data(), b.inv_std = d.inv_std.data();
    b.bias = relu == ReluGradient::FromInput ? d.bias.data() : nullptr;
    b.dy = dy_device.data();
    b.dx = in_place ? dy_device.data() : dx.data();
    if (relu == ReluGradient::FromOutput) {
      b.y = d.y.data();
      b.dy_other = other ? other_device.data() : nullptr;
      b.masked = in_place ? b.dx : masked.data();
    }
    b.dweight = dweight.data(), b.dbias = dbias.data();
    b.scratch = d.scratch.data();
    b.relu = relu;
    batch_norm_backward(nullptr, b);
    d.scratch.read();
    return Run{in_place ? dy_device.read() : dx.read(), masked.read(), dweight.read(),
               dbias.read()};
  };
  const Run found = run(), again = run();

  std::vector<double> gradient(p.numel), sum(p.channels, 0.0), product(p.channels, 0.0),
      dweight(p.channels), dx(p.numel);
  for (size_t i = 0; i < p.numel; ++i) {
    gradient[i] = dy[i] + (other ? dy_other[i] : 0);
    if (relu != ReluGradient::None) gradient[i] *= y[i] > 0;
    if (relu == ReluGradient::FromOutput) gradient[i] = rounded<T>({(float)gradient[i]})[0];
    sum[p.channel(i)] += gradient[i];
    product[p.channel(i)] += gradient[i] * (p.x[i] - mean[p.channel(i)]);
  }
  double magnitude = 1e-4;  // float16 has no finer steps below
  for (size_t c = 0; c < p.channels; ++c) dweight[c] = product[c] * inv_std[c];
  for (size_t i = 0; i < p.numel; ++i) {
    const size_t c = p.channel(i);
    const double scale = p.weight[c] * inv_std[c], centred = (p.x[i] - mean[c]) * inv_std[c];
    dx[i] = scale * (gradient[i] - sum[c] / p.rows() - centred * dweight[c] / p.rows());
    magnitude = std::max(magnitude, 4 * scale);
  }
  const double sums = tolerance<float>(p.rows()) * 4;
  expect_near("dbias", found.dbias, sum, sums, std::sqrt(p.rows()));
  expect_near("dweight", found.dweight, dweight, sums, 2 * std::sqrt(p.rows()));
  expect_near("dx", widen(found.dx), dx, tolerance<T>(16), magnitude);
  if (relu == ReluGradient::FromOutput && !in_place)
    expect_near("masked", widen(found.masked), gradient, 0x1p-22);
  expect_same_bits("dx", found.dx, again.dx);
  expect_same_bits("dweight", found.dweight, again.dweight);
}

TYPED_TEST(BatchNormKernels, BackwardMatchesTheFormula) {
  for (const Size& size : kSizes)
    for (const ReluGradient relu :
         {ReluGradient::None, ReluGradient::FromInput, ReluGradient::FromOutput})
      for (const bool variant : {false, true}) {
        SCOPED_TRACE(describe(size, relu == ReluGradient::FromOutput, relu != ReluGradient::None) +
                     (variant ? ", in place" : ""));
        check_backward(Problem<TypeParam>(size), relu, variant && relu == ReluGradient::FromOutput,
                       variant);
        if (this->HasFatalFailure()) return;
      }
}

// Nothing to normalise: the gradients of the parameters are 0.
TEST(BatchNormMoments, BackwardOfNoSamples) {
  for (const bool channels_last : {true, false}) {
    Problem<float> p({channels_last, 0, 6, 4});
    const TypedArray<float> weight(p.weight), mean(p.bias), inv_std(p.weight), dweight(4), dbias(4),
        data(0);
    const TypedArray<uint8_t> scratch((size_t)batch_norm_scratch_bytes(p.view));
    BatchNormBackward b{};
    b.view = p.view;
    b.x = b.dy = data.data();
    b.dx = data.data();
    b.weight = weight.data(), b.mean = mean.data(), b.inv_std = inv_std.data();
    b.dweight = dweight.data(), b.dbias = dbias.data();
    b.scratch = scratch.data();
    batch_norm_backward(nullptr, b);
    EXPECT_EQ(dweight.read(), std::vector<float>(4, 0.0f));
    EXPECT_EQ(dbias.read(), std::vector<float>(4, 0.0f));
  }
}

// The mask that is computed from x is the one of the y that was stored, whatever it was rounded to.
TYPED_TEST(BatchNormKernels, TheMaskFromTheInputIsThatOfTheOutput) {
  Problem<TypeParam> p({true, 40, 30, 8});
  for (float& b : p.bias) b = 0;
  // Around the mean, so that outputs are around 0, down to what rounds to 0.
  for (float& w : p.weight) w = 1e-6f;
  p.x = rounded<TypeParam>(p.x);
  check_backward(p, ReluGradient::FromInput, false, false);
}

}  // namespace

}  // namespace dn::cuda
