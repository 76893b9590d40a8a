// A stand-in for libcuda.so.1: loads what the stand-in for NVRTC made and launches it on the
// simulator.
#include <dlfcn.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "cuda/vendor/nvrtc_api.h"
#include "stand_in.h"

namespace {

constexpr int kSuccess = 0, kInvalidValue = 1, kInvalidImage = 200, kNotFound = 500;

struct Module {
  void* library;
  std::string folder;
};
struct Function {
  std::string name;
  const void* address;
  std::function<void()>* (*bind)(void** arguments);
};

}  // namespace

extern "C" {

int cuGetErrorString(int result, const char** text) {
  *text = result == kNotFound ? "named symbol not found" : "the stand-in failed";
  return kSuccess;
}
int cuModuleLoadData(void** module, const void* image) {
  const std::string text = static_cast<const char*>(image);
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return kInvalidImage;
  const std::string path = text.substr(colon + 1);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return kInvalidImage;
  *module = new Module{library, std::filesystem::path(path).parent_path()};
  return kSuccess;
}
int cuModuleUnload(void* module) {
  auto* m = static_cast<Module*>(module);
  // The code stays loaded: a queued launch may still hold a function of it.
  std::filesystem::remove_all(m->folder);
  delete m;
  return kSuccess;
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
  void* library = static_cast<Module*>(module)->library;
  const auto address = reinterpret_cast<void* (*)()>(
      dlsym(library, (std::string("stand_in_address_") + name).c_str()));
  const auto bind = reinterpret_cast<decltype(Function::bind)>(
      dlsym(library, (std::string("stand_in_bind_") + name).c_str()));
  if (!address || !bind) return kNotFound;
  // Kept until the process ends, as a module's functions live with it.
  static std::vector<std::unique_ptr<Function>> kept;
  kept.push_back(std::make_unique<Function>(Function{name, address(), bind}));
  *function = kept.back().get();
  return kSuccess;
}
int cuFuncSetAttribute(void* function, int attribute, int value) {
  if (attribute != dn::cuda::vendor::driver::kMaxDynamicSharedBytes) return kInvalidValue;
  return cudaFuncSetAttribute(static_cast<Function*>(function)->address,
                              cudaFuncAttributeMaxDynamicSharedMemorySize, value);
}
int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   void* stream, void** arguments, void**) {
  const auto& f = *static_cast<Function*>(function);
  const std::unique_ptr<std::function<void()>> bound(f.bind(arguments));
  simt::name_next_launch(f.name.c_str());
  simt::Launch launch{
      f.address, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, *bound, {}};
  return simt::submit(std::move(launch), static_cast<cudaStream_t>(stream));
}

DN_DRIVER_FUNCTIONS(STAND_IN_CHECK)
}
