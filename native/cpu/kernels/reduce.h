// reduce: sums, maxima and the places of maxima over rows and columns of float32 numbers. Sums are
// carried in float over short runs and in double beyond them.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

struct ReduceTable {
  // Over x[0] .. x[n-1]. A maximum is NaN where a number is; of none it is -infinity.
  double (*sum)(const float* x, int64_t n);
  float (*max)(const float* x, int64_t n);
  // y[i] = that of row i, of n numbers, times scale.
  void (*sum_rows)(const float* x, int64_t rows, int64_t n, double scale, float* y);
  void (*max_rows)(const float* x, int64_t rows, int64_t n, float* y);
  // total[j] is joined with x[r * stride + j] for all r < rows, for each j < columns.
  void (*sum_columns)(const float* x, int64_t rows, int64_t stride, int64_t columns, double* total);
  void (*max_columns)(const float* x, int64_t rows, int64_t stride, int64_t columns, float* total);
  // The lowest index of the maximum, of the first NaN where there is one; n, rows >= 1.
  int32_t (*argmax)(const float* x, int64_t n);
  void (*argmax_columns)(const float* x, int64_t rows, int64_t stride, int64_t columns,
                         int32_t* index);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(ReduceTable, reduce_table)
