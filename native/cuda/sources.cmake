# The sources of the CUDA device, once for the GPU and once for its simulation. Operator files are
# direct sources of the device's library: a static archive would drop their self-registration.
set(DN_CUDA_HOST_SOURCES
  batch_norm.cpp
  check.cpp
  convolution.cpp
  convolution_view.cpp
  device.cpp
  epilogue.cpp
  expression.cpp
  expression_match.cpp
  expression_source.cpp
  fault.cpp
  gather.cpp
  image_decode.cpp
  layout.cpp
  matmul.cpp
  pooling.cpp
  optimizer.cpp
  pointwise.cpp
  random.cpp
  recurrent.cpp
  reduce.cpp
  runner.cpp
  small_convolution.cpp
  softmax.cpp
  transfer.cpp
  vendor/convolution_candidates.cpp
  vendor/cublas.cpp
  vendor/cudnn.cpp
  vendor/dynamic_library.cpp
  vendor/epilogue_pass.cpp
  vendor/matmul_candidates.cpp
  vendor/nvrtc.cpp)
# The launchers' own C++: what tests of kernels link beside the kernels.
set(DN_CUDA_LAUNCHER_SOURCES
  kernels/convolution.cpp
  kernels/launch.cpp)
# Compiled by nvcc, or as C++ for the simulator.
set(DN_CUDA_KERNEL_SOURCES
  kernels/batch_norm.cu
  kernels/batch_norm_backward.cu
  kernels/batch_norm_planes.cu
  kernels/column_sum.cu
  kernels/depthwise_convolution.cu
  kernels/direct_convolution.cu
  kernels/gather.cu
  kernels/gemm.cu
  kernels/gemm_bf16.cu
  kernels/gemm_expression.cu
  kernels/gemm_f16.cu
  kernels/gemm_f32.cu
  kernels/gemm_tf32.cu
  kernels/image_decode.cu
  kernels/layout_change.cu
  kernels/optimizer.cu
  kernels/pointwise.cu
  kernels/pointwise_function.cu
  kernels/pooling.cu
  kernels/random.cu
  kernels/recurrent.cu
  kernels/reduce.cu
  kernels/softmax.cu
  kernels/softmax_cross_entropy.cu)
foreach(list DN_CUDA_HOST_SOURCES DN_CUDA_LAUNCHER_SOURCES DN_CUDA_KERNEL_SOURCES)
  list(TRANSFORM ${list} PREPEND ${CMAKE_SOURCE_DIR}/native/cuda/)
endforeach()
