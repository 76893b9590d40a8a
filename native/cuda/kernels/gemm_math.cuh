// Products of two tiles in shared memory, summed in registers: on tensor cores, or by float32
// multiply-adds.
#pragma once

#include "cuda/kernels/gemm_params.cuh"

namespace dn::cuda {

// Sums leave the registers through a tile of floats in shared memory: rows of
// kColumns + kGemmStagePad, so that a half warp's float2 stores fall into different banks.
constexpr int kGemmStagePad = 8;

// D += A B on mma.sync m16n8k16 or m16n8k8: a warp has kRows / kRowWarps by kColumns /
// kColumnWarps. A wgmma twin for Hopper would be another class with these two functions.
template <int kRows, int kColumns, int kRowWarps, int kColumnWarps>
class GemmMmaSums {
 protected:
  static constexpr int kRowTiles = kRows / kRowWarps / 16;
  static constexpr int kColumnTiles = kColumns / kColumnWarps / 8;
  static_assert(kRowTiles > 0 && kColumnTiles > 0 && kColumnTiles % 2 == 0, "tile too small");

  __device__ GemmMmaSums() {
    const int warp = (int)threadIdx.x / 32;
    lane_ = (int)threadIdx.x % 32;
    row_ = (warp % kRowWarps) * kRowTiles * 16;
    column_ = (warp / kRowWarps) * kColumnTiles * 8;
    DN_UNROLL for (int i = 0; i < kRowTiles; ++i) {
      DN_UNROLL for (int j = 0; j < kColumnTiles; ++j) {
        DN_UNROLL for (int e = 0; e < 4; ++e) sum_[i][j][e] = 0.0f;
      }
    }
  }

 public:
  __device__ void store(float* stage) const {
    constexpr int kPitch = kColumns + kGemmStagePad;
    float* at = stage + (row_ + lane_ / 4) * kPitch + column_ + lane_ % 4 * 2;
    DN_UNROLL for (int i = 0; i < kRowTiles; ++i) {
      DN_UNROLL for (int j = 0; j < kColumnTiles; ++j) {
        float* corner = at + i * 16 * kPitch + j * 8;
        *reinterpret_cast<float2*>(corner) = make_float2(sum_[i][j][0], sum_[i][j][1]);
        *reinterpret_cast<float2*>(corner + 8 * kPitch) = make_float2(sum_[i][j][2], sum_[i][j][3]);
      }
    }
  }

 protected:
  float sum_[kRowTiles][kColumnTiles][4];
  int lane_, row_, column_;  // of the warp's corner
};

__device__ __forceinline__ void gemm_mma(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2], __nv_bfloat16) {
  mma_m16n8k16_bf16(d, a, b);
}
__device__ __forceinline__ void gemm_mma(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2], __half) {
  mma_m16n8k16_f16(d, a, b);
}

// 16-bit elements. LoaderA and LoaderB say how the tiles lie.
template <typename T, typename LoaderA, typename LoaderB, int kRows, int kColumns, int kDepth,
          int kRowWarps, int kColumnWarps>
class GemmMma16 : public GemmMmaSums<kRows, kColumns, kRowWarps, kColumnWarps> {
  using Base = GemmMmaSums<kRows, kColumns, kRowWarps, kColumnWarps>;
  using Base::column_;
  using Base::kColumnTiles;
  using Base::kRowTiles;
  using Base::lane_;
  using Base::row_;
  using Base::sum_;

 public:
  __device__ __forceinline__ void multiply(const T* a, const T* b) {
    constexpr int kPitchA = LoaderA::kPitch, kPitchB = LoaderB::kPitch;
    const int in8 = lane_ % 8, second = lane_ / 8 % 2 * 8, third = lane_ / 16 * 8;
    DN_UNROLL for (int k = 0; k < kDepth; k += 16) {
      unsigned fragment_a[kRowTiles][4], fragment_b[kColumnTiles][2];
      DN_UNROLL for (int i = 0; i < kRowTiles; ++i) {
        const int row = row_ + i * 16;
        if constexpr (LoaderA::kDepthInside)
          ldmatrix_x4(fragment_a[i], a + (row + in8 + second) * kPitchA + k + third);
        else
          ldmatrix_x4_trans(fragment_a[i], a + (k + in8 + third) * kPitchA + row + second);
      }
      DN_UNROLL for (int j = 0; j < kColumnTiles; j += 2) {
        const int column = column_ + j * 8;
        unsigned pair[4];
        if constexpr (LoaderB::kDepthInside)
          ldmatrix_x4(pair, b + (column + in8 + third) * kPitchB + k + second);
        else
          ldmatrix_x4_trans(pair, b + (k + in8 + second) * kPitchB + column + third);
        fragment_b[j][0] = pair[0];
        fragment_b[j][1] = pair[1];
        fragment_b[j + 1][0] = pair[2];
        fragment_b[j + 1][1] = pair[3];
      }
      DN_UNROLL for (int i = 0; i < kRowTiles; ++i) {
        DN_UNROLL for (int j = 0; j < kColumnTiles; ++j) {
          gemm_mma(sum_[i][j], fragment_a[i], fragment_b[j], T());
        }
      }
    }
  }
};

// float32 rounded to TF32.
template <typename LoaderA, typename LoaderB, int kRows, int kColumns, int kDepth, int kRowWarps,
          int kColumnWarps>
