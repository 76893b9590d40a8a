// softmax: the loops of softmax and its relatives. A sample is a row of neighbouring classes, or
// one of several columns: neighbouring samples, whose classes are `stride` floats apart.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

// The most columns that are worked on at once.
constexpr int64_t kSoftmaxColumns = 256;

struct SoftmaxTable {
  // y may be x, dx may be y or dy.
  void (*rows)(const float* x, float* y, int64_t rows, int64_t classes, bool log);
  void (*row_backward)(const float* y, const float* dy, float* dx, int64_t classes, bool log);
  void (*columns)(const float* x, float* y, int64_t classes, int64_t stride, int64_t width,
                  bool log);
  void (*columns_backward)(const float* y, const float* dy, float* dx, int64_t classes,
                           int64_t stride, int64_t width, bool log);

  // largest = max x, sum = sum of exp(x - largest), e = exp(x - largest) unless null.
  // A NaN among x makes the sum NaN.
  void (*row_exponentials)(const float* x, float* e, int64_t classes, float* largest, float* sum);
  void (*columns_exponentials)(const float* x, float* e, int64_t classes, int64_t stride,
                               int64_t width, float* largest, float* sum);
  // e = e * factor - offset, of a row, or with a number for each column.
  void (*row_scale)(float* e, int64_t classes, float factor, float offset);
  void (*columns_scale)(float* e, int64_t classes, int64_t stride, int64_t width,
                        const float* factor, const float* offset);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(SoftmaxTable, softmax_table)
