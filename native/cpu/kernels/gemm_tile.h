// The register tile of gemm: kHeight rows x kWidth vectors of C, held in registers over the depth.
#pragma once

#include "gemm.h"
#include "simd.h"

namespace dn::cpu::DN_ISA {

// One tile's work. A's element (i, k) is a[i * a_row + k * a_depth], one of the two strides
// being 1.
struct Tile {
  const float* a;
  int64_t a_row, a_depth;
  const float* b;  // (depth, kWidth vectors), the last vector cut to `last_lanes`
  int64_t b_depth;
  int64_t depth;
  LaneMask last_lanes;
  float* c;
  int64_t ldc;
  bool add_c;
  const float* scale;       // null = 1
  const float* bias;        // at the tile's first column, or null
  const float* activation;  // at the tile's first element
  Epilogue epilogue;        // Identity, Relu or ReluBackward
};

template <int kHeight, int kWidth, bool kTransposedA>
void run_tile(const Tile& t) {
  const LaneMask mask = t.last_lanes;
  const auto read = [mask](const float* p, int j) {
    return j + 1 < kWidth ? load(p + j * kLanes) : load(p + j * kLanes, mask);
  };
  const float* a = t.a;
  const float* b = t.b;
  const int64_t a_row = kTransposedA ? 1 : t.a_row;
  const int64_t a_depth = kTransposedA ? t.a_depth : 1;
  const int64_t b_depth = t.b_depth, depth = t.depth;

  // C's lines come in for writing while the sums run.
#pragma GCC unroll 32
  for (int i = 0; i < kHeight; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kWidth; ++j) __builtin_prefetch(t.c + i * t.ldc + j * kLanes, 1);

  vf sum[kHeight][kWidth];
#pragma GCC unroll 32
  for (int i = 0; i < kHeight; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kWidth; ++j) sum[i][j] = vf{};

#pragma GCC unroll 2
  for (int64_t k = 0; k < depth; ++k) {
    vf bk[kWidth];
#pragma GCC unroll 8
    for (int j = 0; j < kWidth; ++j) bk[j] = read(b, j);
#pragma GCC unroll 32
    for (int i = 0; i < kHeight; ++i) {
      const vf ai = broadcast(a[i * a_row]);
#pragma GCC unroll 8
      for (int j = 0; j < kWidth; ++j) sum[i][j] = fma(ai, bk[j], sum[i][j]);
    }
    a += a_depth;
    b += b_depth;
  }

  const vf scale = broadcast(t.scale ? *t.scale : 1.0f);
#pragma GCC unroll 32
  for (int i = 0; i < kHeight; ++i) {
    float* c = t.c + i * t.ldc;
#pragma GCC unroll 8
    for (int j = 0; j < kWidth; ++j) {
      vf v = sum[i][j];
      if (t.scale) v *= scale;
      if (t.add_c) v += read(c, j);
      if (t.bias) v += read(t.bias, j);
      if (t.epilogue == Epilogue::Relu) v = v < 0 ? vf{} : v;
      if (t.epilogue == Epilogue::ReluBackward)
        v = read(t.activation + i * t.ldc, j) <= 0 ? vf{} : v;
      if (j + 1 < kWidth)
        store(c + j * kLanes, v);
      else
        store(c + j * kLanes, v, mask);
    }
  }
}

}  // namespace dn::cpu::DN_ISA
