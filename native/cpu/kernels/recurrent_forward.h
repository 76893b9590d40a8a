// The forward direction of a recurrent layer.
#pragma once

#include "recurrent_split.h"
#include "transpose.h"
#include "vector_math.h"

namespace dn::cpu::DN_ISA {

// How the gates of some units lie in the registers of one or more tiles, side by side: vector v of a
// block is gate v / kUnitVectors of the block's unit vector v % kUnitVectors.
template <RecurrentCell kCell>
struct ForwardCut {
  static constexpr int kGates = kCell == RecurrentCell::Lstm  ? 4
                                : kCell == RecurrentCell::Gru ? 3
                                                              : 1;
  // Narrow and tall: the weight, which is too large for the second-level cache, passes by less often.
  static constexpr int kWidth = kGates == 3 ? (kRegisters == 32 ? 3 : 1) : 2;
  static constexpr int kUnitVectors = kGates == 1 ? kWidth : 1;
  static constexpr int kVectors = kGates * kUnitVectors;
  static constexpr int kTileCount = kVectors / kWidth;
  static constexpr int kHeight = tile_height(kWidth);
  static constexpr int64_t kUnits = kUnitVectors * kLanes;

  static int64_t blocks(const RecurrentShape& s) { return (s.hidden + kUnits - 1) / kUnits; }
  static int64_t packed_floats(const RecurrentShape& s) {
    return blocks(s) * kVectors * kLanes * s.hidden;
  }
};

template <RecurrentCell kCell>
class Forward {
 public:
  using Cut = ForwardCut<kCell>;

  explicit Forward(const RecurrentForward& p)
      : p_(p),
        hidden_(p.shape.hidden),
        batch_(p.shape.batch),
        order_{p.shape.steps, p.shape.reverse},
        tiles_(p.shape.batch, Cut::kHeight),
        items_(tiles_.count * Cut::blocks(p.shape)) {
    packed_ = static_cast<float*>(p.scratch);
    float* next = packed_ + whole_lines(Cut::packed_floats(p.shape));
    const int64_t state = whole_lines(batch_ * hidden_);
    cell_ = p.final_cell ? p.final_cell : next;
    next += state;
    states_[0] = next;
    states_[1] = next + state;
  }

  static int64_t scratch_floats(const RecurrentShape& s) {
    return whole_lines(Cut::packed_floats(s)) + 3 * whole_lines(s.batch * s.hidden);
  }

  void run(int threads) {
    run_team(recurrent_threads(p_.shape, items_, threads),
             [this](int thread, int team) { run_thread(thread, team); });
  }

 private:
  void run_thread(int thread, int team) {
    const int64_t begin = items_ * thread / team, end = items_ * (thread + 1) / team;
    const int64_t blocks = Cut::blocks(p_.shape);
    for (int64_t b = blocks * thread / team; b < blocks * (thread + 1) / team; ++b) pack(b);
    start(batch_ * hidden_ * thread / team, batch_ * hidden_ * (thread + 1) / team);
    for (int64_t position = 0; position < order_.steps; ++position) {
      wait_for_team(team);  // the weight is packed; the state before this step is complete
      for (int64_t item = begin; item < end; ++item) run_item(item, position);
    }
  }

  // The states before the first step, elements [begin, end).
  void start(int64_t begin, int64_t end) {
    const auto copy = [&](const float* from, float* to) {
      for (int64_t i = begin; i < end; ++i) to[i] = from ? from[i] : 0.0f;
    };
    if (kCell == RecurrentCell::Lstm) copy(p_.initial_cell, cell_);
    if (p_.lengths) copy(p_.initial_hidden, states_[1]);
  }

  void pack(int64_t block) {
    float* to = packed_ + block * Cut::kVectors * kLanes * hidden_;
    constexpr int64_t stride = Cut::kWidth * kLanes;
    for (int v = 0; v < Cut::kVectors; ++v) {
      const int64_t gate = v / Cut::kUnitVectors;
      const int64_t unit = block * Cut::kUnits + v % Cut::kUnitVectors * kLanes;
      const int64_t lanes = std::clamp<int64_t>(hidden_ - unit, 0, kLanes);
      const float* rows = p_.weight + (gate * hidden_ + unit) * hidden_;
      float* at = to + v / Cut::kWidth * stride * hidden_ + v % Cut::kWidth * kLanes;
      int64_t k = 0;
      if (kLanes == 16 && lanes == 16)
        for (; k + 16 <= hidden_; k += 16)
          transpose16(rows + k, hidden_, at + k * stride, stride, GradMode::Overwrite);
      for (; k < hidden_; ++k)
        for (int64_t lane = 0; lane < kLanes; ++lane)
          at[k * stride + lane] = lane < lanes ? rows[lane * hidden_ + k] : 0.0f;
    }
  }

  // The hidden state before a step; null: zeros.
  const float* state_before(int64_t position) const {
    if (p_.lengths) return states_[(position + 1) % 2];
    if (position == 0) return p_.initial_hidden;
    return p_.y + order_.step(position - 1) * batch_ * hidden_;
  }

