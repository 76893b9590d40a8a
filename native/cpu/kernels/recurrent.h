// recurrent: all steps of one recurrent layer in one direction, float32; definition:
// DN_OPERATOR_RECURRENT in deepnative.h. The product with the recurrent weight and the gates'
// functions are one pass: a thread owns some units of some samples for all steps, keeps their part
// of the weight in its cache, and waits for the others once a step. Each element is computed by one
// thread in an order that depends on the shape alone: the same bits for every thread count.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

enum class RecurrentCell { Tanh, Relu, Lstm, Gru };

struct RecurrentShape {
  RecurrentCell cell = RecurrentCell::Tanh;
  bool reverse = false;
  int64_t steps = 0, batch = 0, hidden = 0;  // T >= 1, N >= 0, H >= 1

  int64_t gates() const {
    return cell == RecurrentCell::Lstm ? 4 : cell == RecurrentCell::Gru ? 3 : 1;
  }
};

// What `reserve` holds of each step and sample, each (H): the activated gates; behind them an LSTM's
// cell state, a GRU's product h W_n^T + bias_n. Nothing of the samples that have ended.
constexpr int64_t kRecurrentReserve = 5;

// Null: absent. No output overlaps anything else.
struct RecurrentForward {
  RecurrentShape shape;
  const float* gates = nullptr;   // (T, N, G*H)
  const float* weight = nullptr;  // (G*H, H)
  const float* bias = nullptr;    // (G*H)
  const float* initial_hidden = nullptr;
  const float* initial_cell = nullptr;
  const int32_t* lengths = nullptr;  // (N), each 1 .. T
  float* y = nullptr;                // (T, N, H)
  float* final_hidden = nullptr;
  float* final_cell = nullptr;
  float* reserve = nullptr;  // (T, N, kRecurrentReserve, H)
  void* scratch = nullptr;   // forward_scratch_bytes(), 64-byte aligned
};

// All but the gradient of the weight, which is one product of `grad_products` and the states.
struct RecurrentBackward {
  RecurrentShape shape;
  const float* weight = nullptr;
  const float* initial_hidden = nullptr;
  const float* initial_cell = nullptr;
  const int32_t* lengths = nullptr;
  const float* y = nullptr;
  const float* reserve = nullptr;
  const float* grad_y = nullptr;
  const float* grad_final_hidden = nullptr;
  const float* grad_final_cell = nullptr;
  float* grad_gates = nullptr;  // (T, N, G*H)
  // Gradients of h W^T + bias: where they are those of the gates, the same pointer; a GRU's differ.
  float* grad_products = nullptr;
  float* grad_bias = nullptr;
  float* grad_initial_hidden = nullptr;
  float* grad_initial_cell = nullptr;
  void* scratch = nullptr;  // backward_scratch_bytes(), 64-byte aligned
};

struct RecurrentTable {
  int64_t (*forward_scratch_bytes)(const RecurrentShape& shape);
  int64_t (*backward_scratch_bytes)(const RecurrentShape& shape);
  void (*forward)(const RecurrentForward& params, int threads);
  void (*backward)(const RecurrentBackward& params, int threads);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(RecurrentTable, recurrent_table)

namespace dn::cpu {

inline int64_t recurrent_forward_scratch_bytes(const RecurrentShape& shape) {
  return DN_SELECT_ISA(recurrent_table).forward_scratch_bytes(shape);
}
inline int64_t recurrent_backward_scratch_bytes(const RecurrentShape& shape) {
  return DN_SELECT_ISA(recurrent_table).backward_scratch_bytes(shape);
}
// `threads` (>= 1) is an upper limit: small layers use fewer.
inline void recurrent_forward(const RecurrentForward& params, int threads) {
  DN_SELECT_ISA(recurrent_table).forward(params, threads);
}
inline void recurrent_backward(const RecurrentBackward& params, int threads) {
  DN_SELECT_ISA(recurrent_table).backward(params, threads);
}

}  // namespace dn::cpu
