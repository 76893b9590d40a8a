#include "cuda/vendor/cublas.h"

#include <climits>

namespace dn::cuda::vendor {

namespace {

using namespace cublas;

int cuda_type(DType dtype) {
  return dtype == DN_DTYPE_F16 ? kReal16F : dtype == DN_DTYPE_BF16 ? kReal16BF : kReal32F;
}

int compute_type(const Product& product) {
  const bool tf32 = product.tf32 == Tf32::Allowed && product.input_type == DN_DTYPE_F32;
  return tf32 ? kCompute32FFastTf32 : kCompute32F;
}

// Both libraries count by columns: a row-major c = a b is their c^T = b^T a^T.
struct ByColumns {
  explicit ByColumns(const Product& p)
      : op_first(p.transpose_b == Transpose::Yes ? kOpTranspose : kOpNone),
        op_second(p.transpose_a == Transpose::Yes ? kOpTranspose : kOpNone),
        ld_first(p.transpose_b == Transpose::Yes ? p.depth : p.columns),
        ld_second(p.transpose_a == Transpose::Yes ? p.rows : p.depth) {}
  int op_first, op_second;      // of b, of a
  int64_t ld_first, ld_second;  // distances of their columns
};

constexpr float kOne = 1, kZero = 0;

}  // namespace

std::string refuse_product(const Product& p) {
  if (p.rows == 0 || p.columns == 0 || p.depth == 0 || p.batch == 0) return "is empty";
  for (const int64_t size : {p.rows, p.columns, p.depth, p.batch})
    if (size > INT_MAX) return "a size is over 2^31";
  const bool halves = p.input_type == DN_DTYPE_F16 || p.input_type == DN_DTYPE_BF16;
  if (p.input_type != DN_DTYPE_F32 && !halves) return "computes in float32, float16 and bfloat16";
  if (p.output_type != p.input_type && !(halves && p.output_type == DN_DTYPE_F32))
    return "the output's type is neither that of the inputs nor float32";
  return {};
}

// ---- cuBLAS ----

Cublas::Cublas() : library_({"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"}) {
#define DN_RESOLVE(name, ...) library_.resolve(f_.name, #name);
  DN_CUBLAS_FUNCTIONS(DN_RESOLVE, DN_RESOLVE)
  check(f_.cublasGetProperty(kMajorVersion, &version_.major), "cublasGetProperty");
  check(f_.cublasGetProperty(kMinorVersion, &version_.minor), "cublasGetProperty");
  check(f_.cublasGetProperty(kPatchLevel, &version_.patch), "cublasGetProperty");
  check_version(library_, "cuBLAS", version_, 11, 13);
  check(f_.cublasCreate_v2(&handle_), "cublasCreate");
  // Sums of split products stay float32 too. Also the default mode: no TF32 unless asked.
  check(f_.cublasSetMathMode(handle_, kNoReducedPrecisionReduction), "cublasSetMathMode");
}

Cublas::~Cublas() {
  f_.cublasDestroy_v2(handle_);
}

void Cublas::check(int status, const char* call) const {
  if (status != kSuccess)
    fail(DN_VENDOR_ERROR, call, " failed: ", f_.cublasGetStatusString(status));
}

void Cublas::multiply(cudaStream_t stream, const Product& p, const void* a, const void* b, void* c,
                      void* workspace, int64_t workspace_bytes) {
  const ByColumns by(p);
  check(f_.cublasSetStream_v2(handle_, stream), "cublasSetStream");
  // After the stream: setting that one puts the library's own workspace back.
  check(f_.cublasSetWorkspace_v2(handle_, workspace, (size_t)workspace_bytes),
        "cublasSetWorkspace");
  const int input = cuda_type(p.input_type), output = cuda_type(p.output_type);
  check(f_.cublasGemmStridedBatchedEx(
            handle_, by.op_first, by.op_second, (int)p.columns, (int)p.rows, (int)p.depth, &kOne, b,
            input, (int)by.ld_first, p.b_stride, a, input, (int)by.ld_second, p.a_stride, &kZero, c,
            output, (int)p.columns, p.c_stride, (int)p.batch, compute_type(p), kGemmDefault),
        "cublasGemmStridedBatchedEx");
}

// ---- cuBLASLt ----

CublasLt::CublasLt() : library_({"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"}) {
  DN_CUBLASLT_FUNCTIONS(DN_RESOLVE)
  check(f_.cublasLtGetProperty(kMajorVersion, &version_.major), "cublasLtGetProperty");
  check(f_.cublasLtGetProperty(kMinorVersion, &version_.minor), "cublasLtGetProperty");
  check(f_.cublasLtGetProperty(kPatchLevel, &version_.patch), "cublasLtGetProperty");
  check_version(library_, "cuBLASLt", version_, 11, 13);
  check(f_.cublasLtCreate(&handle_), "cublasLtCreate");
#undef DN_RESOLVE
}

CublasLt::~CublasLt() {
  f_.cublasLtDestroy(handle_);
}

void CublasLt::check(int status, const char* call) const {
  if (status != kSuccess)
    fail(DN_VENDOR_ERROR, call, " failed: ", f_.cublasLtGetStatusString(status));
}

LtProduct::Object LtProduct::layout(int type, int64_t rows, int64_t columns, int64_t batch,
                                    int64_t stride) const {
  const auto& f = library_.f_;
  void* created = nullptr;
  library_.check(
      f.cublasLtMatrixLayoutCreate(&created, type, (uint64_t)rows, (uint64_t)columns, rows),
      "cublasLtMatrixLayoutCreate");
  Object object(created, f.cublasLtMatrixLayoutDestroy);
  if (batch > 1) {
    const auto count = (int32_t)batch;
    library_.check(f.cublasLtMatrixLayoutSetAttribute(created, cublaslt::kLayoutBatchCount, &count,
                                                      sizeof count),
                   "cublasLtMatrixLayoutSetAttribute");
    library_.check(f.cublasLtMatrixLayoutSetAttribute(created, cublaslt::kLayoutStridedBatchOffset,
                                                      &stride, sizeof stride),
                   "cublasLtMatrixLayoutSetAttribute");
  }
  return object;
}

LtProduct::LtProduct(const CublasLt& library, const Product& p, Bias bias,
                     int64_t max_workspace_bytes)
    : library_(library),
      description_(nullptr, library.f_.cublasLtMatmulDescDestroy),
      first_(nullptr, nullptr),
      second_(nullptr, nullptr),
      output_(nullptr, nullptr) {
  const auto& f = library.f_;
  const ByColumns by(p);
  void* created = nullptr;
  library.check(f.cublasLtMatmulDescCreate(&created, compute_type(p), kReal32F),
                "cublasLtMatmulDescCreate");
  description_.reset(created);
  const auto describe = [&](int attribute, int32_t value) {
    library.check(
        f.cublasLtMatmulDescSetAttribute(description_.get(), attribute, &value, sizeof value),
        "cublasLtMatmulDescSetAttribute");
  };
  describe(cublaslt::kDescTransA, by.op_first);
  describe(cublaslt::kDescTransB, by.op_second);
  describe(cublaslt::kDescEpilogue,
           bias == Bias::None ? cublaslt::kEpilogueDefault : cublaslt::kEpilogueBias);
  const int input = cuda_type(p.input_type);
  first_ = layout(input, by.ld_first, p.columns * p.depth / by.ld_first, p.batch, p.b_stride);
  second_ = layout(input, by.ld_second, p.rows * p.depth / by.ld_second, p.batch, p.a_stride);
  output_ = layout(cuda_type(p.output_type), p.columns, p.rows, p.batch, p.c_stride);

  void* preference = nullptr;
  library.check(f.cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const Object preference_owner(preference, f.cublasLtMatmulPreferenceDestroy);
  const auto prefer = [&](int attribute, auto value) {
    library.check(
        f.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
        "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(cublaslt::kPrefMaxWorkspaceBytes, (uint64_t)max_workspace_bytes);
  // The parts of a split sum are added in float32, not in the output's type.
  prefer(cublaslt::kPrefReductionSchemeMask, (uint32_t)cublaslt::kReductionComputeType);
  constexpr uint32_t kTensorAlignment = 16;
  for (const int attribute : {cublaslt::kPrefMinAlignmentA, cublaslt::kPrefMinAlignmentB,
                              cublaslt::kPrefMinAlignmentC, cublaslt::kPrefMinAlignmentD})
    prefer(attribute, kTensorAlignment);
  int found = 0;
  const int status = f.cublasLtMatmulAlgoGetHeuristic(
      library.handle_, description_.get(), first_.get(), second_.get(), output_.get(),
      output_.get(), preference, 1, &result_, &found);
  if (status != kSuccess || found < 1 || result_.state != kSuccess)
    fail(DN_UNSUPPORTED, "cuBLASLt has no algorithm for it: ",
         f.cublasLtGetStatusString(status != kSuccess ? status : result_.state));
}

void LtProduct::run(cudaStream_t stream, const void* a, const void* b, const void* bias, void* c,
                    void* workspace) const {
  const auto& f = library_.f_;
  if (bias)
    library_.check(f.cublasLtMatmulDescSetAttribute(description_.get(), cublaslt::kDescBiasPointer,
                                                    &bias, sizeof bias),
                   "cublasLtMatmulDescSetAttribute");
  library_.check(f.cublasLtMatmul(library_.handle_, description_.get(), &kOne, b, first_.get(), a,
                                  second_.get(), &kZero, c, output_.get(), c, output_.get(),
                                  &result_.algorithm, workspace, result_.workspace_bytes, stream),
                 "cublasLtMatmul");
}

}  // namespace dn::cuda::vendor
