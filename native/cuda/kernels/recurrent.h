// Recurrent layers: launchers. Formulas: dn_recurrent_cell in deepnative.h.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

#include "cuda/kernels/gemm.h"

namespace dn::cuda {

struct RecurrentShape {
  int32_t cell = DN_RECURRENT_TANH;  // dn_recurrent_cell
  bool reverse = false;
  int64_t steps = 0, batch = 0, hidden = 0;  // T >= 1, N >= 0, H >= 1; T*N, N*G*H < 2^31
  GemmFloat32 float32 = GemmFloat32::Exact;

  int64_t gates() const { return cell == DN_RECURRENT_LSTM ? 4 : cell == DN_RECURRENT_GRU ? 3 : 1; }
  int64_t width() const { return gates() * hidden; }
};

// Null: absent. Pointers are aligned to 16 bytes; no output overlaps anything else.
struct RecurrentForward {
  RecurrentShape shape;
  const float* gates = nullptr;           // (T, N, G*H)
  const float* weight = nullptr;          // (G*H, H)
  const float* bias = nullptr;            // (G*H)
  const float* initial_hidden = nullptr;  // (N, H)
  const float* initial_cell = nullptr;    // (N, H)
  const int32_t* lengths = nullptr;       // (N)
  float* y = nullptr;                     // (T, N, H)
  float* final_hidden = nullptr;
  float* final_cell = nullptr;
  // (T, N, DN_RECURRENT_RESERVE, H): the activated gates, behind them an LSTM's cell state, a GRU's
  // product h W_n^T + bias_n. Nothing of samples that have ended.
  float* reserve = nullptr;
  // See FaultTable: a sample and its length outside 1 .. T, which then counts as T or 0.
  unsigned long long* bad_length = nullptr;
};

struct RecurrentBackward {
  RecurrentShape shape;
  const float* weight = nullptr;
  const float* initial_hidden = nullptr;
  const float* initial_cell = nullptr;
  const int32_t* lengths = nullptr;
  const float* y = nullptr;
  const float* reserve = nullptr;
  const float* grad_y = nullptr;             // (T, N, H)
  const float* grad_final_hidden = nullptr;  // (N, H)
  const float* grad_final_cell = nullptr;
  float* grad_gates = nullptr;   // (T, N, G*H)
  float* grad_weight = nullptr;  // (G*H, H)
  float* grad_bias = nullptr;
  float* grad_initial_hidden = nullptr;
  float* grad_initial_cell = nullptr;
  unsigned long long* bad_length = nullptr;
};

// How the products of a layer are cut for a device, and the memory that one run needs.
struct RecurrentPlan {
  GemmPlan step, weight;
  int64_t workspace_bytes = 0;  // 16-byte aligned memory, used until the stream has passed
};

// Of a call with these pointers present; their values do not matter.
RecurrentPlan plan_recurrent_forward(const RecurrentForward& p, int multiprocessors);
RecurrentPlan plan_recurrent_backward(const RecurrentBackward& p, int multiprocessors);
void recurrent_forward(cudaStream_t stream, const RecurrentForward& p, const RecurrentPlan& plan,
                       void* workspace);
void recurrent_backward(cudaStream_t stream, const RecurrentBackward& p, const RecurrentPlan& plan,
                        void* workspace);

}  // namespace dn::cuda
