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
  // Two elements each at most, for the vector loop; one alone is there twice, half as heavy.
  bool pairs = false;
  std::vector<int32_t> left, right;
  std::vector<float> left_weight, right_weight;
  // Else at most four: the first element and four weights of each output, zeros where there are fewer.
  bool quads = false;
  std::vector<int32_t> quad_start;
  std::vector<float> quad_weight;
  // For vectors of kTapLanes outputs, where those of each vector start among 32 neighbours: `taps`
  // elements each (0: not so), tap t of output i at base + t + offset[i]. Weight and mask are of
  // [vector][tap], and what is outside a mask is not read.
  static constexpr int kTapLanes = 16, kMostTaps = 4;
  int taps = 0;
  bool narrow_taps = true;  // all of a vector's elements are 16 neighbours
  std::vector<int32_t> tap_base, tap_offset;
  std::vector<float> tap_weight;
  std::vector<uint16_t> tap_mask;

  // Once start, count and weight are there.
  void finish();

 private:
  void make_taps();
};

constexpr int64_t kResizeLanes = 16;  // planes that `planes` does together

struct ResizeParams {
  const ResizeAxis* axis = nullptr;  // [3]: depth, height, width
  bool stream = false;               // y is too large for the caches
};

struct ResizeTable {
  // y (out depth, height, width) of one plane x; scratch: width.in + 64 floats.
  void (*plane)(const ResizeParams& params, const float* x, float* y, float* scratch);
  // The same of 16 planes that follow each other, a lane each: for rows too short for a vector.
  // scratch: 16 * (in + out + width.in) floats, of the whole planes.
  void (*planes)(const ResizeParams& params, const float* x, float* y, float* scratch);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(ResizeTable, resize_table)
