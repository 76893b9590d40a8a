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
  bool stream = false;  // past the caches: C's vectors are whole, aligned; finish_stream() follows
};

inline void store_past_caches(float* p, vf v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, (__m256)v);
#else
  store(p, v);
#endif
}
// What this thread streamed is visible to whoever it synchronises with.
inline void finish_stream() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

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

  // One branch an option, not one an element.
  const auto for_each_sum = [&](auto function) {
#pragma GCC unroll 32
    for (int i = 0; i < kHeight; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < kWidth; ++j) sum[i][j] = function(sum[i][j], i, j);
  };
  if (t.scale) {
    const vf scale = broadcast(*t.scale);
    for_each_sum([&](vf v, int, int) { return v * scale; });
  }
  if (t.add_c) for_each_sum([&](vf v, int i, int j) { return v + read(t.c + i * t.ldc, j); });
  if (t.bias) for_each_sum([&](vf v, int, int j) { return v + read(t.bias, j); });
  if (t.epilogue == Epilogue::Relu) for_each_sum([&](vf v, int, int) { return v < 0 ? vf{} : v; });
  if (t.epilogue == Epilogue::ReluBackward)
    for_each_sum(
        [&](vf v, int i, int j) { return read(t.activation + i * t.ldc, j) > 0 ? v : vf{}; });

  if (t.stream) {
#pragma GCC unroll 32
    for (int i = 0; i < kHeight; ++i) {
      float* c = t.c + i * t.ldc;
#pragma GCC unroll 8
      for (int j = 0; j < kWidth; ++j) store_past_caches(c + j * kLanes, sum[i][j]);
    }
    return;
  }
#pragma GCC unroll 32
  for (int i = 0; i < kHeight; ++i) {
    float* c = t.c + i * t.ldc;
#pragma GCC unroll 8
    for (int j = 0; j < kWidth; ++j) {
      if (j + 1 < kWidth)
        store(c + j * kLanes, sum[i][j]);
      else
        store(c + j * kLanes, sum[i][j], mask);
    }
  }
}

}  // namespace dn::cpu::DN_ISA
