// norm: the loops of batch and group normalisation, for one instruction set each.
// Sums: float lanes over short blocks, blocks added up in double. Variances: each block's own mean
// and squared differences from it while it is in the first-level cache, merged in double (Chan et
// al. 1979): one pass over memory, and no difference of large sums.
#pragma once

#include <cstdint>

#include "half.h"
#include "isa.h"

namespace dn::cpu {

// Runs of positions of one channel (or of up to kNormLanes neighbouring ones): `count` runs,
// `distance` floats from one to the next, each of `length` positions.
struct NormRuns {
  int64_t count = 1, length = 0, distance = 0;
  int64_t positions() const { return count * length; }
};

// How many neighbouring channels are worked on at once; their positions are `step` floats apart.
constexpr int kNormLanes = 16;

struct NormMoments {
  double mean = 0, square = 0;  // square: the sum of squared differences from the mean
  double count = 0;

  void merge(const NormMoments& other) {
    if (other.count == 0) return;
    const double sum = count + other.count, distance = other.mean - mean;
    mean += distance * (other.count / sum);
    square += other.square + distance * distance * (count * other.count / sum);
    count = sum;
  }
};

struct NormSums {
  double sum = 0, product = 0;  // of g, of g * (x - mean)
};

// y = (x - mean) * scale + shift
struct NormAffine {
  const float *mean, *scale, *shift;
};

// dx = dy * scale - offset - (x - mean) * slope
struct NormGradient {
  const float *mean, *scale, *offset, *slope;
};

// For data of type T: float, BFloat16 or Float16. Constants and sums are what they are for float.
template <typename T>
struct NormTable {
  // ---- one channel: positions side by side; constants are one number each ----
  NormMoments (*moments)(const T* x, const NormRuns& runs);
  NormSums (*sums)(const T* x, const T* dy, const NormRuns& runs, float mean);
  void (*affine)(const T* x, T* y, const NormRuns& runs, const NormAffine& constants);
  void (*gradient)(const T* x, const T* dy, T* dx, const NormRuns& runs,
                   const NormGradient& constants);

  // ---- `width` (up to kNormLanes) neighbouring channels; one constant a channel ----
  void (*lane_moments)(const T* x, const NormRuns& runs, int64_t step, int width,
                       NormMoments* moments);
  void (*lane_sums)(const T* x, const T* dy, const NormRuns& runs, int64_t step, int width,
                    const float* mean, NormSums* sums);
  void (*lane_affine)(const T* x, T* y, const NormRuns& runs, int64_t step, int width,
                      const NormAffine& constants);
  void (*lane_gradient)(const T* x, const T* dy, T* dx, const NormRuns& runs, int64_t step,
                        int width, const NormGradient& constants);
};

// One row whose elements have a weight and a bias (null: 1, 0) each.
struct NormRowTable {
  // y = (x - mean) * inv_std * weight + bias
  void (*row_affine)(const float* x, float* y, int64_t n, float mean, float inv_std,
                     const float* weight, const float* bias);
  // With g = dy * weight.
  NormSums (*row_sums)(const float* x, const float* dy, const float* weight, int64_t n, float mean);
  // dx = g * scale - offset - (x - mean) * slope
  void (*row_gradient)(const float* x, const float* dy, const float* weight, float* dx, int64_t n,
                       float mean, float scale, float offset, float slope);
  // dweight += dy * (x - mean) * inv_std, dbias += dy; either may be null.
  void (*row_parameters)(const float* x, const float* dy, int64_t n, float mean, float inv_std,
                         float* dweight, float* dbias);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(NormTable<float>, norm_table)
DN_DECLARE_ISA_TABLES(NormTable<BFloat16>, norm_table_bfloat16)
DN_DECLARE_ISA_TABLES(NormTable<Float16>, norm_table_float16)
DN_DECLARE_ISA_TABLES(NormRowTable, norm_row_table)
