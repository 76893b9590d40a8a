// Kernels of one warp that do one thing each, to compare what the wrappers of device.cuh do with
// what PTX says they do: on the simulator and, the same test, on a GPU.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace dn {
namespace cuda {
namespace conformance {

enum class Shuffle { Index, Up, Down, Xor };

// out[operand * 32 + lane] for every operand (source lane, delta, mask) from 0 to 31.
void shuffle_all(cudaStream_t stream, Shuffle kind, int width, const uint32_t* in, uint32_t* out);
void shuffle_all(cudaStream_t stream, Shuffle kind, int width, const double* in, double* out);

// Lanes in `mask` vote; the others call nothing. out: ballot, any, all of each lane, 32 each.
void vote(cudaStream_t stream, uint32_t mask, const int* predicate, uint32_t* out);

// sum and maximum of each segment of `width` lanes; out: 32 sums, 32 maxima.
void warp_reduce(cudaStream_t stream, int width, const float* in, float* out);

enum class Mma { Bf16, F16, Tf32 };
// a: 32 x 4, b: 32 x 2 registers; d: 32 x 4, read and written.
void mma(cudaStream_t stream, Mma kind, const uint32_t* a, const uint32_t* b, float* d);

// 64 rows of 8 halves; lane l passes the address of row[l]. out: 32 x matrices registers.
void ldmatrix(cudaStream_t stream, int matrices, bool transposed, const uint16_t* rows,
              const int* row, uint32_t* out);

// Each of 64 threads copies `bytes` (4 or 16) from in, where predicate says so; out: what shared
// memory holds after the wait, of which every byte was 0xab before.
void copy_async(cudaStream_t stream, int bytes, const uint8_t* in, const int* predicate,
                uint8_t* out);
// Four groups of one copy each. out: for p = 3..0 the copies, read after cp_async_wait<p>.
void copy_async_groups(cudaStream_t stream, const uint32_t* in, uint32_t* out);

// out[i] = the float of code i, and codes[i] = the code of values[i].
void decode(cudaStream_t stream, bool bf16, float* out);
void encode(cudaStream_t stream, bool bf16, const float* values, int count, uint16_t* codes);
void round_to_tf32(cudaStream_t stream, const float* values, int count, uint32_t* bits);

// For each pair: umulhi, brev(x), popc(x), clz(x), ffs(x), byte_perm(x, y, 0x5140).
constexpr int kBitResults = 6;
void bits(cudaStream_t stream, const uint32_t* x, const uint32_t* y, int count, uint32_t* out);
// For each value: to int rounded to nearest, down, up, toward zero; to unsigned toward zero.
constexpr int kIntResults = 5;
void to_integers(cudaStream_t stream, const float* values, int count, uint32_t* out);

// Values of `count` threads added into, taken as maximum and minimum of, one integer each.
void atomics(cudaStream_t stream, const int* values, int count, int* sum_max_min);

}  // namespace conformance
}  // namespace cuda
}  // namespace dn
