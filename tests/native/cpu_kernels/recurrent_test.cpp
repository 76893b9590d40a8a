// recurrent against loops in double, for each instruction set and several numbers of threads.
#include "cpu/kernels/recurrent.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

#include "../recurrent_reference.h"

namespace dn::cpu {
namespace {

struct IsaCase {
  Isa isa;
  const RecurrentTable* table;
};

RecurrentCell cell_of(int cell) {
  return cell == DN_RECURRENT_TANH   ? RecurrentCell::Tanh
         : cell == DN_RECURRENT_RELU ? RecurrentCell::Relu
         : cell == DN_RECURRENT_LSTM ? RecurrentCell::Lstm
                                     : RecurrentCell::Gru;
}

// NaN where nothing was written, and a guard behind the end.
struct Output {
  static constexpr float kGuard = 12345.0f;
  std::vector<float> all;

  explicit Output(size_t count) : all(count + 64, std::numeric_limits<float>::quiet_NaN()) {
    std::fill(all.end() - 64, all.end(), kGuard);
  }
  float* data() { return all.data(); }
  void expect(const char* what, const std::vector<double>& expected, double allowed) const {
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_TRUE(std::fabs(all[i] - expected[i]) <= allowed)
          << what << ": element " << i << " is " << all[i] << ", expected " << expected[i];
    for (size_t i = all.size() - 64; i < all.size(); ++i)
      ASSERT_EQ(all[i], kGuard) << what << " was written behind its end";
  }
};

// The outputs of both directions.
struct Results {
  Output y, final_hidden, final_cell, grad_gates, grad_bias, grad_hidden, grad_cell;

  Results(const RecurrentCase& c, const RecurrentReference& r, const RecurrentTable& table,
          int threads)
      : y(r.y.size()),
        final_hidden(r.hidden.size()),
        final_cell(r.hidden.size()),
        grad_gates(r.gates.size()),
        grad_bias(r.bias.size()),
        grad_hidden(r.hidden.size()),
        grad_cell(r.hidden.size()) {
    const bool lstm = c.cell == DN_RECURRENT_LSTM, gru = c.cell == DN_RECURRENT_GRU;
    RecurrentForward f;
    f.shape = {cell_of(c.cell), c.reverse, c.steps, c.batch, c.hidden};
    f.gates = r.gates.data(), f.weight = r.weight.data();
    f.bias = c.bias ? r.bias.data() : nullptr;
    f.initial_hidden = c.states ? r.hidden.data() : nullptr;
    f.initial_cell = c.states && lstm ? r.cell.data() : nullptr;
    f.lengths = c.lengths ? r.lengths.data() : nullptr;
    Output reserve(r.y.size() * kRecurrentReserve), products(gru ? r.gates.size() : 0);
    f.y = y.data(), f.final_hidden = final_hidden.data();
    f.final_cell = lstm ? final_cell.data() : nullptr;
    f.reserve = reserve.data();
    const auto space = scratch(table.forward_scratch_bytes(f.shape));
    f.scratch = space.get();
    table.forward(f, threads);

    RecurrentBackward b;
    b.shape = f.shape, b.weight = f.weight, b.lengths = f.lengths;
    b.initial_hidden = f.initial_hidden, b.initial_cell = f.initial_cell;
    b.y = f.y, b.reserve = f.reserve;
    b.grad_y = r.grad_y.data(), b.grad_final_hidden = r.grad_hidden.data();
    b.grad_final_cell = lstm ? r.grad_cell.data() : nullptr;
    b.grad_gates = grad_gates.data();
    b.grad_products = gru ? products.data() : grad_gates.data();
    b.grad_bias = c.bias ? grad_bias.data() : nullptr;
    b.grad_initial_hidden = c.states ? grad_hidden.data() : nullptr;
    b.grad_initial_cell = c.states && lstm ? grad_cell.data() : nullptr;
    const auto backward_space = scratch(table.backward_scratch_bytes(b.shape));
    b.scratch = backward_space.get();
    table.backward(b, threads);
  }

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  static std::unique_ptr<void, Free> scratch(int64_t bytes) {
    return std::unique_ptr<void, Free>(std::aligned_alloc(64, size_t(bytes + 64) / 64 * 64));
  }

