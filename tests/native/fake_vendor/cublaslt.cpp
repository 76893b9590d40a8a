// A stand-in for libcublasLt: products with a bias, one algorithm that needs a workspace.
#include <cstring>
#include <map>

#include "cuda/vendor/cublas_api.h"
#include "stand_in.h"

using namespace dn::cuda::vendor;

namespace {

constexpr int kInvalidValue = 7, kExecutionFailed = 13, kNotSupported = 15;
constexpr size_t kWorkspaceBytes = 1000;
constexpr uint64_t kAlgorithm = 0x5eed;

struct Layout {
  int type;
  int64_t rows, columns, ld, batch = 1, stride = 0;
};
struct Description {
  int compute_type;
  bool transpose_a = false, transpose_b = false, has_bias = false;
  const void* bias = nullptr;
};
struct Preference {
  std::map<int, uint64_t> values;
};

template <typename T>
T value_of(const void* value) {
  T result;
  std::memcpy(&result, value, sizeof result);
  return result;
}

stand_in::Type type_of(int type) {
  return type == cublas::kReal16F    ? stand_in::Type::F16
         : type == cublas::kReal16BF ? stand_in::Type::BF16
                                     : stand_in::Type::F32;
}

}  // namespace

extern "C" {

int cublasLtCreate(void** handle) {
  *handle = new int(0);
  return cublas::kSuccess;
}
int cublasLtDestroy(void* handle) {
  delete static_cast<int*>(handle);
  return cublas::kSuccess;
}
int cublasLtGetProperty(int type, int* value) {
  *value = type == cublas::kMajorVersion ? 12 : 0;
  return cublas::kSuccess;
}
const char* cublasLtGetStatusString(int status) {
  return status == kNotSupported ? "not supported" : "the stand-in failed";
}
int cublasLtMatmulDescCreate(void** desc, int compute_type, int scale_type) {
  if (scale_type != cublas::kReal32F) return kNotSupported;
  *desc = new Description{compute_type};
  return cublas::kSuccess;
}
int cublasLtMatmulDescDestroy(void* desc) {
  delete static_cast<Description*>(desc);
  return cublas::kSuccess;
}
int cublasLtMatmulDescSetAttribute(void* desc, int attribute, const void* value, size_t bytes) {
  auto& d = *static_cast<Description*>(desc);
  if (attribute == cublaslt::kDescBiasPointer) {
    if (bytes != sizeof(void*)) return kInvalidValue;
    d.bias = value_of<const void*>(value);
    return cublas::kSuccess;
  }
  if (bytes != sizeof(int32_t)) return kInvalidValue;
  const auto number = value_of<int32_t>(value);
  if (attribute == cublaslt::kDescTransA)
    d.transpose_a = number == cublas::kOpTranspose;
  else if (attribute == cublaslt::kDescTransB)
    d.transpose_b = number == cublas::kOpTranspose;
  else if (attribute == cublaslt::kDescEpilogue)
    d.has_bias = number == cublaslt::kEpilogueBias;
  else
    return kInvalidValue;
  return cublas::kSuccess;
}
int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns,
                               int64_t ld) {
  if (ld < (int64_t)rows) return kInvalidValue;
  *layout = new Layout{type, (int64_t)rows, (int64_t)columns, ld};
  return cublas::kSuccess;
}
int cublasLtMatrixLayoutDestroy(void* layout) {
  delete static_cast<Layout*>(layout);
  return cublas::kSuccess;
}
int cublasLtMatrixLayoutSetAttribute(void* layout, int attribute, const void* value, size_t bytes) {
  auto& l = *static_cast<Layout*>(layout);
  if (attribute == cublaslt::kLayoutBatchCount && bytes == sizeof(int32_t))
    l.batch = value_of<int32_t>(value);
  else if (attribute == cublaslt::kLayoutStridedBatchOffset && bytes == sizeof(int64_t))
    l.stride = value_of<int64_t>(value);
  else
    return kInvalidValue;
  return cublas::kSuccess;
}
int cublasLtMatmulPreferenceCreate(void** preference) {
  *preference = new Preference;
  return cublas::kSuccess;
}
int cublasLtMatmulPreferenceDestroy(void* preference) {
  delete static_cast<Preference*>(preference);
  return cublas::kSuccess;
}
int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value,
                                         size_t bytes) {
  const bool wide = attribute == cublaslt::kPrefMaxWorkspaceBytes;
  if (bytes != (wide ? sizeof(uint64_t) : sizeof(uint32_t))) return kInvalidValue;
  static_cast<Preference*>(preference)->values[attribute] =
      wide ? value_of<uint64_t>(value) : value_of<uint32_t>(value);
  return cublas::kSuccess;
}

