// local_response_norm: y[c] = x[c] * s[c]^-beta, s = k + alpha / size * (sum of x^2 over the window of
// channels c - size/2 .. c + (size-1)/2). Windows are added up anew for every channel: a running sum
// would drift.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

struct LrnParams {
  int64_t channels;
  int64_t size;
  float alpha, beta, k;
};

// Floats of work space of one thread.
inline int64_t lrn_scratch(const LrnParams& p) {
  constexpr int64_t kMostLanes = 16;
  return 4 * (p.channels + 2 * p.size + kMostLanes) * kMostLanes;
}

// Where a sample's channels lie: channels / block blocks, each of `positions` times `block` neighbours.
struct LrnLine {
  int64_t positions, block;
};

struct LrnTable {
  // Positions begin .. end of planes (channels, positions) of one sample.
  void (*planes)(const LrnParams& p, const float* x, float* y, int64_t positions, int64_t begin,
                 int64_t end, float* scratch);
  void (*planes_backward)(const LrnParams& p, const float* x, const float* dy, float* dx,
                          int64_t positions, int64_t begin, int64_t end, float* scratch);
  // The same where neighbouring channels lie side by side.
  void (*lines)(const LrnParams& p, const float* x, float* y, const LrnLine& line, int64_t begin,
                int64_t end, float* scratch);
  void (*lines_backward)(const LrnParams& p, const float* x, const float* dy, float* dx,
                         const LrnLine& line, int64_t begin, int64_t end, float* scratch);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(LrnTable, lrn_table)
