#include "cuda/vendor/nvrtc.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <vector>

#include "cuda/kernels/launch.h"

namespace dn::cuda::vendor {

namespace {

const char* keep_name(const std::string& name) {
  static std::mutex mutex;
  static std::set<std::string> names;
  const std::lock_guard lock(mutex);
  return names.insert(name).first->c_str();
}

class Source {
 public:
  Source(void* program, int (*destroy)(void**)) : program_(program), destroy_(destroy) {}
  ~Source() { destroy_(&program_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

 private:
  void* program_;
  int (*destroy_)(void**);
};

}  // namespace

Nvrtc::Nvrtc()
    : library_({"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"}),
      driver_library_({"libcuda.so.1"}) {
#define DN_RESOLVE(name, ...) library_.resolve(f_.name, #name);
#define DN_RESOLVE_DRIVER(name, ...) driver_library_.resolve(driver_.name, #name);
  DN_NVRTC_FUNCTIONS(DN_RESOLVE)
  DN_DRIVER_FUNCTIONS(DN_RESOLVE_DRIVER)
#undef DN_RESOLVE
#undef DN_RESOLVE_DRIVER
  check(f_.nvrtcVersion(&version_.major, &version_.minor), "nvrtcVersion");
  check_version(library_, "NVRTC", version_, 11, 13);
}

void Nvrtc::check(int result, const char* call) const {
  if (result != nvrtc::kSuccess)
    fail(DN_VENDOR_ERROR, call, " failed: ", f_.nvrtcGetErrorString(result));
}

void Nvrtc::check_driver(int result, const char* call) const {
  if (result == driver::kSuccess) return;
  const char* reason = nullptr;
  driver_.cuGetErrorString(result, &reason);
  fail(DN_VENDOR_ERROR, call, " failed: ", reason ? reason : "unknown error", " (", result, ")");
}

std::unique_ptr<CompiledKernel> Nvrtc::compile(const std::string& source, const std::string& name,
                                               int capability) const {
  int count = 0;
  check(f_.nvrtcGetNumSupportedArchs(&count), "nvrtcGetNumSupportedArchs");
  std::vector<int> known((size_t)count);
  check(f_.nvrtcGetSupportedArchs(known.data()), "nvrtcGetSupportedArchs");
  // For a GPU newer than the compiler: PTX, which the driver translates.
  const bool exact = std::ranges::find(known, capability) != known.end();
  int architecture = exact ? capability : 0;
  for (const int other : known)
    if (!exact && other < capability) architecture = std::max(architecture, other);
  if (architecture == 0)
    fail(DN_UNSUPPORTED, library_.path(), " compiles for no GPU of compute capability ",
         capability / 10, ".", capability % 10, " or older");

  void* program = nullptr;
  check(
      f_.nvrtcCreateProgram(&program, source.c_str(), (name + ".cu").c_str(), 0, nullptr, nullptr),
      "nvrtcCreateProgram");
  const Source owner(program, f_.nvrtcDestroyProgram);
  const std::string target = text("--gpu-architecture=", exact ? "sm_" : "compute_", architecture);
  // As nvcc compiles the rest: no fast mathematics, products and sums joined.
  const char* options[] = {target.c_str(), "--std=c++17"};
  const int result = f_.nvrtcCompileProgram(program, (int)std::size(options), options);
  if (result == nvrtc::kCompilation) {
    size_t bytes = 0;
    check(f_.nvrtcGetProgramLogSize(program, &bytes), "nvrtcGetProgramLogSize");
    std::string log(bytes, '\0');
    check(f_.nvrtcGetProgramLog(program, log.data()), "nvrtcGetProgramLog");
    fail(DN_VENDOR_ERROR, "NVRTC refuses kernel ", name, ":\n", log.c_str());
  }
  check(result, "nvrtcCompileProgram");
  size_t bytes = 0;
  check(exact ? f_.nvrtcGetCUBINSize(program, &bytes) : f_.nvrtcGetPTXSize(program, &bytes),
        "asking for the size of the code");
  std::vector<char> image(bytes);
  check(exact ? f_.nvrtcGetCUBIN(program, image.data()) : f_.nvrtcGetPTX(program, image.data()),
        "asking for the code");
  return std::unique_ptr<CompiledKernel>(new CompiledKernel(*this, name, image.data()));
}

CompiledKernel::CompiledKernel(const Nvrtc& library, const std::string& name, const char* image)
    : library_(library), name_(keep_name(name)) {
  const auto& driver = library.driver_;
  library.check_driver(driver.cuModuleLoadData(&module_, image), "cuModuleLoadData");
  const int result = driver.cuModuleGetFunction(&function_, module_, name_);
  if (result == driver::kSuccess) return;
  driver.cuModuleUnload(module_);
  library.check_driver(result, "cuModuleGetFunction");
}

CompiledKernel::~CompiledKernel() {
  library_.driver_.cuModuleUnload(module_);
}

void CompiledKernel::launch(cudaStream_t stream, dim3 grid, dim3 block, size_t shared_bytes,
                            void** arguments) const {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  constexpr size_t kWithoutAsking = 48 << 10;
  const auto& driver = library_.driver_;
  note_launch(name_);
  int result = driver::kSuccess;
  if (shared_bytes > kWithoutAsking)
    result =
        driver.cuFuncSetAttribute(function_, driver::kMaxDynamicSharedBytes, (int)shared_bytes);
  if (result == driver::kSuccess)
    result = driver.cuLaunchKernel(function_, grid.x, grid.y, grid.z, block.x, block.y, block.z,
                                   (unsigned)shared_bytes, stream, arguments, nullptr);
  // The driver's codes are the runtime's.
  if (result != driver::kSuccess)
    throw LaunchError(name_, (cudaError_t)result, grid, block, shared_bytes);
}

}  // namespace dn::cuda::vendor