int cublasLtMatmulAlgoGetHeuristic(void*, void* desc, void* a, void* b, void* c, void* d,
                                   void* preference, int requested, void* results, int* returned) {
  const auto& o = *static_cast<Description*>(desc);
  const auto &la = *static_cast<Layout*>(a), &lb = *static_cast<Layout*>(b),
             &lc = *static_cast<Layout*>(c);
  auto& values = static_cast<Preference*>(preference)->values;
  const int64_t m = o.transpose_a ? la.columns : la.rows, k = o.transpose_a ? la.rows : la.columns;
  const int64_t n = o.transpose_b ? lb.rows : lb.columns,
                k_of_b = o.transpose_b ? lb.columns : lb.rows;
  *returned = 0;
  if (c != d || k != k_of_b || lc.rows != m || lc.columns != n || requested < 1)
    return kInvalidValue;
  if (values[cublaslt::kPrefReductionSchemeMask] != cublaslt::kReductionComputeType ||
      values[cublaslt::kPrefMinAlignmentA] > 16)
    return kInvalidValue;
  if (values[cublaslt::kPrefMaxWorkspaceBytes] < kWorkspaceBytes || m == 7) return kNotSupported;
  auto& result = *static_cast<cublaslt::HeuristicResult*>(results);
  result = {};
  result.algorithm.data[0] = kAlgorithm;
  result.workspace_bytes = kWorkspaceBytes;
  result.state = cublas::kSuccess;
  *returned = 1;
  return cublas::kSuccess;
}

int cublasLtMatmul(void*, void* desc, const void* alpha, const void* a, void* a_layout,
                   const void* b, void* b_layout, const void* beta, const void* c, void* c_layout,
                   void* d, void* d_layout, const void* algorithm, void* workspace,
                   size_t workspace_bytes, void* stream) {
  const auto& o = *static_cast<Description*>(desc);
  const auto &la = *static_cast<Layout*>(a_layout), &lb = *static_cast<Layout*>(b_layout),
             &ld = *static_cast<Layout*>(d_layout);
  const bool sound = *static_cast<const float*>(alpha) == 1 &&
                     *static_cast<const float*>(beta) == 0 && c == d && c_layout == d_layout &&
                     static_cast<const cublaslt::Algorithm*>(algorithm)->data[0] == kAlgorithm &&
                     workspace && reinterpret_cast<uintptr_t>(workspace) % 256 == 0 &&
                     workspace_bytes >= kWorkspaceBytes && o.has_bias == (o.bias != nullptr);
  if (!sound) return kInvalidValue;
  const stand_in::Gemm gemm{o.transpose_a,
                            o.transpose_b,
                            ld.rows,
                            ld.columns,
                            o.transpose_a ? la.rows : la.columns,
                            la.ld,
                            lb.ld,
                            ld.ld,
                            la.stride,
                            lb.stride,
                            ld.stride,
                            ld.batch,
                            type_of(la.type),
                            type_of(ld.type),
                            a,
                            b,
                            o.bias,
                            d};
  return stand_in::enqueue(stream, [gemm] { gemm.run(); }) ? cublas::kSuccess : kExecutionFailed;
}

DN_CUBLASLT_FUNCTIONS(STAND_IN_CHECK)
}
