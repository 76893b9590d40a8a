#include "cuda/vendor/cudnn.h"

#include <algorithm>
#include <climits>

namespace dn::cuda::vendor {

namespace {

using namespace cudnn;

int cudnn_type(DType dtype) {
  return dtype == DN_DTYPE_F16 ? kHalf : dtype == DN_DTYPE_BF16 ? kBFloat16 : kFloat;
}

// cuDNN knows two and three spatial axes; one is two, the first of extent 1.
struct Dims {
  explicit Dims(const Shape& shape) {
    of[rank++] = (int)shape[0];
    of[rank++] = (int)shape[1];
    if (shape.rank() == 3) of[rank++] = 1;
    for (int axis = 2; axis < shape.rank(); ++axis) of[rank++] = (int)shape[axis];
  }
  int of[5] = {}, rank = 0;
};

struct SpatialValues {
  SpatialValues(const int64_t* values, int count, int missing) {
    if (count == 1) of[rank++] = missing;
    for (int i = 0; i < count; ++i) of[rank++] = (int)values[i];
  }
  int of[3] = {}, rank = 0;
};

constexpr float kOne = 1, kZero = 0;

}  // namespace

std::string refuse_convolution(const ConvolutionProblem& p) {
  if (p.type != DN_DTYPE_F32 && p.type != DN_DTYPE_F16 && p.type != DN_DTYPE_BF16)
    return "computes in float32, float16 and bfloat16";
  for (const Shape* shape : {&p.input, &p.weight, &p.output}) {
    if (shape->numel() == 0) return "is empty";
    if (shape->numel() > INT_MAX) return "a tensor has over 2^31 elements";
  }
  for (int i = 0; i < p.attributes.spatial_rank; ++i)
    if (p.attributes.padding_begin[i] != p.attributes.padding_end[i])
      return "is padded differently at its ends";
  return {};
}

Cudnn::Cudnn() : library_({"libcudnn.so.9", "libcudnn.so.8"}) {
#define DN_RESOLVE(name, ...) library_.resolve(f_.name, #name);
  DN_CUDNN_FUNCTIONS(DN_RESOLVE)
#undef DN_RESOLVE
  check(f_.cudnnGetProperty(kMajorVersion, &version_.major), "cudnnGetProperty");
  check(f_.cudnnGetProperty(kMinorVersion, &version_.minor), "cudnnGetProperty");
  check(f_.cudnnGetProperty(kPatchLevel, &version_.patch), "cudnnGetProperty");
  check_version(library_, "cuDNN", version_, 8, 9);
  check(f_.cudnnCreate(&handle_), "cudnnCreate");
}

Cudnn::~Cudnn() {
  f_.cudnnDestroy(handle_);
}

void Cudnn::check(int status, const char* call) const {
  if (status != kSuccess) fail(DN_VENDOR_ERROR, call, " failed: ", f_.cudnnGetErrorString(status));
}

CudnnConvolution::Object CudnnConvolution::create(Create create, int (*destroy)(void*)) const {
  void* created = nullptr;
  library_.check(create(&created), "creating a descriptor");
  return {created, destroy};
}

// Channels innermost.
CudnnConvolution::Object CudnnConvolution::tensor(const Shape& shape, int type) const {
  const auto& f = library_.f_;
  Object object = create(f.cudnnCreateTensorDescriptor, f.cudnnDestroyTensorDescriptor);
  const Dims dims(shape);
  int strides[5] = {}, stride = dims.of[1];
  strides[1] = 1;
  for (int axis = dims.rank - 1; axis >= 2; --axis) {
    strides[axis] = stride;
    stride *= dims.of[axis];
  }
  strides[0] = stride;
  library_.check(f.cudnnSetTensorNdDescriptor(object.get(), type, dims.rank, dims.of, strides),
                 "cudnnSetTensorNdDescriptor");
  return object;
}

CudnnConvolution::CudnnConvolution(const Cudnn& library, const ConvolutionProblem& p,
                                   int64_t max_workspace_bytes)
    : library_(library),
      direction_(p.attributes.direction),
      input_(tensor(p.input, cudnn_type(p.type))),
      weight_(
          create(library.f_.cudnnCreateFilterDescriptor, library.f_.cudnnDestroyFilterDescriptor)),
      output_(tensor(p.output, cudnn_type(p.type))),
      bias_(nullptr, nullptr),
      convolution_(create(library.f_.cudnnCreateConvolutionDescriptor,
                          library.f_.cudnnDestroyConvolutionDescriptor)) {
  const auto& f = library.f_;
  const int type = cudnn_type(p.type);
  int64_t bias_dims[DN_MAX_RANK];
  std::fill_n(bias_dims, DN_MAX_RANK, 1);
  bias_dims[1] = p.output[1];
  bias_ = tensor(Shape(p.output.rank(), bias_dims), type);
  const Dims weight(p.weight);
  library.check(f.cudnnSetFilterNdDescriptor(weight_.get(), type, kNhwc, weight.rank, weight.of),
                "cudnnSetFilterNdDescriptor");
  const auto& attributes = p.attributes;
  const SpatialValues padding(attributes.padding_begin, attributes.spatial_rank, 0),
      stride(attributes.stride, attributes.spatial_rank, 1),
      dilation(attributes.dilation, attributes.spatial_rank, 1);
  library.check(
      f.cudnnSetConvolutionNdDescriptor(convolution_.get(), padding.rank, padding.of, stride.of,
                                        dilation.of, kCrossCorrelation, kFloat),
      "cudnnSetConvolutionNdDescriptor");
  library.check(f.cudnnSetConvolutionGroupCount(convolution_.get(), attributes.groups),
                "cudnnSetConvolutionGroupCount");
  const bool full = p.type == DN_DTYPE_F32 && p.tf32 == Tf32::Refused;
  const auto set_math = [&](int math_type) {
    library.check(f.cudnnSetConvolutionMathType(convolution_.get(), math_type),
                  "cudnnSetConvolutionMathType");
  };
  // The default lets float32 be cut to TF32.
  set_math(full ? kFmaMath : p.type == DN_DTYPE_F32 ? kDefaultMath : kTensorOpMath);

  constexpr int kMost = 32;
  AlgorithmResult results[kMost];
  int count = 0;
  switch (direction_) {
    case DN_FORWARD:
      library.check(f.cudnnGetConvolutionForwardAlgorithm_v7(library.handle_, input_.get(),
                                                             weight_.get(), convolution_.get(),
                                                             output_.get(), kMost, &count, results),
                    "cudnnGetConvolutionForwardAlgorithm_v7");
      break;
    case DN_BACKWARD_DATA:
      library.check(f.cudnnGetConvolutionBackwardDataAlgorithm_v7(
                        library.handle_, weight_.get(), output_.get(), convolution_.get(),
                        input_.get(), kMost, &count, results),
                    "cudnnGetConvolutionBackwardDataAlgorithm_v7");
      break;
    default:
      library.check(f.cudnnGetConvolutionBackwardFilterAlgorithm_v7(
                        library.handle_, input_.get(), output_.get(), convolution_.get(),
                        weight_.get(), kMost, &count, results),
                    "cudnnGetConvolutionBackwardFilterAlgorithm_v7");
  }
  // Fastest first. Some add with atomics: their bits change from run to run.
  const auto usable = [&](const AlgorithmResult& result) {
    const bool tensor_cores =
        result.math_type == kTensorOpMath || result.math_type == kTensorOpMathAllowConversion;
    return result.status == kSuccess && result.determinism == kDeterministic &&
           (int64_t)result.workspace_bytes <= max_workspace_bytes && !(full && tensor_cores);
  };
  const AlgorithmResult* found = std::find_if(results, results + count, usable);
  if (found == results + count)
    fail(DN_UNSUPPORTED, "cuDNN has no deterministic algorithm for it that needs at most ",
         max_workspace_bytes >> 20, " MiB");
  chosen_ = *found;
  if (!full) set_math(chosen_.math_type);
}

void CudnnConvolution::set_stream(cudaStream_t stream) const {
  library_.check(library_.f_.cudnnSetStream(library_.handle_, stream), "cudnnSetStream");
}

void CudnnConvolution::run(cudaStream_t stream, const void* first, const void* second, void* result,
                           void* workspace) const {
  const auto& f = library_.f_;
  void* handle = library_.handle_;
  set_stream(stream);
  switch (direction_) {
    case DN_FORWARD:
      return library_.check(
          f.cudnnConvolutionForward(handle, &kOne, input_.get(), first, weight_.get(), second,
                                    convolution_.get(), chosen_.algorithm, workspace,
                                    chosen_.workspace_bytes, &kZero, output_.get(), result),
          "cudnnConvolutionForward");
    case DN_BACKWARD_DATA:
      return library_.check(
          f.cudnnConvolutionBackwardData(handle, &kOne, weight_.get(), second, output_.get(), first,
                                         convolution_.get(), chosen_.algorithm, workspace,
                                         chosen_.workspace_bytes, &kZero, input_.get(), result),
          "cudnnConvolutionBackwardData");
    default:
      return library_.check(
          f.cudnnConvolutionBackwardFilter(handle, &kOne, input_.get(), first, output_.get(),
                                           second, convolution_.get(), chosen_.algorithm, workspace,
                                           chosen_.workspace_bytes, &kZero, weight_.get(), result),
          "cudnnConvolutionBackwardFilter");
  }
}

void CudnnConvolution::add_bias(cudaStream_t stream, const void* bias, void* output) const {
  set_stream(stream);
  library_.check(library_.f_.cudnnAddTensor(library_.handle_, &kOne, bias_.get(), bias, &kOne,
                                            output_.get(), output),
                 "cudnnAddTensor");
}

void CudnnConvolution::sum_bias(cudaStream_t stream, const void* grad_output,
                                void* grad_bias) const {
  set_stream(stream);
  library_.check(
      library_.f_.cudnnConvolutionBackwardBias(library_.handle_, &kOne, output_.get(), grad_output,
                                               &kZero, bias_.get(), grad_bias),
      "cudnnConvolutionBackwardBias");
}

}  // namespace dn::cuda::vendor