class GemmMmaTf32 : public GemmMmaSums<kRows, kColumns, kRowWarps, kColumnWarps> {
  using Base = GemmMmaSums<kRows, kColumns, kRowWarps, kColumnWarps>;
  using Base::column_;
  using Base::kColumnTiles;
  using Base::kRowTiles;
  using Base::lane_;
  using Base::row_;
  using Base::sum_;

 public:
  __device__ __forceinline__ void multiply(const float* a, const float* b) {
    const int g = lane_ / 4, t = lane_ % 4;
    DN_UNROLL for (int k = 0; k < kDepth; k += 8) {
      unsigned fragment_a[kRowTiles][4], fragment_b[kColumnTiles][2];
      DN_UNROLL for (int i = 0; i < kRowTiles; ++i) {
        DN_UNROLL for (int e = 0; e < 4; ++e) {
          const int row = row_ + i * 16 + g + e % 2 * 8;
          fragment_a[i][e] = tf32_bits(at<LoaderA>(a, row, k + t + e / 2 * 4));
        }
      }
      DN_UNROLL for (int j = 0; j < kColumnTiles; ++j) {
        DN_UNROLL for (int e = 0; e < 2; ++e) {
          fragment_b[j][e] = tf32_bits(at<LoaderB>(b, column_ + j * 8 + g, k + t + e * 4));
        }
      }
      DN_UNROLL for (int i = 0; i < kRowTiles; ++i) {
        DN_UNROLL for (int j = 0; j < kColumnTiles; ++j) {
          mma_m16n8k8_tf32(sum_[i][j], fragment_a[i], fragment_b[j]);
        }
      }
    }
  }

 private:
  template <typename Loader>
  static __device__ __forceinline__ float at(const float* tile, int row, int k) {
    return Loader::kDepthInside ? tile[row * Loader::kPitch + k] : tile[k * Loader::kPitch + row];
  }
};

// Float32 multiply-adds: a warp is 4 x 8 threads, a thread has kThreadRows x kThreadColumns sums.
// Its rows are spread so that the lanes of a warp read different banks, 16 bytes each.
template <typename LoaderA, typename LoaderB, int kRows, int kColumns, int kDepth, int kRowWarps,
          int kColumnWarps>
class GemmFma {
 public:
  __device__ GemmFma() {
    const int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
    y_ = (warp % kRowWarps) * 4 + lane / 8;
    x_ = (warp / kRowWarps) * 8 + lane % 8;
    DN_UNROLL for (int i = 0; i < kThreadRows; ++i) {
      DN_UNROLL for (int j = 0; j < kThreadColumns; ++j) sum_[i][j] = 0.0f;
    }
  }

  __device__ __forceinline__ void multiply(const float* a, const float* b) {
    DN_UNROLL for (int k = 0; k < kDepth; k += 4) {
      float of_a[kThreadRows][4];
      DN_UNROLL for (int i = 0; i < kThreadRows; i += 4) read<LoaderA, kY>(&of_a[i], a, y_, i, k);
      DN_UNROLL for (int j = 0; j < kThreadColumns; j += 4) {
        float of_b[4][4];
        read<LoaderB, kX>(of_b, b, x_, j, k);
        DN_UNROLL for (int step = 0; step < 4; ++step) {
          DN_UNROLL for (int i = 0; i < kThreadRows; ++i) {
            DN_UNROLL for (int e = 0; e < 4; ++e) {
              sum_[i][j + e] = fmaf(of_a[i][step], of_b[e][step], sum_[i][j + e]);
            }
          }
        }
      }
    }
  }

  __device__ void store(float* stage) const {
    constexpr int kPitch = kColumns + kGemmStagePad;
    DN_UNROLL for (int i = 0; i < kThreadRows; ++i) {
      float* row = stage + line<LoaderA, kY>(y_, i) * kPitch;
      DN_UNROLL for (int j = 0; j < kThreadColumns; ++j) row[line<LoaderB, kX>(x_, j)] = sum_[i][j];
    }
  }

 private:
  static constexpr int kY = 4 * kRowWarps, kX = 8 * kColumnWarps;  // threads along the tile
  static constexpr int kThreadRows = kRows / kY, kThreadColumns = kColumns / kX;
  static_assert(kThreadRows % 4 == 0 && kThreadColumns % 4 == 0, "tile too small");

  // The row that is number i of thread `t` of kCount.
  template <typename Loader, int kCount>
  static __device__ __forceinline__ int line(int t, int i) {
    return Loader::kDepthInside ? t + kCount * i : 4 * t + i % 4 + 4 * kCount * (i / 4);
  }

  // Rows i .. i+3 at depths k .. k+3, 16 bytes at a time.
  template <typename Loader, int kCount>
  static __device__ __forceinline__ void read(float (*out)[4], const float* tile, int t, int i,
                                              int k) {
    DN_UNROLL for (int e = 0; e < 4; ++e) {
      if constexpr (Loader::kDepthInside) {
        const float4 v = *reinterpret_cast<const float4*>(
            tile + line<Loader, kCount>(t, i + e) * Loader::kPitch + k);
        out[e][0] = v.x, out[e][1] = v.y, out[e][2] = v.z, out[e][3] = v.w;
      } else {
        const float4 v = *reinterpret_cast<const float4*>(tile + (k + e) * Loader::kPitch +
                                                          line<Loader, kCount>(t, i));
        out[0][e] = v.x, out[1][e] = v.y, out[2][e] = v.z, out[3][e] = v.w;
      }
    }
  }

  float sum_[kThreadRows][kThreadColumns];
  int y_, x_;
};

}  // namespace dn::cuda