  void run_item(int64_t item, int64_t position) {
    const int64_t block = item / tiles_.count, tile = item % tiles_.count;
    const int64_t row = tiles_.first(tile);
    const int rows = tiles_.height(tile);
    const int64_t step = order_.step(position);
    const float* before = state_before(position);
    prefetch(block, row, rows, step);

    alignas(64) float products[Cut::kHeight * Cut::kVectors * kLanes];
    if (before && (position > 0 || p_.initial_hidden) && any_left(row, rows, step)) {
      for (int i = 0; i < Cut::kTileCount; ++i) {
        Tile t{};
        t.a = before + row * hidden_;
        t.a_row = hidden_;
        t.a_depth = 1;
        t.b = packed_ + (block * Cut::kVectors + i * Cut::kWidth) * kLanes * hidden_;
        t.b_depth = Cut::kWidth * kLanes;
        t.depth = hidden_;
        t.last_lanes = first_lanes(kLanes);
        t.c = products + i * Cut::kWidth * kLanes;
        t.ldc = Cut::kVectors * kLanes;
        t.epilogue = Epilogue::Identity;
        kTiles<Cut::kWidth, Cut::kHeight>[rows](t);
      }
    } else {
      std::fill_n(products, rows * Cut::kVectors * kLanes, 0.0f);
    }

    for (int u = 0; u < Cut::kUnitVectors; ++u) {
      const int64_t unit = block * Cut::kUnits + u * kLanes;
      if (unit >= hidden_) break;
      if (unit + kLanes <= hidden_)
        finish(products + u * kLanes, row, rows, unit, position, before, AllLanes{});
      else
        finish(products + u * kLanes, row, rows, unit, position, before,
               first_lanes(int(hidden_ - unit)));
    }
  }

  // What the gates' functions will read and write, while the product runs: rows far apart, which the
  // hardware does not see coming.
  void prefetch(int64_t block, int64_t row, int rows, int64_t step) const {
    const int64_t unit = block * Cut::kUnits;
    for (int64_t sample = step * batch_ + row; sample < step * batch_ + row + rows; ++sample) {
      for (int v = 0; v < Cut::kVectors; ++v)
        __builtin_prefetch(p_.gates + (sample * Cut::kGates + v / Cut::kUnitVectors) * hidden_ +
                           unit + v % Cut::kUnitVectors * kLanes);
      if (p_.reserve)
        for (int slot = 0; slot < kRecurrentReserve; ++slot)
          __builtin_prefetch(p_.reserve + (sample * kRecurrentReserve + slot) * hidden_ + unit, 1);
    }
  }

  bool any_left(int64_t row, int rows, int64_t step) const {
    if (!p_.lengths) return true;
    for (int r = 0; r < rows; ++r)
      if (step < p_.lengths[row + r]) return true;
    return false;
  }

  // The gates' functions and the new state of one vector of units, for all rows of the item.
  template <typename Mask>
  void finish(const float* products, int64_t row, int rows, int64_t unit, int64_t position,
              const float* before, Mask mask) {
    const int64_t step = order_.step(position);
    const bool last = position + 1 == order_.steps;
    vf bias[Cut::kGates];
    for (int g = 0; g < Cut::kGates; ++g)
      bias[g] = p_.bias ? load(p_.bias + g * hidden_ + unit, mask) : vf{};
    for (int r = 0; r < rows; ++r) {
      const int64_t n = row + r, at = n * hidden_ + unit;
      const int64_t sample = step * batch_ + n;
      float* y = p_.y + sample * hidden_ + unit;
      vf h;
      if (p_.lengths && step >= p_.lengths[n]) {
        h = load(before + at, mask);
        store(y, vf{}, mask);
      } else {
        const vf h_before = before ? load(before + at, mask) : vf{};
        h = step_of(products + r * Cut::kVectors * kLanes, bias, sample, at, unit, h_before, mask);
        store(y, h, mask);
      }
      if (p_.lengths) store(states_[position % 2] + at, h, mask);
      if (last && p_.final_hidden) store(p_.final_hidden + at, h, mask);
    }
  }

  template <typename Mask>
  vf step_of(const float* products, const vf* bias, int64_t sample, int64_t at, int64_t unit,
             vf h_before, Mask mask) {
    const float* gates = p_.gates + sample * Cut::kGates * hidden_ + unit;
    const auto gate = [&](int g) { return load(gates + g * hidden_, mask); };
    const auto product = [&](int g) {
      return load(products + g * Cut::kUnitVectors * kLanes) + bias[g];
    };
    const auto keep = [&](int slot, vf value) {
      if (p_.reserve)
        store(p_.reserve + (sample * kRecurrentReserve + slot) * hidden_ + unit, value, mask);
    };
    if constexpr (kCell == RecurrentCell::Tanh) {
      return hyperbolic_tangent(gate(0) + product(0));
    } else if constexpr (kCell == RecurrentCell::Relu) {
      const vf a = gate(0) + product(0);
      return choose(a < 0.0f, vf{}, a);
    } else if constexpr (kCell == RecurrentCell::Lstm) {
      const vf i = logistic(gate(0) + product(0)), f = logistic(gate(1) + product(1));
      const vf g = hyperbolic_tangent(gate(2) + product(2)), o = logistic(gate(3) + product(3));
      const vf c = f * load(cell_ + at, mask) + i * g;
      store(cell_ + at, c, mask);
      keep(0, i), keep(1, f), keep(2, g), keep(3, o), keep(4, c);
      return o * hyperbolic_tangent(c);
    } else {
      const vf r = logistic(gate(0) + product(0)), z = logistic(gate(1) + product(1));
      const vf m = product(2), n = hyperbolic_tangent(gate(2) + r * m);
      keep(0, r), keep(1, z), keep(2, n), keep(3, m);
      return n + z * (h_before - n);
    }
  }

  const RecurrentForward& p_;
  const int64_t hidden_, batch_;
  const Order order_;
  const RowTiles tiles_;
  const int64_t items_;
  float* packed_;
  float* cell_;
  float* states_[2];  // with lengths: the hidden state after odd and even positions
};

}  // namespace dn::cpu::DN_ISA
