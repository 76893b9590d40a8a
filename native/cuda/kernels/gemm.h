// Matrix products, and convolutions seen as matrix products: C = epilogue(A B^T + bias).
//
//   C[m][n] = sum over k of A[m][k] * B[n][k],   0 <= m < rows, 0 <= n < columns, 0 <= k < depth
//
// A and B are read through a GemmOperand, which covers plain matrices, the patches of an image, and
// their transposes; so one kernel serves products and all three directions of convolution.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

#include "cuda/kernels/expression.h"

namespace dn::cuda {

// One of three axes along which positions walk over a tensor, the last one fastest.
// Coordinate of a position i at tap t: i * stride + origin + t * step; outside 0 .. extent-1: zero.
struct GemmAxis {
  int32_t positions = 1;
  int32_t stride = 1;
  int32_t origin = 0;
  int32_t taps = 1;
  int32_t step = 0;
  int32_t extent = 1;
  int32_t pitch = 0;  // pixels between neighbouring coordinates
};

// A tensor of pixels, `channels` elements side by side in each, read as the matrix
// (positions) x (taps x channels). Positions: outer x axis[0] x axis[1] x axis[2].
struct GemmOperand {
  const void* data = nullptr;
  int64_t offset = 0;        // elements from `data` to pixel 0
  int64_t batch_stride = 0;  // elements
  int64_t pixel_stride = 0;  // elements between pixels
  int32_t channels = 0;
  int32_t outer = 1;
  int32_t outer_pitch = 1;  // pixels
  GemmAxis axis[3];

  int64_t positions() const {
    return int64_t{outer} * axis[0].positions * axis[1].positions * axis[2].positions;
  }
  int64_t taps() const { return int64_t{axis[0].taps} * axis[1].taps * axis[2].taps; }
};

// `lines` lines of `length` elements, `pitch` elements apart.
inline GemmOperand gemm_matrix(const void* data, int64_t lines, int64_t length, int64_t pitch,
                               int64_t batch_stride = 0) {
  GemmOperand operand;
  operand.data = data;
  operand.batch_stride = batch_stride;
  operand.pixel_stride = pitch;
  operand.channels = (int32_t)length;
  operand.outer = (int32_t)lines;
  return operand;
}

// Which of an operand's two dimensions is k.
enum class GemmDepth {
  AlongChannels,   // its rows are positions: neighbours in k lie side by side
  AlongPositions,  // its rows are taps x channels: neighbours in m or n lie side by side
};

// What happens to a finished element x; y is the element of input[0] at the same place.
enum class GemmEpilogue {
  None,
  Relu,          // max(x, 0), NaN kept
  ReluGradient,  // y > 0 ? x : 0
  Add,           // x + y
  AddRelu,       // max(x + y, 0), NaN kept
  Program,       // any expression; its input 0 is x, its input i is that of input[i - 1]
};

// How products of float32 are computed.
enum class GemmFloat32 {
  Exact,  // float32 multiply-add
  Tf32,   // operands rounded to 10 bits of mantissa, on tensor cores
};

constexpr int kMaxGemmInputs = 16;

struct Gemm {
  int32_t rows = 0, columns = 0, depth = 0;
  int32_t batch = 1;
  int32_t dtype = DN_DTYPE_F32;  // of A and B: float32, bfloat16 or float16; sums are float32
  GemmFloat32 float32 = GemmFloat32::Exact;
  GemmOperand a, b;
  GemmDepth a_depth = GemmDepth::AlongChannels, b_depth = GemmDepth::AlongChannels;

  // C: rows are pixels (`map` says which; by default row m is pixel m), columns lie side by side.
  void* c = nullptr;
  int32_t c_dtype = DN_DTYPE_F32;
  int64_t c_pixel_stride = 0, c_batch_stride = 0;  // elements
  bool scattered = false;  // rows are positions of `map`: its axes' taps are not used
  GemmOperand map;

  const void* bias = nullptr;  // (columns); null: none
  int32_t bias_dtype = DN_DTYPE_F32;
  int64_t bias_batch_stride = 0;
  GemmEpilogue epilogue = GemmEpilogue::None;
  const void* input[kMaxGemmInputs] = {};      // the epilogue's: laid out as C, of C's dtype
  const ExpressionProgram* program = nullptr;  // of GemmEpilogue::Program
};

enum class GemmTile { Tile128x128, Tile128x64, Tile64x64 };

// How a product is cut into blocks.
struct GemmPlan {
  GemmTile tile = GemmTile::Tile64x64;
  // Blocks that share a tile of C, each with a part of the depth; their sums are added in order.
  int32_t splits = 1;
  bool vectors = false;  // operands can be read 16 bytes at a time
};

// The best plan for a device of that many multiprocessors, by a model of the time.
GemmPlan plan_gemm(const Gemm& gemm, int multiprocessors);
// What `workspace` must hold; 0 for one split without a program.
int64_t gemm_workspace_bytes(const Gemm& gemm, const GemmPlan& plan);
// rows, columns or batch 0: nothing is launched. depth 0: C = epilogue(bias).
// workspace: 16-byte aligned, used until the stream has passed.
void gemm(cudaStream_t stream, const Gemm& gemm, const GemmPlan& plan, void* workspace);

}  // namespace dn::cuda
