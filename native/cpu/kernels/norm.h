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

// What follows the normalisation: y = relu(x + added), either of them or none.
template <typename T>
struct NormTail {
  const T* added = nullptr;
  bool relu = false;

  NormTail from(int64_t offset) const { return {added ? added + offset : nullptr, relu}; }
};

// The gradient g that reaches the normalisation: dy, or where a relu is behind it,
//   dy            where the normalisation's own value, computed again from x, is > 0;
//   dy (+ other)  where y > 0, which is also written to `masked`; that may be dy itself.
enum class NormRelu { None, FromInput, FromOutput };
template <typename T>
struct NormIncoming {
  const T* dy;
  NormRelu relu = NormRelu::None;
  NormAffine forward{};      // FromInput
  const T* y = nullptr;      // FromOutput
  const T* other = nullptr;  // or null
  T* masked = nullptr;

  NormIncoming from(int64_t offset) const {
    if (relu != NormRelu::FromOutput) return {dy + offset, relu, forward};
    return {dy + offset,    relu, forward, y + offset, other ? other + offset : nullptr,
            masked + offset};
  }
};

// For data of type T: float, BFloat16 or Float16. Constants and sums are what they are for float.
template <typename T>
struct NormTable {
  // ---- one channel: positions side by side; constants are one number each ----
  NormMoments (*moments)(const T* x, const NormRuns& runs);
  NormSums (*sums)(const T* x, const NormIncoming<T>& dy, const NormRuns& runs, float mean);
  void (*affine)(const T* x, T* y, const NormRuns& runs, const NormAffine& constants,
                 const NormTail<T>& tail);
  // dy is None or FromInput.
  void (*gradient)(const T* x, const NormIncoming<T>& dy, T* dx, const NormRuns& runs,
                   const NormGradient& constants);

  // ---- `width` (up to kNormLanes) neighbouring channels; one constant a channel ----
  void (*lane_moments)(const T* x, const NormRuns& runs, int64_t step, int width,
                       NormMoments* moments);
  void (*lane_sums)(const T* x, const NormIncoming<T>& dy, const NormRuns& runs, int64_t step,
                    int width, const float* mean, NormSums* sums);
  void (*lane_affine)(const T* x, T* y, const NormRuns& runs, int64_t step, int width,
                      const NormAffine& constants, const NormTail<T>& tail);
  void (*lane_gradient)(const T* x, const NormIncoming<T>& dy, T* dx, const NormRuns& runs,
                        int64_t step, int width, const NormGradient& constants);
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
