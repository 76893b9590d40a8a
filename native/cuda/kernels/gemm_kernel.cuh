// gemm: tiled matrix product over gathered operands; see gemm.h for what it computes.
// Tensors   A, B read through GemmOperandParams; C row by row; partial sums float32.
// Needs     kVector > 1: every run of channels starts 16-byte aligned and is a multiple of kVector.
//           Fewer than 2^31 pixels and positions in each operand.
// Grid      x = tiles of C, in groups of kGroup rows of tiles, so that blocks that run together
//           share operands in the second-level cache; y = parts of the depth; z = batch or group.
// Cost      operations = 2 rows columns depth. Bytes of a block per step of kDepth:
//           sizeof(T) kDepth (kRows + kColumns); of C: one write, (splits > 1: splits + 1 of them).
// Floor     max(operations / arithmetic rate, (A + B + C) / DRAM bandwidth).
// Measured  bench/results/<gpu>-<date>.json.  Deterministic: yes (each sum in ascending k within a
//           part; parts are added in order by gemm_reduce).
// Why so    cp.async in kStages stages hides the latency of global memory without registers. One
//           barrier a step. Sums pass through shared memory on their way out: whole rows are stored
//           16 bytes a thread, and the epilogue is a short loop instead of one copy per fragment.
#pragma once

#include "cuda/kernels/gemm_epilogue.cuh"
#include "cuda/kernels/gemm_loader.cuh"
#include "cuda/kernels/gemm_math.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

// What a kernel is made of. Math: the product of two tiles.
template <typename T_, int kRows_, int kColumns_, int kDepth_, int kRowWarps_, int kColumnWarps_,
          int kStages_, int kBlocks_>
struct GemmShape {
  using T = T_;
  static constexpr int kRows = kRows_, kColumns = kColumns_, kDepth = kDepth_;
  static constexpr int kRowWarps = kRowWarps_, kColumnWarps = kColumnWarps_;
  static constexpr int kStages = kStages_;
  static constexpr int kThreads = 32 * kRowWarps * kColumnWarps;
  static constexpr int kBlocks = kBlocks_;  // on a multiprocessor at least
};

template <typename Shape, GemmDepth kDepthA, GemmDepth kDepthB, int kVector,
          template <typename, typename, typename> class MathOf>
struct GemmPolicy : Shape {
  using LoaderA = GemmLoader<typename Shape::T, Shape::kRows, Shape::kDepth, Shape::kStages,
                             kDepthA, kVector, Shape::kThreads>;
  using LoaderB = GemmLoader<typename Shape::T, Shape::kColumns, Shape::kDepth, Shape::kStages,
                             kDepthB, kVector, Shape::kThreads>;
  using Math = MathOf<Shape, LoaderA, LoaderB>;

  static constexpr int kStageElements = LoaderA::kElements + LoaderB::kElements;
  static constexpr int kPipelineBytes =
      Shape::kStages * kStageElements * (int)sizeof(typename Shape::T);
  static constexpr int kOutputPitch = Shape::kColumns + kGemmStagePad;
  static constexpr int kOutputBytes = Shape::kRows * kOutputPitch * (int)sizeof(float);
  static constexpr int kTilesBytes =
      ((kPipelineBytes > kOutputBytes ? kPipelineBytes : kOutputBytes) + 15) / 16 * 16;
  static constexpr int kTableEntries = LoaderA::kTableEntries + LoaderB::kTableEntries;
  static constexpr int kSharedBytes = kTilesBytes + kTableEntries * (int)sizeof(int4);
  static_assert(kSharedBytes <= 99 << 10, "more shared memory than a block gets everywhere");
  // The tables of the two operands are made by different warps.
  static_assert(2 * Shape::kDepth <= Shape::kThreads, "too few threads for the tables");
};

