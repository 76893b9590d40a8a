// resize: a separable change of the spatial extents, whose axes are tables of weights.
#pragma once

#include <cstdint>
#include <vector>

#include "isa.h"

namespace dn::cpu {

// y[p] = the sum over t < count[p] of weight[first + t] * x[start[p] + t], first being the running sum of
// counts: the elements of the input that an output reads are neighbours.
struct ResizeAxis {
  int64_t in = 1, out = 1;
  std::vector<int32_t> start, count;
  std::vector<float> weight;
  std::vector<int64_t> first;  // of each output's weights
  bool identity = false;
  bool copies = false;  // one element of weight 1 each
  // Two elements each at most, for the vector loop: second weights, 0 where there is none.
  bool pairs = false;
  std::vector<int32_t> left, right;
  std::vector<float> left_weight, right_weight;

  // Once start, count and weight are there.
  void finish();
};

struct ResizeParams {
  const ResizeAxis* axis = nullptr;  // [3]: depth, height, width
};

struct ResizeTable {
  // y (out depth, height, width) of one plane x; scratch: width.in + 64 floats.
  void (*plane)(const ResizeParams& params, const float* x, float* y, float* scratch);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(ResizeTable, resize_table)
