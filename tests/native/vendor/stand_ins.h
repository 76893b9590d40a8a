// Which of the stand-ins a test's devices find.
#pragma once

#include <cstdlib>
#include <initializer_list>
#include <string>

class CudaLibs {
 public:
  // Folders of stand-ins: "cublas", "cudnn". What the machine has is not looked for.
  explicit CudaLibs(std::initializer_list<const char*> folders) {
    std::string list;
    for (const char* folder : folders) list += std::string(DN_STAND_INS "/") + folder + ":";
    setenv("DEEPNATIVE_CUDA_LIBS", (list + "none").c_str(), 1);
  }
  ~CudaLibs() { unsetenv("DEEPNATIVE_CUDA_LIBS"); }
  CudaLibs(const CudaLibs&) = delete;
  CudaLibs& operator=(const CudaLibs&) = delete;
};
