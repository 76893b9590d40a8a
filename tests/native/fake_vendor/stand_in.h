// What the stand-ins for NVIDIA's libraries share: work on the simulator's streams, element types.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

// Compares a stand-in's function with the engine's prototype.
#define STAND_IN_CHECK(name, ...) static_assert(std::is_same_v<decltype(name), __VA_ARGS__>);

namespace stand_in {

// A float32, float16 or bfloat16 in memory.
enum class Type { F32, F16, BF16 };

inline float load(const void* data, Type type, int64_t index) {
  switch (type) {
    case Type::F16:
      return __half2float(static_cast<const __half*>(data)[index]);
    case Type::BF16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(data)[index]);
    default:
      return static_cast<const float*>(data)[index];
  }
}
inline void store(void* data, Type type, int64_t index, float value) {
  switch (type) {
    case Type::F16:
      static_cast<__half*>(data)[index] = __float2half(value);
      break;
    case Type::BF16:
      static_cast<__nv_bfloat16*>(data)[index] = __float2bfloat16(value);
      break;
    default:
      static_cast<float*>(data)[index] = value;
  }
}

// Queues work as a library's kernel would be. A captured graph may run it again and again, so it is
// kept until the process ends.
inline bool enqueue(void* stream, std::function<void()> work) {
  static std::mutex mutex;
  static std::vector<std::unique_ptr<std::function<void()>>> kept;
  auto owned = std::make_unique<std::function<void()>>(std::move(work));
  void* data = owned.get();
  {
    const std::lock_guard lock(mutex);
    kept.push_back(std::move(owned));
  }
  const auto run = [](void* function) { (*static_cast<std::function<void()>*>(function))(); };
  return cudaLaunchHostFunc(static_cast<cudaStream_t>(stream), run, data) == cudaSuccess;
}

// A batch of column-major products c = op(a) op(b), as cuBLAS defines them.
struct Gemm {
  bool transpose_a, transpose_b;
  int64_t m, n, k, lda, ldb, ldc, stride_a, stride_b, stride_c, batch;
  Type input, output;
  const void *a, *b, *bias;  // bias (m): added to every column
  void* c;

  void run() const {
    for (int64_t i = 0; i < batch; ++i)
      for (int64_t column = 0; column < n; ++column)
        for (int64_t row = 0; row < m; ++row) {
          float sum = 0;
          for (int64_t d = 0; d < k; ++d)
            sum +=
                load(a, input, i * stride_a + (transpose_a ? row * lda + d : d * lda + row)) *
                load(b, input, i * stride_b + (transpose_b ? d * ldb + column : column * ldb + d));
          if (bias) sum += load(bias, output, row);
          store(c, output, i * stride_c + column * ldc + row, sum);
        }
  }
};

}  // namespace stand_in
