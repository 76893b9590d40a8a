// Recurrent layers against loops in float64, one sample after the other.
#include "cuda/kernels/recurrent.h"

#include "../recurrent_reference.h"
#include "number_types.h"

namespace dn::cuda {

namespace {

constexpr unsigned long long kNoFault = ~0ull;

class RecurrentKernels : public ::testing::TestWithParam<RecurrentCase> {};

TEST_P(RecurrentKernels, MatchTheFormulas) {
  const RecurrentCase& c = GetParam();
  const RecurrentReference layer(c);
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

std::vector<RecurrentCase> cases() {
  std::vector<RecurrentCase> all;
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
