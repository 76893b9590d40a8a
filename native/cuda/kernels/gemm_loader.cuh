// Tiles of an operand: from global memory to shared memory by asynchronous copies.
#pragma once

#include "cuda/kernels/gemm_params.cuh"

namespace dn::cuda {

// kVector elements; zeros where `inside` is false, and then nothing is read.
template <typename T, int kVector>
__device__ __forceinline__ void gemm_copy(T* shared, const T* global, bool inside) {
  constexpr int kBytes = kVector * (int)sizeof(T);
  static_assert(kBytes == 16 || kBytes == 4 || kBytes == 2, "no such copy");
  if constexpr (kBytes == 16) {
    cp_async16(shared, global, inside);
  } else if constexpr (kBytes == 4) {
    cp_async4(shared, global, inside);
  } else {
    *shared = inside ? *global : from_float<T>(0.0f);
  }
}

// A tile is kLines positions of kLine consecutive indices of (tap, channel) each; one of the two is
// depth. In shared memory lines are padded, so that neither the copies nor ldmatrix, nor the scalar
// reads of TF32, meet the same bank eight times.
//
// The places of the positions (pixel and coordinates) lie in a table in shared memory: computed by
// one thread each, read by all that copy from the line. Where lines are rows of C the table is made
// once; where they are depth, each stage has its own, made one step ahead.
template <typename T, int kRows, int kDepth, int kStages, GemmDepth kAlong, int kVector,
          int kThreads>
class GemmLoader {
 public:
  static constexpr bool kDepthInside = kAlong == GemmDepth::AlongChannels;
  static constexpr int kLines = kDepthInside ? kRows : kDepth;
  static constexpr int kLine = kDepthInside ? kDepth : kRows;
  static constexpr int kPitch = kLine + (kDepthInside ? 16 / (int)sizeof(T) : 8);
  static constexpr int kElements = kLines * kPitch;
  static constexpr int kTableEntries = kDepthInside ? kRows : kDepth * kStages;

  // first_row: of C. first_step: in units of kDepth.
  __device__ GemmLoader(const GemmOperandParams& operand, int batch, int first_row, int first_step,
                        int4* table)
      : operand_(operand),
        data_(static_cast<const T*>(operand.data) + batch * operand.batch_stride),
        table_(table) {
    const int tid = (int)threadIdx.x;
    const int index = (tid % kVectors) * kVector;
    seek(index + (kDepthInside ? first_step * kDepth : first_row));
    const int first_position = kDepthInside ? first_row : first_step * kDepth;
    for (int i = tid; i < kTableEntries; i += kThreads)
      table[i] = gemm_locate(operand, first_position + i);
    next_position_ = first_position + kTableEntries;
  }

  // Copies the next step's tile. `slot`: the stage that it belongs to.
  __device__ void load(T* tile, int slot) {
    const int tid = (int)threadIdx.x;
    const int column = tid % kVectors;
    const int first = tid / kVectors;
    const int4* table = kDepthInside ? table_ : table_ + slot * kDepth;
    if constexpr (kPasses <= 4) {
      // All reads of the table before the first copy, which waits for them.
      int4 places[kPasses];
      DN_UNROLL
      for (int pass = 0; pass < kPasses; ++pass) places[pass] = table[first + pass * kLinesPerPass];
      DN_UNROLL
      for (int pass = 0; pass < kPasses; ++pass)
        copy(tile, places[pass], first + pass * kLinesPerPass, column);
    } else {
      for (int line = first; line < kLines; line += kLinesPerPass)
        copy(tile, table[line], line, column);
    }
    if constexpr (kDepthInside) advance();
  }

  // Once the loads of all steps before it were issued by all threads, a stage's table may be
  // overwritten with that of the step kStages later. Threads first_thread .. +kDepth-1 do it.
  __device__ void prepare(int slot, int first_thread) {
    if constexpr (!kDepthInside) {
      const int i = (int)threadIdx.x - first_thread;
      if (i >= 0 && i < kDepth)
        table_[slot * kDepth + i] = gemm_locate(operand_, next_position_ + i);
      next_position_ += kDepth;
    }
  }

 private:
  static constexpr int kVectors = kLine / kVector;  // of a line
  static constexpr int kLinesPerPass = kThreads / kVectors;
  static constexpr int kPasses = kLines / kLinesPerPass;
  static_assert(kThreads % kVectors == 0 && kLines % kLinesPerPass == 0, "uneven passes");

  __device__ __forceinline__ void copy(T* tile, const int4& place, int line, int column) const {
    const bool inside = inside_ & ((unsigned)(place.y + shift_[0]) < (unsigned)operand_.extent[0]) &
                        ((unsigned)(place.z + shift_[1]) < (unsigned)operand_.extent[1]) &
                        ((unsigned)(place.w + shift_[2]) < (unsigned)operand_.extent[2]);
    const T* from = channels_ + (int64_t)(place.x + pixel_) * operand_.pixel_stride;
    gemm_copy<T, kVector>(tile + line * kPitch + column * kVector, from, inside);
  }

  __device__ void seek(int index) {
    int tap = index / operand_.channels;
    channel_ = index - tap * operand_.channels;
    tap_[2] = tap % operand_.taps[2];
    tap /= operand_.taps[2];
    tap_[1] = tap % operand_.taps[1];
    tap_[0] = tap / operand_.taps[1];
    enter_tap();
  }

  __device__ __forceinline__ void advance() {
    channel_ += kDepth;
    channels_ += kDepth;
    if (channel_ < operand_.channels) return;
    while (channel_ >= operand_.channels) {
      channel_ -= operand_.channels;
      if (++tap_[2] < operand_.taps[2]) continue;
      tap_[2] = 0;
      if (++tap_[1] < operand_.taps[1]) continue;
      tap_[1] = 0;
      ++tap_[0];
    }
    enter_tap();
  }

  __device__ __forceinline__ void enter_tap() {
    channels_ = data_ + channel_;
    inside_ = tap_[0] < operand_.taps[0];
    pixel_ = 0;
    DN_UNROLL for (int i = 0; i < 3; ++i) {
      shift_[i] = tap_[i] * operand_.step[i];
      pixel_ += shift_[i] * operand_.map.pitch[i];
    }
  }

  const GemmOperandParams& operand_;
  const T* data_;
  int4* table_;
  int next_position_;
  // This thread's place along the line.
  const T* channels_;  // of pixel 0
  int channel_;
  int tap_[3];
  int shift_[3];  // what the tap adds to the coordinates,
  int pixel_;     // and to the pixel
  bool inside_;
};

}  // namespace dn::cuda