template <typename Policy>
__global__ void __launch_bounds__(Policy::kThreads, Policy::kBlocks)
    gemm_kernel(const __grid_constant__ GemmParams p) {
  using T = typename Policy::T;
  constexpr int kGroup = 8;
  constexpr int kStages = Policy::kStages;
  DN_DYN_SHARED(unsigned char, shared);
  T* stages = reinterpret_cast<T*>(shared);
  int4* table_a = reinterpret_cast<int4*>(shared + Policy::kTilesBytes);
  int4* table_b = table_a + Policy::LoaderA::kTableEntries;

  const int per_group = kGroup * p.column_tiles;
  const int group = (int)blockIdx.x / per_group, in_group = (int)blockIdx.x % per_group;
  const int group_rows =
      p.row_tiles - group * kGroup < kGroup ? p.row_tiles - group * kGroup : kGroup;
  const int first_row = (group * kGroup + in_group % group_rows) * Policy::kRows;
  const int first_column = in_group / group_rows * Policy::kColumns;
  const int batch = (int)blockIdx.z;
  const int first_step = (int)blockIdx.y * p.steps_per_split;
  const int steps =
      p.steps - first_step < p.steps_per_split ? p.steps - first_step : p.steps_per_split;

  typename Policy::LoaderA loader_a(p.a, batch, first_row, first_step, table_a);
  typename Policy::LoaderB loader_b(p.b, batch, first_column, first_step, table_b);
  typename Policy::Math math;
  __syncthreads();  // the tables are complete

  const auto load = [&](int slot) {
    T* a = stages + slot * Policy::kStageElements;
    loader_a.load(a, slot);
    loader_b.load(a + Policy::LoaderA::kElements, slot);
  };
  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps) load(step);
    cp_async_commit();
  }
  int slot = 0, free_slot = kStages - 1;
  for (int step = 0; step < steps; ++step) {
    cp_async_wait<kStages - 2>();
    // This step's tiles have arrived for all threads, and all have finished with the stage that is
    // filled next. What was put into the tables in the last turn is seen.
    __syncthreads();
    if (step + kStages - 1 < steps) load(free_slot);
    cp_async_commit();
    loader_a.prepare(slot, 0);
    loader_b.prepare(slot, Policy::kDepth);
    const T* a = stages + slot * Policy::kStageElements;
    math.multiply(a, a + Policy::LoaderA::kElements);
    free_slot = slot;
    slot = slot + 1 == kStages ? 0 : slot + 1;
  }
  cp_async_wait<0>();
  __syncthreads();  // the sums take the place of the tiles

  float* sums = reinterpret_cast<float*>(shared);
  math.store(sums);
  __syncthreads();  // all sums are there
  constexpr int kQuads = Policy::kColumns / 4;
  for (int i = (int)threadIdx.x; i < Policy::kRows * kQuads; i += Policy::kThreads) {
    const int row = i / kQuads, column = i % kQuads * 4;
    if (first_row + row >= p.rows || first_column + column >= p.columns) continue;
    const float4 quad =
        *reinterpret_cast<const float4*>(sums + row * Policy::kOutputPitch + column);
    float value[4] = {quad.x, quad.y, quad.z, quad.w};
    if (!p.partial) {
      gemm_finish(p.out, p.columns, batch, first_row + row, first_column + column, value);
    } else {
      const int64_t line = ((int64_t)blockIdx.y * p.batch + batch) * p.rows + first_row + row;
      float* to = p.partial + line * p.columns + first_column + column;
      DN_UNROLL for (int e = 0; e < 4; ++e) {
        if (first_column + column + e < p.columns) to[e] = value[e];
      }
    }
  }
}

template <typename Policy>
void launch_gemm(cudaStream_t stream, const char* name, const GemmParams& p) {
  const dim3 grid((unsigned)(p.row_tiles * p.column_tiles), (unsigned)p.splits, (unsigned)p.batch);
  launch(stream, name, gemm_kernel<Policy>, grid, dim3(Policy::kThreads), Policy::kSharedBytes, p);
}

// Tensor cores on 16-bit elements.
template <typename Shape, typename LoaderA, typename LoaderB>
using GemmMma16Of = GemmMma16<typename Shape::T, LoaderA, LoaderB, Shape::kRows, Shape::kColumns,
                              Shape::kDepth, Shape::kRowWarps, Shape::kColumnWarps>;
template <typename Shape, typename LoaderA, typename LoaderB>
using GemmMmaTf32Of = GemmMmaTf32<LoaderA, LoaderB, Shape::kRows, Shape::kColumns, Shape::kDepth,
                                  Shape::kRowWarps, Shape::kColumnWarps>;
template <typename Shape, typename LoaderA, typename LoaderB>
using GemmFmaOf = GemmFma<LoaderA, LoaderB, Shape::kRows, Shape::kColumns, Shape::kDepth,
                          Shape::kRowWarps, Shape::kColumnWarps>;

// What a family's file tells the launcher of gemm.cu; one instance per arrangement of the operands.
using GemmLauncher = void (*)(cudaStream_t stream, const char* name, const GemmParams& p);
struct GemmVariant {
  GemmTile tile;
  bool vectors;
  const char* name;
  int rows, columns, depth;
  // By a_depth, then b_depth; null: not built (the variant without vectors has all).
  GemmLauncher launch[2][2];
};

template <typename Shape, int kVector, template <typename, typename, typename> class MathOf>
constexpr GemmVariant gemm_variant(GemmTile tile, const char* name) {
  constexpr GemmDepth kC = GemmDepth::AlongChannels, kP = GemmDepth::AlongPositions;
  GemmVariant v{};
  v.tile = tile;
  v.vectors = kVector > 1;
  v.name = name;
  v.rows = Shape::kRows, v.columns = Shape::kColumns, v.depth = Shape::kDepth;
  v.launch[0][0] = launch_gemm<GemmPolicy<Shape, kC, kC, kVector, MathOf>>;
  v.launch[0][1] = launch_gemm<GemmPolicy<Shape, kC, kP, kVector, MathOf>>;
  v.launch[1][1] = launch_gemm<GemmPolicy<Shape, kP, kP, kVector, MathOf>>;
  // Both transposed: rare, so only the variant that can do everything.
  if constexpr (kVector == 1) v.launch[1][0] = launch_gemm<GemmPolicy<Shape, kP, kC, 1, MathOf>>;
  return v;
}

// The variants of one kind of arithmetic, largest tiles first; the last has no vectors.
struct GemmVariants {
  const GemmVariant* first;
  int count;
};
// C = expression(sum of parts + bias): gemm_expression.cu.
void launch_gemm_expression(cudaStream_t stream, const GemmParams& p, const GemmExpression& e);

GemmVariants gemm_variants_bf16();
GemmVariants gemm_variants_f16();
GemmVariants gemm_variants_tf32();
GemmVariants gemm_variants_f32();

}  // namespace dn::cuda