  void check(const RecurrentCase& c, const RecurrentReference& r) const {
    const bool lstm = c.cell == DN_RECURRENT_LSTM;
    const double allowed = 6 * 0x1p-24 * std::sqrt(double((c.hidden + 8) * c.steps));
    y.expect("y", r.y, allowed);
    final_hidden.expect("final_hidden", r.final_hidden, allowed);
    if (lstm) final_cell.expect("final_cell", r.final_cell, allowed);
    grad_gates.expect("grad_gates", r.d_gates, 4 * allowed);
    const double rows = std::sqrt(double(c.steps * c.batch + 1));
    if (c.bias) grad_bias.expect("grad_bias", r.d_bias, 4 * allowed * rows);
    if (c.states) grad_hidden.expect("grad_initial_hidden", r.d_hidden, 4 * allowed);
    if (c.states && lstm) grad_cell.expect("grad_initial_cell", r.d_cell, 4 * allowed);
  }
};

class Recurrent : public testing::TestWithParam<IsaCase> {
 protected:
  void SetUp() override {
    if (GetParam().isa > best_isa()) GTEST_SKIP() << "this CPU lacks " << isa_name(GetParam().isa);
  }
  // Correct, and the same bits with 1, 2 and 3 threads.
  void expect_correct(const RecurrentCase& c) {
    SCOPED_TRACE(testing::PrintToString(c));
    const RecurrentReference reference(c);
    const Results first(c, reference, *GetParam().table, 1);
    first.check(c, reference);
    for (int threads : {2, 3}) {
      const Results again(c, reference, *GetParam().table, threads);
      expect_same("y", first.y, again.y, threads);
      expect_same("final_hidden", first.final_hidden, again.final_hidden, threads);
      expect_same("grad_gates", first.grad_gates, again.grad_gates, threads);
      expect_same("grad_bias", first.grad_bias, again.grad_bias, threads);
      expect_same("grad_initial_hidden", first.grad_hidden, again.grad_hidden, threads);
      expect_same("grad_initial_cell", first.grad_cell, again.grad_cell, threads);
    }
  }
  static void expect_same(const char* what, const Output& a, const Output& b, int threads) {
    ASSERT_EQ(0, std::memcmp(a.all.data(), b.all.data(), a.all.size() * sizeof(float)))
        << what << " with " << threads << " threads";
  }
};

INSTANTIATE_TEST_SUITE_P(Isa, Recurrent,
                         testing::Values(IsaCase{Isa::Baseline, &baseline::recurrent_table},
                                         IsaCase{Isa::Avx2, &avx2::recurrent_table},
                                         IsaCase{Isa::Avx512, &avx512::recurrent_table}),
                         [](const auto& info) { return isa_name(info.param.isa); });

constexpr int kCells[] = {DN_RECURRENT_TANH, DN_RECURRENT_RELU, DN_RECURRENT_LSTM,
                          DN_RECURRENT_GRU};

TEST_P(Recurrent, SmallLayers) {
  for (const int cell : kCells) {
    expect_correct({cell, 3, 2, 5, false, false, false, false});
    expect_correct({cell, 4, 3, 7, true, true, true, true});
    expect_correct({cell, 4, 3, 3, false, true, false, true});
    expect_correct({cell, 3, 3, 16, true, false, true, false});
    expect_correct({cell, 1, 1, 1, false, true, true, false});
    expect_correct({cell, 2, 0, 4, false, true, true, true});
  }
}

// Tiles of every height, several blocks of units, work for several threads.
TEST_P(Recurrent, ManySamplesAndUnits) {
  for (const int cell : kCells) {
    expect_correct({cell, 3, 29, 130, false, true, true, true});
    expect_correct({cell, 2, 15, 192, true, true, false, false});
  }
}

}  // namespace
}  // namespace dn::cpu
