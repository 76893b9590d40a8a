// What the engine calls of cuDNN 8 and 9: prototypes and constants of its own, as in cublas_api.h.
#pragma once

#include <cstddef>

namespace dn::cuda::vendor {

namespace cudnn {
constexpr int kSuccess = 0;
constexpr int kFloat = 0, kHalf = 2, kBFloat16 = 9;
constexpr int kNhwc = 1;
constexpr int kCrossCorrelation = 1;
constexpr int kDefaultMath = 0, kTensorOpMath = 1, kTensorOpMathAllowConversion = 2, kFmaMath = 3;
constexpr int kDeterministic = 1;
constexpr int kMajorVersion = 0, kMinorVersion = 1, kPatchLevel = 2;

// The same for the three directions.
struct AlgorithmResult {
  int algorithm;
  int status;
  float milliseconds;
  size_t workspace_bytes;
  int determinism;
  int math_type;
  int reserved[3];
};
}  // namespace cudnn

#define DN_CUDNN_FUNCTIONS(X)                                                                      \
  X(cudnnCreate, int(void** handle))                                                               \
  X(cudnnDestroy, int(void* handle))                                                               \
  X(cudnnGetProperty, int(int type, int* value))                                                   \
  X(cudnnGetErrorString, const char*(int status))                                                  \
  X(cudnnSetStream, int(void* handle, void* stream))                                               \
  X(cudnnCreateTensorDescriptor, int(void** desc))                                                 \
  X(cudnnDestroyTensorDescriptor, int(void* desc))                                                 \
  X(cudnnSetTensorNdDescriptor,                                                                    \
    int(void* desc, int type, int rank, const int* dims, const int* strides))                      \
  X(cudnnCreateFilterDescriptor, int(void** desc))                                                 \
  X(cudnnDestroyFilterDescriptor, int(void* desc))                                                 \
  X(cudnnSetFilterNdDescriptor, int(void* desc, int type, int format, int rank, const int* dims))  \
  X(cudnnCreateConvolutionDescriptor, int(void** desc))                                            \
  X(cudnnDestroyConvolutionDescriptor, int(void* desc))                                            \
  X(cudnnSetConvolutionNdDescriptor,                                                               \
    int(void* desc, int rank, const int* padding, const int* stride, const int* dilation,          \
        int mode, int compute_type))                                                               \
  X(cudnnSetConvolutionGroupCount, int(void* desc, int groups))                                    \
  X(cudnnSetConvolutionMathType, int(void* desc, int math_type))                                   \
  X(cudnnGetConvolutionForwardAlgorithm_v7,                                                        \
    int(void* handle, void* x, void* w, void* convolution, void* y, int requested, int* returned,  \
        void* results))                                                                            \
  X(cudnnGetConvolutionBackwardDataAlgorithm_v7,                                                   \
    int(void* handle, void* w, void* dy, void* convolution, void* dx, int requested,               \
        int* returned, void* results))                                                             \
  X(cudnnGetConvolutionBackwardFilterAlgorithm_v7,                                                 \
    int(void* handle, void* x, void* dy, void* convolution, void* dw, int requested,               \
        int* returned, void* results))                                                             \
  X(cudnnConvolutionForward,                                                                       \
    int(void* handle, const void* alpha, void* x_desc, const void* x, void* w_desc, const void* w, \
        void* convolution, int algorithm, void* workspace, size_t workspace_bytes,                 \
        const void* beta, void* y_desc, void* y))                                                  \
  X(cudnnConvolutionBackwardData,                                                                  \
    int(void* handle, const void* alpha, void* w_desc, const void* w, void* dy_desc,               \
        const void* dy, void* convolution, int algorithm, void* workspace, size_t workspace_bytes, \
        const void* beta, void* dx_desc, void* dx))                                                \
  X(cudnnConvolutionBackwardFilter,                                                                \
    int(void* handle, const void* alpha, void* x_desc, const void* x, void* dy_desc,               \
        const void* dy, void* convolution, int algorithm, void* workspace, size_t workspace_bytes, \
        const void* beta, void* dw_desc, void* dw))                                                \
  X(cudnnConvolutionBackwardBias, int(void* handle, const void* alpha, void* dy_desc,              \
                                      const void* dy, const void* beta, void* db_desc, void* db))  \
  X(cudnnAddTensor, int(void* handle, const void* alpha, void* a_desc, const void* a,              \
                        const void* beta, void* c_desc, void* c))

}  // namespace dn::cuda::vendor
