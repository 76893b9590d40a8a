// What a kernel calls while it runs on the host: barriers, warp collectives, shared memory, copies.
//
// Every CUDA thread is a fiber; a block's fibers run one at a time on the host thread that
// synchronises, blocks one after another. The implementation is never instrumented by a sanitizer;
// what is templated here is told so.
#pragma once

#include <simt/types.h>

#include <type_traits>

namespace simt {

// threadIdx and its like. Set at every switch of fibers.
struct Builtins {
  uint3 thread_idx, block_idx;
  dim3 block_dim, grid_dim;
};
extern Builtins builtins;

#if SIMT_TSAN
// Out of line, so that ThreadSanitizer does not take them for racing globals.
uint3 thread_idx();
uint3 block_idx();
dim3 block_dim();
dim3 grid_dim();
#endif

// Ends the kernel with a diagnostic: see simt::FaultMode.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

void barrier(const char* site);
int barrier_or(const char* site, int predicate);
int barrier_and(const char* site, int predicate);
int barrier_count(const char* site, int predicate);

// A meeting of the lanes in `mask`. Each posts a pointer to its operands; the last to arrive runs
// `exchange` over all of them (lane_operands has 32 entries), then all go on.
using Exchange = void (*)(void** lane_operands, unsigned mask);
enum class MemoryOrder { None, Warp };
void collective(unsigned mask, const char* name, void* operands, Exchange exchange,
                MemoryOrder order = MemoryOrder::None);

int lane();
bool in_kernel();
void yield();
void fence();

// The array that belongs to `key` in the running block; made, and filled with 0xFF, at first use.
void* shared_variable(const void* key, size_t bytes, size_t alignment);
void* dynamic_shared();
// Fails unless the bytes lie in one array of the running block's shared memory.
void check_shared(const void* address, size_t bytes, const char* name);

// Copies `copy_bytes` from global memory and fills up to `total_bytes` with zeros: at the issue, at
// the wait, or, by default, at one or the other at random, for a portable kernel sees no
// difference.
void async_copy(void* shared, const void* global, unsigned copy_bytes, unsigned total_bytes);
void async_copy_commit();
void async_copy_wait(int pending_groups);

struct MmaOperands {
  float* d;
  const unsigned* a;
  const unsigned* b;
};
void exchange_mma_m16n8k16_bf16(void** lanes, unsigned mask);
void exchange_mma_m16n8k16_f16(void** lanes, unsigned mask);
void exchange_mma_m16n8k8_tf32(void** lanes, unsigned mask);

// matrices: 1, 2 or 4; row: the address that this lane passes.
void ldmatrix(unsigned* out, const void* row, int matrices, bool transposed);

template <typename T>
struct ShuffleOperands {
  T value;
  T result;
  int source;
};

template <typename T>
SIMT_NO_TSAN void exchange_shuffle(void** lanes, unsigned mask) {
  for (unsigned rest = mask; rest; rest &= rest - 1) {
    int to = __builtin_ctz(rest);
    auto* operands = static_cast<ShuffleOperands<T>*>(lanes[to]);
    int from = operands->source;
    if (!(mask >> from & 1)) {
      fail("shuffle: lane %d reads lane %d, which is not in mask %08x", to, from, mask);
    }
    operands->result = static_cast<ShuffleOperands<T>*>(lanes[from])->value;
  }
}

template <typename T>
SIMT_NO_TSAN T shuffle(unsigned mask, const char* name, T value, int source) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  ShuffleOperands<T> operands{value, value, source};
  collective(mask, name, &operands, exchange_shuffle<T>);
  return operands.result;
}

unsigned vote(unsigned mask, const char* name, int predicate);

}  // namespace simt

#if SIMT_TSAN
#define threadIdx (::simt::thread_idx())
#define blockIdx (::simt::block_idx())
#define blockDim (::simt::block_dim())
#define gridDim (::simt::grid_dim())
#else
#define threadIdx (::simt::builtins.thread_idx)
#define blockIdx (::simt::builtins.block_idx)
#define blockDim (::simt::builtins.block_dim)
#define gridDim (::simt::builtins.grid_dim)
#endif
constexpr int warpSize = 32;
