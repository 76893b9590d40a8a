// direct_convolution: forward and weight gradient of 2-D convolutions of 1 to 4 input channels.
// Math      y[n,p,q,k] = sum over r,s,c of x[n, p*sh-ph+r*dh, q*sw-pw+s, c] * w[k,r,s,c];
//           dw[k,r,s,c] = sum over n,p,q of x[same] * dy[n,p,q,k]. Sums in float32.
// Tensors   x (N,H,W,C) T | w, dw (K,R,S,C) | y, dy (N,P,Q,K) T | partial (parts, K, R*S*C) float32.
// Needs     C <= 4; the last axis dense (dilation 1), so that the taps of one row and their channels
//           are neighbours in memory: "line" below is S*C.
// Grid      forward: x = image and tile of kTileP x kTileQ outputs, y = chunk of kChunk channels; a
//           thread has 8 outputs of one row times 8 channels. Weight gradient: x = parts, each a
//           share of the tiles; a warp has 32 channels x 32 taps, its threads 8 x 4.
// Cost      operations = 2 N P Q K R S C. Bytes = x + y (+ dy instead) + weights a block.
// Floor     operations / float32 rate: the patch is in shared memory, 64 multiply-adds need 8 + 4
//           reads of it.
// Measured  bench/results/<gpu>-<date>.json.  Deterministic: yes (parts are added in order).
// Why so    as a matrix product the depth R*S*C is short and not a multiple of anything: most of a
//           tile would be padding, and every element of a patch would be copied by itself.
#include "cuda/kernels/column_sum.h"
#include "cuda/kernels/direct_convolution.h"
#include "cuda/kernels/gemm_epilogue.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

