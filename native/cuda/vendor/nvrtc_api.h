// What the engine calls of NVRTC and of the CUDA driver: prototypes and constants of its own, as in
// cublas_api.h.
#pragma once

#include <cstddef>

namespace dn::cuda::vendor {

namespace nvrtc {
constexpr int kSuccess = 0, kCompilation = 6;
}
namespace driver {
constexpr int kSuccess = 0;
constexpr int kMaxDynamicSharedBytes = 8;  // attribute of functions
}  // namespace driver

#define DN_NVRTC_FUNCTIONS(X)                                                              \
  X(nvrtcGetErrorString, const char*(int result))                                          \
  X(nvrtcVersion, int(int* major, int* minor))                                             \
  X(nvrtcGetNumSupportedArchs, int(int* count))                                            \
  X(nvrtcGetSupportedArchs, int(int* architectures))                                       \
  X(nvrtcCreateProgram,                                                                    \
    int(void** program, const char* source, const char* name, int header_count,            \
        const char* const* headers, const char* const* include_names))                     \
  X(nvrtcDestroyProgram, int(void** program))                                              \
  X(nvrtcCompileProgram, int(void* program, int option_count, const char* const* options)) \
  X(nvrtcGetPTXSize, int(void* program, size_t* bytes))                                    \
  X(nvrtcGetPTX, int(void* program, char* ptx))                                            \
  X(nvrtcGetCUBINSize, int(void* program, size_t* bytes))                                  \
  X(nvrtcGetCUBIN, int(void* program, char* cubin))                                        \
  X(nvrtcGetProgramLogSize, int(void* program, size_t* bytes))                             \
  X(nvrtcGetProgramLog, int(void* program, char* log))

#define DN_DRIVER_FUNCTIONS(X)                                                             \
  X(cuGetErrorString, int(int result, const char** text))                                  \
  X(cuModuleLoadData, int(void** module, const void* image))                               \
  X(cuModuleUnload, int(void* module))                                                     \
  X(cuModuleGetFunction, int(void** function, void* module, const char* name))             \
  X(cuFuncSetAttribute, int(void* function, int attribute, int value))                     \
  X(cuLaunchKernel, int(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, \
                        unsigned block_x, unsigned block_y, unsigned block_z,              \
                        unsigned shared_bytes, void* stream, void** arguments, void** extra))

}  // namespace dn::cuda::vendor
