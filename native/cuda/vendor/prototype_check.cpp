// Compiled only to fail where our prototypes, structs and constants differ from the headers'. The
// headers that are not on this machine are not compared.
#include <type_traits>

#include "cuda/vendor/cublas_api.h"
#include "cuda/vendor/cudnn_api.h"
#include "cuda/vendor/nvrtc_api.h"

#if __has_include(<cublas_v2.h>)
#include <cublas_v2.h>
#endif
#if __has_include(<cublasLt.h>)
#include <cublasLt.h>
#endif
#if __has_include(<cudnn.h>)
#include <cudnn.h>
#endif
#if __has_include(<nvrtc.h>)
#include <nvrtc.h>
#endif
#if __has_include(<cuda.h>)
#include <cuda.h>
#endif

namespace dn::cuda::vendor {

namespace {

// A type as our prototypes write it: enumerations are int, pointers to structs are void*.
template <typename T, typename = void>
struct Plain {
  using type = T;
};
template <typename T>
struct Plain<T, std::enable_if_t<std::is_enum_v<T>>> {
  static_assert(sizeof(T) == sizeof(int));
  using type = int;
};
template <typename T>
struct Plain<T*> {
  using type = std::conditional_t<std::is_class_v<T>, void, typename Plain<T>::type>*;
};
template <typename T>
struct Plain<const T*> {
  using type = const std::conditional_t<std::is_class_v<T>, void, typename Plain<T>::type>*;
};
template <typename R, typename... P>
struct Plain<R(P...)> {
  using type = typename Plain<R>::type(typename Plain<P>::type...);
};
template <typename R, typename... P>
struct Plain<R (*)(P...)> {
  using type = typename Plain<R(P...)>::type;
};

#define DN_SAME_FUNCTION(name, ...)                                                  \
  static_assert(std::is_same_v<typename Plain<decltype(::name)>::type, __VA_ARGS__>, \
                #name " has another prototype");
#define DN_SAME_VALUE(ours, theirs) static_assert((ours) == (int)(theirs), #theirs " differs");
#define DN_SAME_FIELD(ours, field, theirs, their_field)                   \
  static_assert(offsetof(ours, field) == offsetof(theirs, their_field) && \
                    sizeof(ours::field) == sizeof(theirs::their_field),   \
                #theirs "::" #their_field " differs");

#if __has_include(<cublas_v2.h>)
using Strided = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int,
                                   int, const void*, const void*, cudaDataType, int, long long,
                                   const void*, cudaDataType, int, long long, const void*, void*,
                                   cudaDataType, int, long long, int, cublasComputeType_t,
                                   cublasGemmAlgo_t);
// The function of this type is the one in the library.
[[maybe_unused]] constexpr Strided kStrided = ::cublasGemmStridedBatchedEx;
#define DN_SAME_AS_STRIDED(name, ...)                                       \
  static_assert(std::is_same_v<typename Plain<Strided>::type, __VA_ARGS__>, \
                #name " has another prototype");
DN_CUBLAS_FUNCTIONS(DN_SAME_FUNCTION, DN_SAME_AS_STRIDED)
DN_SAME_VALUE(cublas::kSuccess, CUBLAS_STATUS_SUCCESS)
DN_SAME_VALUE(cublas::kOpNone, CUBLAS_OP_N)
DN_SAME_VALUE(cublas::kOpTranspose, CUBLAS_OP_T)
DN_SAME_VALUE(cublas::kCompute32F, CUBLAS_COMPUTE_32F)
DN_SAME_VALUE(cublas::kCompute32FFastTf32, CUBLAS_COMPUTE_32F_FAST_TF32)
DN_SAME_VALUE(cublas::kGemmDefault, CUBLAS_GEMM_DEFAULT)
DN_SAME_VALUE(cublas::kNoReducedPrecisionReduction,
              CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)
DN_SAME_VALUE(cublas::kReal32F, CUDA_R_32F)
DN_SAME_VALUE(cublas::kReal16F, CUDA_R_16F)
DN_SAME_VALUE(cublas::kReal16BF, CUDA_R_16BF)
DN_SAME_VALUE(cublas::kMajorVersion, MAJOR_VERSION)
DN_SAME_VALUE(cublas::kMinorVersion, MINOR_VERSION)
DN_SAME_VALUE(cublas::kPatchLevel, PATCH_LEVEL)
#endif

#if __has_include(<cublasLt.h>)
DN_CUBLASLT_FUNCTIONS(DN_SAME_FUNCTION)
DN_SAME_VALUE(cublaslt::kDescTransA, CUBLASLT_MATMUL_DESC_TRANSA)
DN_SAME_VALUE(cublaslt::kDescTransB, CUBLASLT_MATMUL_DESC_TRANSB)
DN_SAME_VALUE(cublaslt::kDescEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE)
DN_SAME_VALUE(cublaslt::kDescBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER)
DN_SAME_VALUE(cublaslt::kLayoutBatchCount, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT)
DN_SAME_VALUE(cublaslt::kLayoutStridedBatchOffset, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)
DN_SAME_VALUE(cublaslt::kPrefMaxWorkspaceBytes, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
DN_SAME_VALUE(cublaslt::kPrefReductionSchemeMask, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
DN_SAME_VALUE(cublaslt::kPrefMinAlignmentA, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES)
DN_SAME_VALUE(cublaslt::kPrefMinAlignmentB, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES)
DN_SAME_VALUE(cublaslt::kPrefMinAlignmentC, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES)
DN_SAME_VALUE(cublaslt::kPrefMinAlignmentD, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES)
DN_SAME_VALUE(cublaslt::kReductionComputeType, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE)
DN_SAME_VALUE(cublaslt::kEpilogueDefault, CUBLASLT_EPILOGUE_DEFAULT)
DN_SAME_VALUE(cublaslt::kEpilogueBias, CUBLASLT_EPILOGUE_BIAS)
static_assert(sizeof(cublaslt::Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(cublaslt::HeuristicResult) == sizeof(cublasLtMatmulHeuristicResult_t));
DN_SAME_FIELD(cublaslt::HeuristicResult, algorithm, cublasLtMatmulHeuristicResult_t, algo)
DN_SAME_FIELD(cublaslt::HeuristicResult, workspace_bytes, cublasLtMatmulHeuristicResult_t,
              workspaceSize)
DN_SAME_FIELD(cublaslt::HeuristicResult, state, cublasLtMatmulHeuristicResult_t, state)
DN_SAME_FIELD(cublaslt::HeuristicResult, waves, cublasLtMatmulHeuristicResult_t, wavesCount)
#endif

#if __has_include(<cudnn.h>)
DN_CUDNN_FUNCTIONS(DN_SAME_FUNCTION)
DN_SAME_VALUE(cudnn::kSuccess, CUDNN_STATUS_SUCCESS)
DN_SAME_VALUE(cudnn::kFloat, CUDNN_DATA_FLOAT)
DN_SAME_VALUE(cudnn::kHalf, CUDNN_DATA_HALF)
DN_SAME_VALUE(cudnn::kBFloat16, CUDNN_DATA_BFLOAT16)
DN_SAME_VALUE(cudnn::kNhwc, CUDNN_TENSOR_NHWC)
DN_SAME_VALUE(cudnn::kCrossCorrelation, CUDNN_CROSS_CORRELATION)
DN_SAME_VALUE(cudnn::kDefaultMath, CUDNN_DEFAULT_MATH)
DN_SAME_VALUE(cudnn::kTensorOpMath, CUDNN_TENSOR_OP_MATH)
DN_SAME_VALUE(cudnn::kTensorOpMathAllowConversion, CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION)
DN_SAME_VALUE(cudnn::kFmaMath, CUDNN_FMA_MATH)
DN_SAME_VALUE(cudnn::kDeterministic, CUDNN_DETERMINISTIC)
DN_SAME_VALUE(cudnn::kMajorVersion, MAJOR_VERSION)
DN_SAME_VALUE(cudnn::kMinorVersion, MINOR_VERSION)
DN_SAME_VALUE(cudnn::kPatchLevel, PATCH_LEVEL)
template <typename Theirs>
constexpr bool same_result() {
  using Ours = cudnn::AlgorithmResult;
  return sizeof(Ours) == sizeof(Theirs) && offsetof(Ours, algorithm) == offsetof(Theirs, algo) &&
         offsetof(Ours, status) == offsetof(Theirs, status) &&
         offsetof(Ours, milliseconds) == offsetof(Theirs, time) &&
         offsetof(Ours, workspace_bytes) == offsetof(Theirs, memory) &&
         offsetof(Ours, determinism) == offsetof(Theirs, determinism) &&
         offsetof(Ours, math_type) == offsetof(Theirs, mathType);
}
static_assert(same_result<cudnnConvolutionFwdAlgoPerf_t>());
static_assert(same_result<cudnnConvolutionBwdDataAlgoPerf_t>());
static_assert(same_result<cudnnConvolutionBwdFilterAlgoPerf_t>());
#endif

#if __has_include(<nvrtc.h>)
DN_NVRTC_FUNCTIONS(DN_SAME_FUNCTION)
DN_SAME_VALUE(nvrtc::kSuccess, NVRTC_SUCCESS)
DN_SAME_VALUE(nvrtc::kCompilation, NVRTC_ERROR_COMPILATION)
#endif

#if __has_include(<cuda.h>)
DN_DRIVER_FUNCTIONS(DN_SAME_FUNCTION)
DN_SAME_VALUE(driver::kSuccess, CUDA_SUCCESS)
DN_SAME_VALUE(driver::kMaxDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
#endif

}  // namespace

}  // namespace dn::cuda::vendor
