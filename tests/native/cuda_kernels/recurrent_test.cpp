// Recurrent layers against loops in float64, one sample after the other.
#include "cuda/kernels/recurrent.h"

#include <ostream>

#include "number_types.h"

namespace dn::cuda {

namespace {

constexpr unsigned long long kNoFault = ~0ull;

struct Case {
  int cell;
  int64_t steps, batch, hidden;
  bool reverse, bias, states, lengths;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << "cell " << c.cell << " " << c.steps << "x" << c.batch << "x" << c.hidden
               << (c.reverse ? " reverse" : "") << (c.bias ? " bias" : "")
               << (c.states ? " states" : "") << (c.lengths ? " lengths" : "");
  }
};

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

using Doubles = std::vector<double>;

// Inputs, and the results in float64.
struct Layer {
  explicit Layer(const Case& c)
      : c(c),
        width(c.hidden * (c.cell == DN_RECURRENT_LSTM  ? 4
                          : c.cell == DN_RECURRENT_GRU ? 3
                                                       : 1)) {
    auto numbers = [seed = 1u](int64_t count, float range = 1.0f) mutable {
      return random_floats((size_t)count, seed++, -range, range);
    };
    const int64_t samples = c.steps * c.batch, state = c.batch * c.hidden;
    gates = numbers(samples * width);
    weight = numbers(width * c.hidden, 1.0f / std::sqrt((float)c.hidden));
    bias = numbers(width);
    hidden = numbers(state), cell = numbers(state);
    grad_y = numbers(samples * c.hidden);
    grad_hidden = numbers(state), grad_cell = numbers(state);
    for (int64_t n = 0; n < c.batch; ++n) lengths.push_back((int32_t)(c.steps - n * 2 % c.steps));
    y.assign((size_t)(samples * c.hidden), 0);
    final_hidden.assign((size_t)state, 0), final_cell = final_hidden;
    d_gates.assign(gates.size(), 0), d_weight.assign(weight.size(), 0);
    d_bias.assign(bias.size(), 0);
    d_hidden.assign((size_t)state, 0), d_cell = d_hidden;
    for (int64_t n = 0; n < c.batch; ++n) run_sample(n);
  }

