// A stand-in for libcudnn. Its heuristics put an algorithm first that is not deterministic, and one
// second that takes too much memory.
#include <array>

#include "cuda/vendor/cudnn_api.h"
#include "stand_in.h"

#ifndef STAND_IN_MAJOR
#define STAND_IN_MAJOR 9
#endif

using namespace dn::cuda::vendor::cudnn;

namespace {

constexpr int kBadParam = 2000, kNotSupported = 3000, kExecutionFailed = 5000;
constexpr int kByChance = 0, kGreedy = 1, kSound = 2;
constexpr size_t kWorkspaceBytes = 700;

// A tensor, or a filter as a tensor; with strides for the logical axes.
struct Tensor {
  int type = 0, rank = 0;
  std::array<int64_t, 5> dims{}, strides{};
  int64_t numel() const {
    int64_t count = 1;
    for (int i = 0; i < rank; ++i) count *= dims[i];
    return count;
  }
};
struct Convolution {
  int rank = 0, groups = 1, math_type = 0;
  std::array<int, 3> padding{}, stride{}, dilation{};
};
struct Handle {
  void* stream = nullptr;
};

int last_math_type = -1;

stand_in::Type type_of(const Tensor& t) {
  return t.type == kHalf       ? stand_in::Type::F16
         : t.type == kBFloat16 ? stand_in::Type::BF16
                               : stand_in::Type::F32;
}

// Calls body(x index, w index, y index) for each product of the convolution.
template <typename Body>
void for_each_product(const Tensor& x, const Tensor& w, const Tensor& y, const Convolution& c,
                      const Body& body) {
  // Two spatial axes are three, the first of extent 1.
  const auto spatial = [&](const Tensor& t, int axis) {
    return c.rank == 3 ? t.dims[2 + axis] : axis == 0 ? int64_t{1} : t.dims[1 + axis];
  };
  const auto stride_of = [&](const Tensor& t, int axis) {
    return c.rank == 3 ? t.strides[2 + axis] : axis == 0 ? int64_t{0} : t.strides[1 + axis];
  };
  const auto setting = [&](const std::array<int, 3>& values, int axis, int missing) {
    return c.rank == 3 ? values[axis] : axis == 0 ? missing : values[axis - 1];
  };
  const int64_t k_per_group = w.dims[0] / c.groups;
  int64_t out[3], tap[3];
  for (int64_t n = 0; n < y.dims[0]; ++n)
    for (int64_t k = 0; k < y.dims[1]; ++k)
      for (out[0] = 0; out[0] < spatial(y, 0); ++out[0])
        for (out[1] = 0; out[1] < spatial(y, 1); ++out[1])
          for (out[2] = 0; out[2] < spatial(y, 2); ++out[2])
            for (int64_t ci = 0; ci < w.dims[1]; ++ci)
              for (tap[0] = 0; tap[0] < spatial(w, 0); ++tap[0])
                for (tap[1] = 0; tap[1] < spatial(w, 1); ++tap[1])
                  for (tap[2] = 0; tap[2] < spatial(w, 2); ++tap[2]) {
                    int64_t xi =
                        n * x.strides[0] + (k / k_per_group * w.dims[1] + ci) * x.strides[1];
                    int64_t wi = k * w.strides[0] + ci * w.strides[1];
                    int64_t yi = n * y.strides[0] + k * y.strides[1];
                    bool inside = true;
                    for (int axis = 0; axis < 3; ++axis) {
                      const int64_t in = out[axis] * setting(c.stride, axis, 1) -
                                         setting(c.padding, axis, 0) +
                                         tap[axis] * setting(c.dilation, axis, 1);
                      inside = inside && in >= 0 && in < spatial(x, axis);
                      xi += in * stride_of(x, axis);
                      wi += tap[axis] * stride_of(w, axis);
                      yi += out[axis] * stride_of(y, axis);
                    }
                    if (inside) body(xi, wi, yi);
                  }
}

int list_algorithms(const Convolution& c, int requested, int* returned, void* results) {
  if (requested < 3) return kBadParam;
  auto* list = static_cast<AlgorithmResult*>(results);
  for (int i = 0; i < 3; ++i) {
    list[i] = {};
    list[i].algorithm = i;
    list[i].determinism = i == kByChance ? 0 : kDeterministic;
    list[i].workspace_bytes = i == kGreedy ? size_t{1} << 40 : kWorkspaceBytes;
    list[i].math_type = c.math_type;
  }
  *returned = 3;
  return kSuccess;
}

bool sound(const void* alpha, const void* beta, int algorithm, void* workspace, size_t bytes) {
  return *static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0 &&
         algorithm == kSound && workspace && reinterpret_cast<uintptr_t>(workspace) % 256 == 0 &&
         bytes >= kWorkspaceBytes;
}

// result (of `target`) = for each product: first value * second value, summed in float32.
template <typename Indices>
int queue(void* handle, const Tensor& x, const Tensor& w, const Tensor& y, const Convolution& c,
          const Tensor& first_desc, const void* first, const Tensor& second_desc,
          const void* second, const Tensor& target_desc, void* target, const Indices& indices) {
  last_math_type = c.math_type;
  const auto work = [=] {
    std::vector<float> sums((size_t)target_desc.numel());
    for_each_product(x, w, y, c, [&](int64_t xi, int64_t wi, int64_t yi) {
      const auto [i, j, t] = indices(xi, wi, yi);
      sums[(size_t)t] += stand_in::load(first, type_of(first_desc), i) *
                         stand_in::load(second, type_of(second_desc), j);
    });
    for (size_t i = 0; i < sums.size(); ++i)
      stand_in::store(target, type_of(target_desc), (int64_t)i, sums[i]);
  };
  return stand_in::enqueue(static_cast<Handle*>(handle)->stream, work) ? kSuccess
                                                                       : kExecutionFailed;
}

const Tensor& tensor(void* desc) {
  return *static_cast<Tensor*>(desc);
}
const Convolution& convolution(void* desc) {
  return *static_cast<Convolution*>(desc);
}

struct Indices {
  int64_t first, second, target;
};

}  // namespace

