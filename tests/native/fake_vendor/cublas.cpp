// A stand-in for libcublas. It insists on what the real one only documents: a stream, then a
// workspace of at least 4 MiB on 256 bytes.
#include "cuda/vendor/cublas_api.h"
#include "stand_in.h"

#ifndef STAND_IN_MAJOR
#define STAND_IN_MAJOR 12
#endif

using namespace dn::cuda::vendor::cublas;

namespace {

constexpr int kInvalidValue = 7, kExecutionFailed = 13, kNotSupported = 15;

struct Handle {
  void* stream = nullptr;
  void* workspace = nullptr;
  size_t workspace_bytes = 0;
  int math_mode = 0;
};

int last_compute_type = 0;

stand_in::Type type_of(int type) {
  return type == kReal16F    ? stand_in::Type::F16
         : type == kReal16BF ? stand_in::Type::BF16
                             : stand_in::Type::F32;
}

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
  *handle = new Handle;
  return kSuccess;
}
int cublasDestroy_v2(void* handle) {
  delete static_cast<Handle*>(handle);
  return kSuccess;
}
int cublasGetProperty(int type, int* value) {
  *value = type == kMajorVersion ? STAND_IN_MAJOR : type == kMinorVersion ? 3 : 1;
  return kSuccess;
}
const char* cublasGetStatusString(int status) {
  return status == kInvalidValue ? "an unsupported value or parameter" : "the stand-in failed";
}
int cublasSetStream_v2(void* handle, void* stream) {
  auto& h = *static_cast<Handle*>(handle);
  h.stream = stream;
  h.workspace = nullptr;  // as the real one
  return kSuccess;
}
int cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  auto& h = *static_cast<Handle*>(handle);
  h.workspace = workspace;
  h.workspace_bytes = bytes;
  return kSuccess;
}
int cublasSetMathMode(void* handle, int mode) {
  static_cast<Handle*>(handle)->math_mode = mode;
  return kSuccess;
}

int cublasGemmStridedBatchedEx(void* handle, int op_a, int op_b, int m, int n, int k,
                               const void* alpha, const void* a, int a_type, int lda,
                               long long stride_a, const void* b, int b_type, int ldb,
                               long long stride_b, const void* beta, void* c, int c_type, int ldc,
                               long long stride_c, int batch_count, int compute_type, int) {
  const auto& h = *static_cast<Handle*>(handle);
  const bool sound = h.workspace && reinterpret_cast<uintptr_t>(h.workspace) % 256 == 0 &&
                     h.workspace_bytes >= 4 << 20 && h.math_mode == kNoReducedPrecisionReduction &&
                     lda >= (op_a == kOpNone ? m : k) && ldb >= (op_b == kOpNone ? k : n) &&
                     ldc >= m && *static_cast<const float*>(alpha) == 1 &&
                     *static_cast<const float*>(beta) == 0;
  if (!sound) return kInvalidValue;
  if (a_type != b_type) return kNotSupported;
  last_compute_type = compute_type;
  const stand_in::Gemm gemm{op_a == kOpTranspose,
                            op_b == kOpTranspose,
                            m,
                            n,
                            k,
                            lda,
                            ldb,
                            ldc,
                            stride_a,
                            stride_b,
                            stride_c,
                            batch_count,
                            type_of(a_type),
                            type_of(c_type),
                            a,
                            b,
                            nullptr,
                            c};
  return stand_in::enqueue(h.stream, [gemm] { gemm.run(); }) ? kSuccess : kExecutionFailed;
}

int stand_in_last_compute_type() {
  return last_compute_type;
}

DN_CUBLAS_FUNCTIONS(STAND_IN_CHECK, STAND_IN_CHECK)
}