  // One sample: forward, keeping everything, and backward.
  void run_sample(int64_t n) {
    struct Step {
      int64_t row;
      Doubles hidden, cell, products, gates, next_cell;
    };
    const int64_t count = c.hidden, length = c.lengths ? lengths[(size_t)n] : c.steps;
    Doubles h((size_t)count), k((size_t)count);
    for (int64_t u = 0; c.states && u < count; ++u)
      h[(size_t)u] = hidden[(size_t)(n * count + u)], k[(size_t)u] = cell[(size_t)(n * count + u)];
    std::vector<Step> steps;
    for (int64_t i = 0; i < length; ++i) {
      const int64_t row = (c.reverse ? length - 1 - i : i) * c.batch + n;
      Step s{row, h, k, Doubles((size_t)width), Doubles((size_t)width), k};
      for (int64_t r = 0; r < width; ++r) {
        s.products[(size_t)r] = c.bias ? bias[(size_t)r] : 0;
        for (int64_t u = 0; u < count; ++u)
          s.products[(size_t)r] += (double)weight[(size_t)(r * count + u)] * s.hidden[(size_t)u];
      }
      for (int64_t u = 0; u < count; ++u) {
        const auto x = [&](int64_t g) {
          return (double)gates[(size_t)(row * width + g * count + u)];
        };
        const auto m = [&](int64_t g) { return s.products[(size_t)(g * count + u)]; };
        const auto a = [&](int64_t g) -> double& { return s.gates[(size_t)(g * count + u)]; };
        double& next = h[(size_t)u];
        if (c.cell == DN_RECURRENT_TANH) {
          next = a(0) = std::tanh(x(0) + m(0));
        } else if (c.cell == DN_RECURRENT_RELU) {
          next = a(0) = std::max(x(0) + m(0), 0.0);
        } else if (c.cell == DN_RECURRENT_LSTM) {
          a(0) = sigmoid(x(0) + m(0)), a(1) = sigmoid(x(1) + m(1));
          a(2) = std::tanh(x(2) + m(2)), a(3) = sigmoid(x(3) + m(3));
          s.next_cell[(size_t)u] = a(1) * s.cell[(size_t)u] + a(0) * a(2);
          next = a(3) * std::tanh(s.next_cell[(size_t)u]);
        } else {
          a(0) = sigmoid(x(0) + m(0)), a(1) = sigmoid(x(1) + m(1));
          a(2) = std::tanh(x(2) + a(0) * m(2));
          next = (1 - a(1)) * a(2) + a(1) * s.hidden[(size_t)u];
        }
        y[(size_t)(row * count + u)] = next;
      }
      k = s.next_cell;
      steps.push_back(std::move(s));
    }
    Doubles dh((size_t)count), dc((size_t)count);
    for (int64_t u = 0; u < count; ++u) {
      const size_t at = (size_t)(n * count + u);
      final_hidden[at] = h[(size_t)u], final_cell[at] = k[(size_t)u];
      dh[(size_t)u] = grad_hidden[at];
      dc[(size_t)u] = c.cell == DN_RECURRENT_LSTM ? grad_cell[at] : 0;
    }
    for (auto s = steps.rbegin(); s != steps.rend(); ++s) {
      Doubles products((size_t)width), direct((size_t)count);
      for (int64_t u = 0; u < count; ++u) {
        const auto a = [&](int64_t g) { return s->gates[(size_t)(g * count + u)]; };
        const auto d = [&](int64_t g) -> double& {
          return d_gates[(size_t)(s->row * width + g * count + u)];
        };
        const double g = dh[(size_t)u] + grad_y[(size_t)(s->row * count + u)];
        if (c.cell == DN_RECURRENT_TANH) {
          d(0) = g * (1 - a(0) * a(0));
        } else if (c.cell == DN_RECURRENT_RELU) {
          d(0) = a(0) > 0 ? g : 0;
        } else if (c.cell == DN_RECURRENT_LSTM) {
          const double t = std::tanh(s->next_cell[(size_t)u]);
          const double later = dc[(size_t)u] + g * a(3) * (1 - t * t);
          d(0) = later * a(2) * a(0) * (1 - a(0));
          d(1) = later * s->cell[(size_t)u] * a(1) * (1 - a(1));
          d(2) = later * a(0) * (1 - a(2) * a(2));
          d(3) = g * t * a(3) * (1 - a(3));
          dc[(size_t)u] = later * a(1);
        } else {
          d(2) = g * (1 - a(1)) * (1 - a(2) * a(2));
          d(0) = d(2) * s->products[(size_t)(2 * count + u)] * a(0) * (1 - a(0));
          d(1) = g * (s->hidden[(size_t)u] - a(2)) * a(1) * (1 - a(1));
          direct[(size_t)u] = g * a(1);
        }
        for (int64_t gate = 0; gate < width / count; ++gate)
          products[(size_t)(gate * count + u)] =
              d(gate) * (c.cell == DN_RECURRENT_GRU && gate == 2 ? a(0) : 1);
      }
      dh = direct;
      for (int64_t r = 0; r < width; ++r) {
        d_bias[(size_t)r] += products[(size_t)r];
        for (int64_t u = 0; u < count; ++u) {
          d_weight[(size_t)(r * count + u)] += products[(size_t)r] * s->hidden[(size_t)u];
          dh[(size_t)u] += products[(size_t)r] * weight[(size_t)(r * count + u)];
        }
      }
    }
    for (int64_t u = 0; u < count; ++u)
      d_hidden[(size_t)(n * count + u)] = dh[(size_t)u],
                                    d_cell[(size_t)(n * count + u)] = dc[(size_t)u];
  }

