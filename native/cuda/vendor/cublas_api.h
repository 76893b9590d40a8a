// What the engine calls of cuBLAS and cuBLASLt: prototypes and constants of its own, so that
// building needs no headers of theirs. Enumerations are int, handles and their structs void*.
// prototype_check.cpp compares all of it with the headers where there are some.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dn::cuda::vendor {

namespace cublas {
constexpr int kSuccess = 0;
constexpr int kOpNone = 0, kOpTranspose = 1;
constexpr int kCompute32F = 68, kCompute32FFastTf32 = 77;
constexpr int kGemmDefault = -1;
constexpr int kNoReducedPrecisionReduction = 16;  // of math modes
constexpr int kReal32F = 0, kReal16F = 2, kReal16BF = 14;
constexpr int kMajorVersion = 0, kMinorVersion = 1, kPatchLevel = 2;
}  // namespace cublas

namespace cublaslt {
constexpr int kDescTransA = 3, kDescTransB = 4, kDescEpilogue = 7, kDescBiasPointer = 8;
constexpr int kLayoutBatchCount = 5, kLayoutStridedBatchOffset = 6;
constexpr int kPrefMaxWorkspaceBytes = 1, kPrefReductionSchemeMask = 3;
constexpr int kPrefMinAlignmentA = 5, kPrefMinAlignmentB = 6, kPrefMinAlignmentC = 7,
              kPrefMinAlignmentD = 8;
constexpr int kReductionComputeType = 2;
constexpr int kEpilogueDefault = 1, kEpilogueBias = 4;

struct Algorithm {
  uint64_t data[8];
};
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
};
}  // namespace cublaslt

// OVERLOADED: the header gives C++ another function of that name.
#define DN_CUBLAS_FUNCTIONS(X, OVERLOADED)                                                       \
  X(cublasCreate_v2, int(void** handle))                                                         \
  X(cublasDestroy_v2, int(void* handle))                                                         \
  X(cublasGetProperty, int(int type, int* value))                                                \
  X(cublasGetStatusString, const char*(int status))                                              \
  X(cublasSetStream_v2, int(void* handle, void* stream))                                         \
  X(cublasSetWorkspace_v2, int(void* handle, void* workspace, size_t bytes))                     \
  X(cublasSetMathMode, int(void* handle, int mode))                                              \
  OVERLOADED(cublasGemmStridedBatchedEx,                                                         \
             int(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha,       \
                 const void* a, int a_type, int lda, long long stride_a, const void* b,          \
                 int b_type, int ldb, long long stride_b, const void* beta, void* c, int c_type, \
                 int ldc, long long stride_c, int batch_count, int compute_type, int algorithm))

#define DN_CUBLASLT_FUNCTIONS(X)                                                                   \
  X(cublasLtCreate, int(void** handle))                                                            \
  X(cublasLtDestroy, int(void* handle))                                                            \
  X(cublasLtGetProperty, int(int type, int* value))                                                \
  X(cublasLtGetStatusString, const char*(int status))                                              \
  X(cublasLtMatmulDescCreate, int(void** desc, int compute_type, int scale_type))                  \
  X(cublasLtMatmulDescDestroy, int(void* desc))                                                    \
  X(cublasLtMatmulDescSetAttribute,                                                                \
    int(void* desc, int attribute, const void* value, size_t bytes))                               \
  X(cublasLtMatrixLayoutCreate,                                                                    \
    int(void** layout, int type, uint64_t rows, uint64_t columns, int64_t ld))                     \
  X(cublasLtMatrixLayoutDestroy, int(void* layout))                                                \
  X(cublasLtMatrixLayoutSetAttribute,                                                              \
    int(void* layout, int attribute, const void* value, size_t bytes))                             \
  X(cublasLtMatmulPreferenceCreate, int(void** preference))                                        \
  X(cublasLtMatmulPreferenceDestroy, int(void* preference))                                        \
  X(cublasLtMatmulPreferenceSetAttribute,                                                          \
    int(void* preference, int attribute, const void* value, size_t bytes))                         \
  X(cublasLtMatmulAlgoGetHeuristic,                                                                \
    int(void* handle, void* desc, void* a, void* b, void* c, void* d, void* preference,            \
        int requested, void* results, int* returned))                                              \
  X(cublasLtMatmul,                                                                                \
    int(void* handle, void* desc, const void* alpha, const void* a, void* a_layout, const void* b, \
        void* b_layout, const void* beta, const void* c, void* c_layout, void* d, void* d_layout,  \
        const void* algorithm, void* workspace, size_t workspace_bytes, void* stream))

}  // namespace dn::cuda::vendor