namespace {

constexpr int kTileP = 8, kTileQ = 16;  // outputs of a block
constexpr int kTilePixels = kTileP * kTileQ;
constexpr int kMaxSharedBytes = 99 << 10;
constexpr int kOutputPad = 8, kWeightPad = 4;

struct Geometry {
  int32_t height, width, channels;  // x
  int32_t out_height, out_width, out_channels;
  int32_t rows, line;  // the kernel's R, S*C
  int32_t stride_h, stride_w, pad_h, pad_w, dilation_h;
  int32_t patch_rows, patch_pitch;  // in shared memory, elements
  int32_t tiles_p, tiles_q, tiles;  // of an image; of all
};

Geometry geometry_of(const Convolution& c) {
  const ConvolutionAxis &h = c.axis[1], &w = c.axis[2];
  Geometry g;
  g.height = h.input, g.width = w.input, g.channels = c.channels;
  g.out_height = h.output, g.out_width = w.output, g.out_channels = c.out_channels;
  g.rows = h.kernel, g.line = w.kernel * c.channels;
  g.stride_h = h.stride, g.stride_w = w.stride;
  g.pad_h = h.padding, g.pad_w = w.padding, g.dilation_h = h.dilation;
  g.patch_rows = (kTileP - 1) * h.stride + (h.kernel - 1) * h.dilation + 1;
  g.patch_pitch = (kTileQ - 1) * w.stride * c.channels + g.line;
  g.tiles_p = (int32_t)divide_up(h.output, kTileP);
  g.tiles_q = (int32_t)divide_up(w.output, kTileQ);
  g.tiles = c.batch * g.tiles_p * g.tiles_q;
  return g;
}

struct Tile {
  int image, p, q;  // of the first output
};
__device__ __forceinline__ Tile tile_of(const Geometry& g, int index) {
  const int per_image = g.tiles_p * g.tiles_q;
  const int image = index / per_image, rest = index - image * per_image;
  return {image, rest / g.tiles_q * kTileP, rest % g.tiles_q * kTileQ};
}

// What the outputs of a tile see of x, as floats, zero outside.
template <typename T>
__device__ void load_patch(const Geometry& g, const T* x, const Tile& tile, float* patch) {
  const int first_row = tile.p * g.stride_h - g.pad_h;
  const int first = (tile.q * g.stride_w - g.pad_w) * g.channels, row_length = g.width * g.channels;
  const T* image = x + (int64_t)tile.image * g.height * row_length;
  const int count = g.patch_rows * g.patch_pitch;
  for (int i = (int)threadIdx.x; i < count; i += (int)blockDim.x) {
    const int row = i / g.patch_pitch;
    const int h = first_row + row, at = first + i - row * g.patch_pitch;
    const bool inside = (unsigned)h < (unsigned)g.height && (unsigned)at < (unsigned)row_length;
    patch[i] = inside ? to_float(image[(int64_t)h * row_length + at]) : 0.0f;
  }
}

// ---- Forward.

template <int kChunk>
constexpr int kForwardThreads = kTilePixels / 8 * kChunk / 8;

template <typename T, int kChunk>
__global__ void __launch_bounds__(kForwardThreads<kChunk>)
    direct_convolution_forward_kernel(const T* __restrict__ x, const T* __restrict__ w,
                                      const Geometry g,
                                      const __grid_constant__ GemmOutputParams out) {
  constexpr int kThreads = kForwardThreads<kChunk>, kPitch = kChunk + kWeightPad;
  DN_DYN_SHARED(float, shared);
  float* weights = shared;  // (R*S*C, kPitch)
  const int taps = g.rows * g.line;
  float* patch = shared + taps * kPitch;
  const Tile tile = tile_of(g, (int)blockIdx.x);
  const int first_channel = (int)blockIdx.y * kChunk;
  for (int i = (int)threadIdx.x; i < taps * kChunk; i += kThreads) {
    const int k = i / taps, tap = i - k * taps;
    const bool exists = first_channel + k < g.out_channels;
    weights[tap * kPitch + k] =
        exists ? to_float(w[(int64_t)(first_channel + k) * taps + tap]) : 0.0f;
  }
  load_patch(g, x, tile, patch);
  __syncthreads();  // weights and patch are complete

  // Eight outputs of a row; two runs of four channels, so that lanes read side by side.
  const int lane_k = (int)threadIdx.x % (kChunk / 8) * 4, group = (int)threadIdx.x / (kChunk / 8);
  const int p = group / 2, q = group % 2 * 8, step = g.stride_w * g.channels;
  float sum[8][8];
  DN_UNROLL
  for (int i = 0; i < 8; ++i) {
    DN_UNROLL
    for (int j = 0; j < 8; ++j) sum[i][j] = 0.0f;
  }
  const float* weight = weights + lane_k;
  for (int r = 0; r < g.rows; ++r) {
    const float* row = patch + (p * g.stride_h + r * g.dilation_h) * g.patch_pitch + q * step;
    for (int e = 0; e < g.line; ++e, weight += kPitch) {
      const float4 low = *reinterpret_cast<const float4*>(weight);
      const float4 high = *reinterpret_cast<const float4*>(weight + kChunk / 2);
      const float of_w[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      DN_UNROLL
      for (int i = 0; i < 8; ++i) {
        const float value = row[e + i * step];
        DN_UNROLL
        for (int j = 0; j < 8; ++j) sum[i][j] = fmaf(value, of_w[j], sum[i][j]);
      }
    }
  }
  __syncthreads();  // the sums take the place of weights and patch

  constexpr int kOutputPitch = kChunk + kOutputPad, kQuads = kChunk / 4;
  DN_UNROLL
  for (int i = 0; i < 8; ++i) {
    float* to = shared + (p * kTileQ + q + i) * kOutputPitch + lane_k;
    *reinterpret_cast<float4*>(to) = make_float4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
    *reinterpret_cast<float4*>(to + kChunk / 2) =
        make_float4(sum[i][4], sum[i][5], sum[i][6], sum[i][7]);
  }
  __syncthreads();  // all sums are there
  for (int i = (int)threadIdx.x; i < kTilePixels * kQuads; i += kThreads) {
    const int pixel = i / kQuads, k = i % kQuads * 4;
    const int at_p = tile.p + pixel / kTileQ, at_q = tile.q + pixel % kTileQ;
    if (at_p >= g.out_height || at_q >= g.out_width || first_channel + k >= g.out_channels)
      continue;
    const float4 quad = *reinterpret_cast<const float4*>(shared + pixel * kOutputPitch + k);
    float value[4] = {quad.x, quad.y, quad.z, quad.w};
    const int row = (tile.image * g.out_height + at_p) * g.out_width + at_q;
    gemm_finish(out, g.out_channels, 0, row, first_channel + k, value);
  }
}

int64_t forward_shared_bytes(const Geometry& g, int chunk) {
  const int64_t work =
      (int64_t)g.rows * g.line * (chunk + kWeightPad) + (int64_t)g.patch_rows * g.patch_pitch;
  const int64_t output = (int64_t)kTilePixels * (chunk + kOutputPad);
  return (int64_t)sizeof(float) * (work > output ? work : output);
}

template <typename T, int kChunk>
void launch_forward(cudaStream_t stream, const DirectConvolutionForward& p, const Geometry& g,
                    const GemmOutputParams& out) {
  launch(stream, "direct_convolution_forward", direct_convolution_forward_kernel<T, kChunk>,
         dim3((unsigned)g.tiles, blocks_for(g.out_channels, kChunk)), dim3(kForwardThreads<kChunk>),
         (size_t)forward_shared_bytes(g, kChunk), static_cast<const T*>(p.x),
         static_cast<const T*>(p.w), g, out);
}

template <typename T>
void launch_forward(cudaStream_t stream, const DirectConvolutionForward& p, const Geometry& g,
                    const GemmOutputParams& out) {
  if (g.out_channels > 32 && forward_shared_bytes(g, 64) <= kMaxSharedBytes)
    launch_forward<T, 64>(stream, p, g, out);
  else
    launch_forward<T, 32>(stream, p, g, out);
}

// ---- Weight gradient.

constexpr int kWarpChannels = 32, kWarpTaps = 32;
constexpr int kMaxWarps = 8;

// Which warps of a block have which channels and taps; what is left over is shares of the rows.
struct WeightTiles {
  int channel_warps, tap_warps, shares;
  int warps() const { return channel_warps * tap_warps * shares; }
};

// A block covers at most two warps of channels; the grid has the rest.
WeightTiles weight_tiles_of(const Geometry& g) {
  WeightTiles t;
  t.channel_warps = g.out_channels > kWarpChannels ? 2 : 1;
  t.tap_warps = (int)divide_up((int64_t)g.rows * g.line, kWarpTaps);
  const int fit = kMaxWarps / (t.channel_warps * t.tap_warps);
  t.shares = fit >= 4 ? 4 : fit >= 2 ? 2 : 1;  // of the kTileP rows
  return t;
}

int dy_pitch(const WeightTiles& t) {
  return t.channel_warps * kWarpChannels + 4;
}

int64_t weight_shared_bytes(const Geometry& g, const WeightTiles& t) {
  const int64_t patch = ((int64_t)g.patch_rows * g.patch_pitch + 3) / 4 * 4;
  const int64_t work = patch + (int64_t)kTilePixels * dy_pitch(t);
  const int64_t sums = t.shares > 1 ? (int64_t)t.warps() * 32 * 32 : 0;
  return (int64_t)sizeof(float) * (work > sums ? work : sums);
}

// Beyond 12 warps of taps the patches of a block are too small for what they cost.
constexpr int kMaxTapWarps = 12;
constexpr int kMaxThreads = 2 * kMaxTapWarps * 32;

template <typename T>
__global__ void __launch_bounds__(kMaxThreads)
    direct_convolution_backward_weight_kernel(const T* __restrict__ x, const T* __restrict__ dy,
                                              const Geometry g, const WeightTiles t,
                                              int tiles_per_part, void* __restrict__ out,
                                              int out_dtype) {
  DN_DYN_SHARED(float, shared);
  const int pitch = t.channel_warps * kWarpChannels + 4;
  float* patch = shared;
  float* gradient = shared + (g.patch_rows * g.patch_pitch + 3) / 4 * 4;  // (pixels, pitch)
  const int taps = g.rows * g.line;
  const int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
  const int channel_warp = warp % t.channel_warps;
  const int tap_warp = warp / t.channel_warps % t.tap_warps;
  const int share = warp / (t.channel_warps * t.tap_warps);
  // A lane has channels k, k+1, k+2, k+3 and the same 16 further, and every eighth tap.
  const int block_channels = t.channel_warps * kWarpChannels;
  const int first_channel = (int)blockIdx.y * block_channels;
  const int k = channel_warp * kWarpChannels + lane / 8 * 4;
  const int tap = tap_warp * kWarpTaps + lane % 8;
  int offset[4];
  DN_UNROLL
  for (int j = 0; j < 4; ++j) {
    const int at = tap + 8 * j < taps ? tap + 8 * j : 0;
    const int r = at / g.line;
    offset[j] = r * g.dilation_h * g.patch_pitch + at - r * g.line;
  }
  float sum[8][4];
  DN_UNROLL
  for (int i = 0; i < 8; ++i) {
    DN_UNROLL
    for (int j = 0; j < 4; ++j) sum[i][j] = 0.0f;
  }

  const int first_tile = (int)blockIdx.x * tiles_per_part;
  const int last_tile =
      first_tile + tiles_per_part < g.tiles ? first_tile + tiles_per_part : g.tiles;
  const int step = g.stride_w * g.channels, share_rows = kTileP / t.shares;
  for (int index = first_tile; index < last_tile; ++index) {
    const Tile tile = tile_of(g, index);
    __syncthreads();  // all warps have finished with the last tile
    load_patch(g, x, tile, patch);
    for (int i = (int)threadIdx.x; i < kTilePixels * block_channels; i += (int)blockDim.x) {
      const int pixel = i / block_channels, channel = i - pixel * block_channels;
      const int p = tile.p + pixel / kTileQ, q = tile.q + pixel % kTileQ;
      const bool exists =
          p < g.out_height && q < g.out_width && first_channel + channel < g.out_channels;
      const int64_t at = ((int64_t)tile.image * g.out_height + p) * g.out_width + q;
      gradient[pixel * pitch + channel] =
          exists ? to_float(dy[at * g.out_channels + first_channel + channel]) : 0.0f;
    }
    __syncthreads();  // patch and gradients are complete
    for (int p = share * share_rows; p < (share + 1) * share_rows; ++p) {
      const float* row = patch + p * g.stride_h * g.patch_pitch;
      const float* gradient_row = gradient + p * kTileQ * pitch + k;
      for (int q = 0; q < kTileQ; ++q) {
        const float4 low = *reinterpret_cast<const float4*>(gradient_row + q * pitch);
        const float4 high = *reinterpret_cast<const float4*>(gradient_row + q * pitch + 16);
        const float of_dy[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
        DN_UNROLL
        for (int j = 0; j < 4; ++j) {
          const float value = row[q * step + offset[j]];
          DN_UNROLL
          for (int i = 0; i < 8; ++i) sum[i][j] = fmaf(of_dy[i], value, sum[i][j]);
        }
      }
    }
  }

  if (t.shares > 1) {
    // The shares' sums, element by element of a lane's 8 x 4, lanes side by side.
    const int stride = t.channel_warps * t.tap_warps * 32 * 32;
    float* mine = shared + (warp % (t.channel_warps * t.tap_warps)) * 32 * 32 + lane;
    __syncthreads();  // the sums take the place of the tiles
    DN_UNROLL
    for (int i = 0; i < 8; ++i) {
      DN_UNROLL
      for (int j = 0; j < 4; ++j) mine[share * stride + (i * 4 + j) * 32] = sum[i][j];
    }
    __syncthreads();  // all shares are there
    for (int other = 1; share == 0 && other < t.shares; ++other) {
      DN_UNROLL
      for (int i = 0; i < 8; ++i) {
        DN_UNROLL
        for (int j = 0; j < 4; ++j) sum[i][j] += mine[other * stride + (i * 4 + j) * 32];
      }
    }
  }
  if (share > 0) return;
  DN_UNROLL
  for (int i = 0; i < 8; ++i) {
    const int channel = first_channel + k + i % 4 + i / 4 * 16;
    DN_UNROLL
    for (int j = 0; j < 4; ++j) {
      if (channel >= g.out_channels || tap + 8 * j >= taps) continue;
      const int64_t row = (int64_t)blockIdx.x * g.out_channels + channel;
      gemm_store(sum[i][j], out, out_dtype, row * taps + tap + 8 * j);
    }
  }
}

int64_t parts_of(const Geometry& g) {
  constexpr int64_t kMaxParts = 528;  // four blocks on each of 132 multiprocessors
  return g.tiles < 1 ? 1 : g.tiles < kMaxParts ? g.tiles : kMaxParts;
}

// A share of the tiles for each part, none of them empty but where there is only one.
int32_t tiles_per_part_of(const Geometry& g) {
  return (int32_t)divide_up(g.tiles, parts_of(g));
}
int64_t used_parts_of(const Geometry& g) {
  return g.tiles < 1 ? 1 : divide_up(g.tiles, tiles_per_part_of(g));
}

template <typename T>
void launch_weight(cudaStream_t stream, const DirectConvolutionBackwardWeight& p, void* to,
                   int to_dtype) {
  const Geometry g = geometry_of(p.convolution);
  const WeightTiles t = weight_tiles_of(g);
  launch(
      stream, "direct_convolution_backward_weight", direct_convolution_backward_weight_kernel<T>,
      dim3((unsigned)used_parts_of(g), blocks_for(g.out_channels, t.channel_warps * kWarpChannels)),
      dim3((unsigned)t.warps() * 32), (size_t)weight_shared_bytes(g, t), static_cast<const T*>(p.x),
      static_cast<const T*>(p.dy), g, t, tiles_per_part_of(g), to, to_dtype);
}

}  // namespace

const char* direct_convolution_refuses(const Convolution& c) {
  if (c.axis[0].input != 1 || c.axis[0].kernel != 1 || c.axis[0].output != 1)
    return "has three spatial axes";
  if (c.groups != 1) return "has groups";
  if (c.channels > 4 || c.channels < 1) return "has more than 4 input channels";
  if (c.axis[2].dilation != 1) return "has a dilated last axis";
  if (c.batch * c.output_pixels() > kMaxNarrowIndex) return "has 2^31 positions or more";
  const Geometry g = geometry_of(c);
  if (divide_up((int64_t)g.rows * g.line, kWarpTaps) > kMaxTapWarps ||
      forward_shared_bytes(g, 32) > kMaxSharedBytes ||
      weight_shared_bytes(g, weight_tiles_of(g)) > kMaxSharedBytes)
    return "has a kernel too large for shared memory";
  return nullptr;
}

void direct_convolution_forward(cudaStream_t stream, const DirectConvolutionForward& p) {
  const Geometry g = geometry_of(p.convolution);
  GemmOutputParams out{};
  out.data = p.y;
  out.dtype = p.convolution.dtype;
  out.pixel_stride = g.out_channels;
  const int64_t bytes = 4 * (out.dtype == DN_DTYPE_F32 ? 4 : 2);
  out.vectors = g.out_channels % 4 == 0 && aligned_to(p.y, bytes) && aligned_to(p.input, bytes);
  out.epilogue = p.epilogue;
  out.input = p.input;
  out.bias = p.bias;
  out.bias_dtype = p.bias_dtype;
  if (out.dtype == DN_DTYPE_F32)
    launch_forward<float>(stream, p, g, out);
  else if (out.dtype == DN_DTYPE_BF16)
    launch_forward<__nv_bfloat16>(stream, p, g, out);
  else
    launch_forward<__half>(stream, p, g, out);
}

int64_t direct_convolution_backward_weight_workspace_bytes(const Convolution& c) {
  const Geometry g = geometry_of(c);
  const int64_t parts = used_parts_of(g), count = (int64_t)g.out_channels * g.rows * g.line;
  if (parts == 1) return 0;
  return parts * count * (int64_t)sizeof(float) + column_sum_workspace_bytes(parts, count);
}

void direct_convolution_backward_weight(cudaStream_t stream,
                                        const DirectConvolutionBackwardWeight& p, void* workspace) {
  const Geometry g = geometry_of(p.convolution);
  const int64_t parts = used_parts_of(g), count = (int64_t)g.out_channels * g.rows * g.line;
  void* to = parts > 1 ? workspace : p.dw;
  const int to_dtype = parts > 1 ? (int)DN_DTYPE_F32 : p.dw_dtype;
  if (p.convolution.dtype == DN_DTYPE_F32)
    launch_weight<float>(stream, p, to, to_dtype);
  else if (p.convolution.dtype == DN_DTYPE_BF16)
    launch_weight<__nv_bfloat16>(stream, p, to, to_dtype);
  else
    launch_weight<__half>(stream, p, to, to_dtype);
  if (parts == 1) return;
  ColumnSum sum;
  sum.rows = parts, sum.columns = count;
  sum.x = workspace;
  sum.y = p.dw, sum.y_dtype = p.dw_dtype;
  column_sum(stream, sum, static_cast<float*>(workspace) + parts * count);
}

}  // namespace dn::cuda