  const Case c;
  const int64_t width;
  std::vector<float> gates, weight, bias, hidden, cell, grad_y, grad_hidden, grad_cell;
  std::vector<int32_t> lengths;
  Doubles y, final_hidden, final_cell, d_gates, d_weight, d_bias, d_hidden, d_cell;
};

class RecurrentKernels : public ::testing::TestWithParam<Case> {};

TEST_P(RecurrentKernels, MatchTheFormulas) {
  const Case& c = GetParam();
  const Layer layer(c);
  const bool lstm = c.cell == DN_RECURRENT_LSTM;
  const TypedArray<float> gates(layer.gates), weight(layer.weight), bias(layer.bias);
  const TypedArray<float> hidden(layer.hidden), cell(layer.cell), grad_y(layer.grad_y);
  const TypedArray<float> grad_hidden(layer.grad_hidden), grad_cell(layer.grad_cell);
  const TypedArray<int32_t> lengths(layer.lengths);
  const TypedArray<unsigned long long> fault(std::vector<unsigned long long>{kNoFault});
  const TypedArray<float> y(layer.y.size()), final_hidden(layer.hidden.size());
  const TypedArray<float> final_cell(lstm ? layer.hidden.size() : 0);
  const TypedArray<float> reserve(layer.y.size() * DN_RECURRENT_RESERVE);

  RecurrentForward f;
  f.shape.cell = c.cell, f.shape.reverse = c.reverse;
  f.shape.steps = c.steps, f.shape.batch = c.batch, f.shape.hidden = c.hidden;
  f.gates = gates.data(), f.weight = weight.data();
  f.bias = c.bias ? bias.data() : nullptr;
  f.initial_hidden = c.states ? hidden.data() : nullptr;
  f.initial_cell = c.states && lstm ? cell.data() : nullptr;
  f.lengths = c.lengths ? lengths.data() : nullptr;
  f.y = y.data(), f.final_hidden = final_hidden.data();
  f.final_cell = lstm ? final_cell.data() : nullptr;
  f.reserve = reserve.data();
  f.bad_length = fault.data();
  const RecurrentPlan forward = plan_recurrent_forward(f, 4);
  const TypedArray<uint8_t> forward_space((size_t)forward.workspace_bytes);
  recurrent_forward(nullptr, f, forward, forward_space.data());
  const double relative = tolerance<float>((double)((c.hidden + 8) * c.steps));
  expect_near("y", y.read(), layer.y, relative, 1);
  expect_near("final_hidden", final_hidden.read(), layer.final_hidden, relative, 1);
  if (lstm) expect_near("final_cell", final_cell.read(), layer.final_cell, relative, 1);

  const TypedArray<float> d_gates(layer.gates.size()), d_weight(layer.weight.size());
  const TypedArray<float> d_bias(layer.bias.size()), d_hidden(layer.hidden.size());
  const TypedArray<float> d_cell(lstm ? layer.hidden.size() : 0);
  RecurrentBackward b;
  b.shape = f.shape;
  b.weight = f.weight, b.initial_hidden = f.initial_hidden, b.initial_cell = f.initial_cell;
  b.lengths = f.lengths, b.y = f.y, b.reserve = f.reserve;
  b.grad_y = grad_y.data(), b.grad_final_hidden = grad_hidden.data();
  b.grad_final_cell = lstm ? grad_cell.data() : nullptr;
  b.grad_gates = d_gates.data(), b.grad_weight = d_weight.data();
  b.grad_bias = c.bias ? d_bias.data() : nullptr;
  b.grad_initial_hidden = c.states ? d_hidden.data() : nullptr;
  b.grad_initial_cell = c.states && lstm ? d_cell.data() : nullptr;
  b.bad_length = fault.data();
  const RecurrentPlan backward = plan_recurrent_backward(b, 4);
  const TypedArray<uint8_t> backward_space((size_t)backward.workspace_bytes);
  recurrent_backward(nullptr, b, backward, backward_space.data());
  const double wide = 2 * relative, rows = (double)(c.steps * c.batch);
  expect_near("grad_gates", d_gates.read(), layer.d_gates, wide, 1);
  expect_near("grad_weight", d_weight.read(), layer.d_weight, wide * std::sqrt(rows + 1), 1);
  if (c.bias) expect_near("grad_bias", d_bias.read(), layer.d_bias, wide * std::sqrt(rows + 1), 1);
  if (c.states) expect_near("grad_initial_hidden", d_hidden.read(), layer.d_hidden, wide, 1);
  if (c.states && lstm) expect_near("grad_initial_cell", d_cell.read(), layer.d_cell, wide, 1);
  const std::vector<float> first = d_gates.read();
  const std::vector<float> weights = d_weight.read();
  recurrent_backward(nullptr, b, backward, backward_space.data());
  expect_same_bits("grad_gates", d_gates.read(), first);
  expect_same_bits("grad_weight", d_weight.read(), weights);
  EXPECT_EQ(fault.read()[0], kNoFault);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int cell :
       {DN_RECURRENT_TANH, DN_RECURRENT_RELU, DN_RECURRENT_LSTM, DN_RECURRENT_GRU}) {
    all.push_back({cell, 3, 2, 5, false, false, false, false});
    all.push_back({cell, 4, 3, 8, true, true, true, true});
    all.push_back({cell, 4, 3, 3, false, true, false, true});
    all.push_back({cell, 3, 3, 3, true, false, false, true});
  }
  all.push_back({DN_RECURRENT_LSTM, 2, 20, 20, false, true, true, false});
  all.push_back({DN_RECURRENT_GRU, 1, 1, 1, true, true, true, false});
  all.push_back({DN_RECURRENT_GRU, 2, 0, 4, false, true, true, true});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Cases, RecurrentKernels, ::testing::ValuesIn(cases()));

TEST(RecurrentKernelsFaults, NameTheFirstSampleWhoseLengthIsOutside) {
  const int64_t steps = 3, batch = 4, hidden = 2;
  const TypedArray<float> gates(random_floats((size_t)(steps * batch * hidden), 1));
  const TypedArray<float> weight(random_floats((size_t)(hidden * hidden), 2));
  const TypedArray<float> y((size_t)(steps * batch * hidden));
  const TypedArray<unsigned long long> fault(std::vector<unsigned long long>{kNoFault});
  const TypedArray<int32_t> lengths(std::vector<int32_t>{3, 1, 4, 0});
  RecurrentForward f;
  f.shape.steps = steps, f.shape.batch = batch, f.shape.hidden = hidden;
  f.gates = gates.data(), f.weight = weight.data(), f.lengths = lengths.data(), f.y = y.data();
  f.bad_length = fault.data();
  const RecurrentPlan plan = plan_recurrent_forward(f, 4);
  const TypedArray<uint8_t> space((size_t)plan.workspace_bytes);
  recurrent_forward(nullptr, f, plan, space.data());
  EXPECT_EQ(fault.read()[0], 2ull << 32 | 4ull);
  y.read();
}

}  // namespace

}  // namespace dn::cuda
