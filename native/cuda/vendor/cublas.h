// Matrix products by cuBLAS and cuBLASLt, 11 to 13.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <type_traits>

#include "cuda/vendor/cublas_api.h"
#include "cuda/vendor/dynamic_library.h"
#include "engine/types.h"

namespace dn::cuda::vendor {

enum class Transpose { No, Yes };
enum class Tf32 { Refused, Allowed };

// c (rows, columns) = a (rows, depth) b (depth, columns), row-major and dense; sums in float32.
struct Product {
  int64_t rows = 0, columns = 0, depth = 0, batch = 1;
  Transpose transpose_a = Transpose::No;             // Yes: stored (depth, rows)
  Transpose transpose_b = Transpose::No;             // Yes: stored (columns, depth)
  int64_t a_stride = 0, b_stride = 0, c_stride = 0;  // between the matrices of a batch, in elements
  DType input_type = DN_DTYPE_F32, output_type = DN_DTYPE_F32;
  Tf32 tf32 = Tf32::Refused;
};

// Why cuBLAS cannot do it; empty: it can.
std::string refuse_product(const Product& product);

class Cublas {
 public:
  // For the current device. Throws DN_UNSUPPORTED with the reason when there is no usable library.
  Cublas();
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  std::string version() const { return version_.str(); }
  // Always of the same workspace: with one of its own choice cuBLAS promises no equal bits, and
  // would allocate during a capture.
  void multiply(cudaStream_t stream, const Product& product, const void* a, const void* b, void* c,
                void* workspace, int64_t workspace_bytes);

 private:
  void check(int status, const char* call) const;

#define DN_MEMBER(name, ...) std::add_pointer_t<__VA_ARGS__> name = nullptr;
  struct Functions {
    DN_CUBLAS_FUNCTIONS(DN_MEMBER, DN_MEMBER)
  };
  DynamicLibrary library_;
  Functions f_;
  Version version_;
  void* handle_ = nullptr;
};

class CublasLt {
 public:
  CublasLt();
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  std::string version() const { return version_.str(); }

 private:
  friend class LtProduct;
  void check(int status, const char* call) const;

  struct Functions {
    DN_CUBLASLT_FUNCTIONS(DN_MEMBER)
  };
#undef DN_MEMBER
  DynamicLibrary library_;
  Functions f_;
  Version version_;
  void* handle_ = nullptr;
};

enum class Bias { None, PerColumn };

// One product of cuBLASLt, its algorithm chosen by the library's heuristics.
class LtProduct {
 public:
  // Throws DN_UNSUPPORTED when the library has no algorithm that needs at most that workspace.
  LtProduct(const CublasLt& library, const Product& product, Bias bias,
            int64_t max_workspace_bytes);
  int64_t workspace_bytes() const { return (int64_t)result_.workspace_bytes; }
  // bias (columns) is of the output's type; null without one.
  void run(cudaStream_t stream, const void* a, const void* b, const void* bias, void* c,
           void* workspace) const;

 private:
  using Object = std::unique_ptr<void, int (*)(void*)>;
  Object layout(int type, int64_t rows, int64_t columns, int64_t batch, int64_t stride) const;

  const CublasLt& library_;
  Object description_, first_, second_, output_;  // b^T, a^T and c^T by columns
  cublaslt::HeuristicResult result_{};
};

// Workspaces start on such boundaries inside the scratch memory, which starts on smaller ones.
constexpr int64_t kWorkspaceAlignment = 256;
constexpr int64_t padded_workspace(int64_t bytes) {
  return bytes > 0 ? bytes + kWorkspaceAlignment : 0;
}
inline void* aligned_workspace(void* scratch) {
  const auto address = reinterpret_cast<uintptr_t>(scratch);
  return reinterpret_cast<void*>((address + kWorkspaceAlignment - 1) / kWorkspaceAlignment *
                                 kWorkspaceAlignment);
}

}  // namespace dn::cuda::vendor