extern "C" {

int cudnnCreate(void** handle) {
  *handle = new Handle;
  return kSuccess;
}
int cudnnDestroy(void* handle) {
  delete static_cast<Handle*>(handle);
  return kSuccess;
}
int cudnnGetProperty(int type, int* value) {
  *value = type == kMajorVersion ? STAND_IN_MAJOR : type == kMinorVersion ? 1 : 0;
  return kSuccess;
}
const char* cudnnGetErrorString(int status) {
  return status == kBadParam ? "CUDNN_STATUS_BAD_PARAM" : "the stand-in failed";
}
int cudnnSetStream(void* handle, void* stream) {
  static_cast<Handle*>(handle)->stream = stream;
  return kSuccess;
}
int cudnnCreateTensorDescriptor(void** desc) {
  *desc = new Tensor;
  return kSuccess;
}
int cudnnDestroyTensorDescriptor(void* desc) {
  delete static_cast<Tensor*>(desc);
  return kSuccess;
}
int cudnnSetTensorNdDescriptor(void* desc, int type, int rank, const int* dims,
                               const int* strides) {
  if (rank < 4 || rank > 5) return kNotSupported;
  auto& t = *static_cast<Tensor*>(desc);
  t.type = type;
  t.rank = rank;
  for (int i = 0; i < rank; ++i) t.dims[i] = dims[i], t.strides[i] = strides[i];
  return kSuccess;
}
int cudnnCreateFilterDescriptor(void** desc) {
  return cudnnCreateTensorDescriptor(desc);
}
int cudnnDestroyFilterDescriptor(void* desc) {
  return cudnnDestroyTensorDescriptor(desc);
}
int cudnnSetFilterNdDescriptor(void* desc, int type, int format, int rank, const int* dims) {
  if (rank < 4 || rank > 5 || format != kNhwc) return kNotSupported;
  auto& t = *static_cast<Tensor*>(desc);
  t.type = type;
  t.rank = rank;
  int64_t stride = dims[1];
  t.strides[1] = 1;
  for (int i = rank - 1; i >= 2; --i) t.strides[i] = stride, stride *= dims[i];
  t.strides[0] = stride;
  for (int i = 0; i < rank; ++i) t.dims[i] = dims[i];
  return kSuccess;
}
int cudnnCreateConvolutionDescriptor(void** desc) {
  *desc = new Convolution;
  return kSuccess;
}
int cudnnDestroyConvolutionDescriptor(void* desc) {
  delete static_cast<Convolution*>(desc);
  return kSuccess;
}
int cudnnSetConvolutionNdDescriptor(void* desc, int rank, const int* padding, const int* stride,
                                    const int* dilation, int mode, int compute_type) {
  if (mode != kCrossCorrelation || compute_type != kFloat || rank < 2 || rank > 3) return kBadParam;
  auto& c = *static_cast<Convolution*>(desc);
  c.rank = rank;
  for (int i = 0; i < rank; ++i)
    c.padding[i] = padding[i], c.stride[i] = stride[i], c.dilation[i] = dilation[i];
  return kSuccess;
}
int cudnnSetConvolutionGroupCount(void* desc, int groups) {
  static_cast<Convolution*>(desc)->groups = groups;
  return kSuccess;
}
int cudnnSetConvolutionMathType(void* desc, int math_type) {
  static_cast<Convolution*>(desc)->math_type = math_type;
  return kSuccess;
}
int cudnnGetConvolutionForwardAlgorithm_v7(void*, void*, void*, void* c, void*, int requested,
                                           int* returned, void* results) {
  return list_algorithms(convolution(c), requested, returned, results);
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(void*, void*, void*, void* c, void*, int requested,
                                                int* returned, void* results) {
  return list_algorithms(convolution(c), requested, returned, results);
}
int cudnnGetConvolutionBackwardFilterAlgorithm_v7(void*, void*, void*, void* c, void*,
                                                  int requested, int* returned, void* results) {
  return list_algorithms(convolution(c), requested, returned, results);
}

int cudnnConvolutionForward(void* handle, const void* alpha, void* x_desc, const void* x,
                            void* w_desc, const void* w, void* c, int algorithm, void* workspace,
                            size_t bytes, const void* beta, void* y_desc, void* y) {
  if (!sound(alpha, beta, algorithm, workspace, bytes)) return kBadParam;
  return queue(handle, tensor(x_desc), tensor(w_desc), tensor(y_desc), convolution(c),
               tensor(x_desc), x, tensor(w_desc), w, tensor(y_desc), y,
               [](int64_t xi, int64_t wi, int64_t yi) {
                 return Indices{xi, wi, yi};
               });
}
int cudnnConvolutionBackwardData(void* handle, const void* alpha, void* w_desc, const void* w,
                                 void* dy_desc, const void* dy, void* c, int algorithm,
                                 void* workspace, size_t bytes, const void* beta, void* dx_desc,
                                 void* dx) {
  if (!sound(alpha, beta, algorithm, workspace, bytes)) return kBadParam;
  return queue(handle, tensor(dx_desc), tensor(w_desc), tensor(dy_desc), convolution(c),
               tensor(w_desc), w, tensor(dy_desc), dy, tensor(dx_desc), dx,
               [](int64_t xi, int64_t wi, int64_t yi) {
                 return Indices{wi, yi, xi};
               });
}
int cudnnConvolutionBackwardFilter(void* handle, const void* alpha, void* x_desc, const void* x,
                                   void* dy_desc, const void* dy, void* c, int algorithm,
                                   void* workspace, size_t bytes, const void* beta, void* dw_desc,
                                   void* dw) {
  if (!sound(alpha, beta, algorithm, workspace, bytes)) return kBadParam;
  return queue(handle, tensor(x_desc), tensor(dw_desc), tensor(dy_desc), convolution(c),
               tensor(x_desc), x, tensor(dy_desc), dy, tensor(dw_desc), dw,
               [](int64_t xi, int64_t wi, int64_t yi) {
                 return Indices{xi, yi, wi};
               });
}
int cudnnConvolutionBackwardBias(void* handle, const void* alpha, void* dy_desc, const void* dy,
                                 const void* beta, void* db_desc, void* db) {
  const Tensor y = tensor(dy_desc), bias = tensor(db_desc);
  if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0 ||
      bias.numel() != y.dims[1])
    return kBadParam;
  const auto work = [=] {
    // Channels are innermost.
    std::vector<float> sums((size_t)y.dims[1]);
    for (int64_t i = 0; i < y.numel(); ++i)
      sums[(size_t)(i % y.dims[1])] += stand_in::load(dy, type_of(y), i);
    for (size_t k = 0; k < sums.size(); ++k)
      stand_in::store(db, type_of(bias), (int64_t)k, sums[k]);
  };
  return stand_in::enqueue(static_cast<Handle*>(handle)->stream, work) ? kSuccess
                                                                       : kExecutionFailed;
}
int cudnnAddTensor(void* handle, const void* alpha, void* a_desc, const void* a, const void* beta,
                   void* c_desc, void* c) {
  const Tensor bias = tensor(a_desc), y = tensor(c_desc);
  if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 1 ||
      bias.numel() != y.dims[1])
    return kBadParam;
  const auto work = [=] {
    for (int64_t i = 0; i < y.numel(); ++i)
      stand_in::store(
          c, type_of(y), i,
          stand_in::load(c, type_of(y), i) + stand_in::load(a, type_of(bias), i % y.dims[1]));
  };
  return stand_in::enqueue(static_cast<Handle*>(handle)->stream, work) ? kSuccess
                                                                       : kExecutionFailed;
}

int stand_in_last_math_type() {
  return last_math_type;
}

DN_CUDNN_FUNCTIONS(STAND_IN_CHECK)
}
