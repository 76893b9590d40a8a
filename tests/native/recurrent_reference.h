// A recurrent layer by loops in float64, one sample after the other: the oracle of its kernels.
#pragma once

#include <deepnative.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <random>
#include <vector>

namespace dn {

struct RecurrentCase {
  int cell;
  int64_t steps, batch, hidden;
  bool reverse, bias, states, lengths;

  friend std::ostream& operator<<(std::ostream& out, const RecurrentCase& c) {
    return out << "cell " << c.cell << " " << c.steps << "x" << c.batch << "x" << c.hidden
               << (c.reverse ? " reverse" : "") << (c.bias ? " bias" : "")
               << (c.states ? " states" : "") << (c.lengths ? " lengths" : "");
  }
};

inline double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

using Doubles = std::vector<double>;

// Inputs, and the results in float64.
struct RecurrentReference {
  explicit RecurrentReference(const RecurrentCase& c)
      : c(c),
        width(c.hidden * (c.cell == DN_RECURRENT_LSTM  ? 4
                          : c.cell == DN_RECURRENT_GRU ? 3
                                                       : 1)) {
    std::mt19937 engine(1);
    const auto numbers = [&engine](int64_t count, float range = 1.0f) {
      std::vector<float> values((size_t)count);
      for (float& value : values) value = range * ((float)(engine() >> 8) * 0x1p-23f - 1.0f);
      return values;
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

  const RecurrentCase c;
  const int64_t width;
  std::vector<float> gates, weight, bias, hidden, cell, grad_y, grad_hidden, grad_cell;
  std::vector<int32_t> lengths;
  Doubles y, final_hidden, final_cell, d_gates, d_weight, d_bias, d_hidden, d_cell;
};

}  // namespace dn
