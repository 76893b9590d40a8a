// Connectionist temporal classification: launcher. Definition: DN_OPERATOR_CTC_LOSS.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace dn::cuda {

struct CtcLossParams {
  int64_t steps = 0, batch = 0, classes = 0, most_labels = 0;  // T, N, C, S
  int32_t blank = 0;
  bool zero_infinity = false;
  const float* log_probs = nullptr;  // (T, N, C)
  const int32_t* targets = nullptr;  // (N, S)
  const int32_t* input_lengths = nullptr;
  const int32_t* target_lengths = nullptr;
  float* loss = nullptr;            // (N)
  float* grad_log_probs = nullptr;  // (T, N, C); null: not wanted
  float* scratch = nullptr;
  // See FaultTable: sample and length; place in targets and label. Such a sample's loss is NaN.
  unsigned long long* bad_input_length = nullptr;
  unsigned long long* bad_target_length = nullptr;
  unsigned long long* bad_label = nullptr;
};

int64_t ctc_loss_scratch_bytes(int64_t steps, int64_t batch, int64_t most_labels, bool gradient);
void ctc_loss(cudaStream_t stream, const CtcLossParams& p);

}  // namespace dn::cuda
