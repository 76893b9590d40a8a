// A stand-in for libnvrtc: g++ compiles the source against the simulator's headers into a shared
// library, whose path is the "code" that the stand-in for the driver loads.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

#include "cuda/vendor/nvrtc_api.h"
#include "stand_in.h"

namespace {

constexpr int kSuccess = 0, kInvalidOption = 5, kCompilation = 6, kInternalError = 11;
constexpr int kKnown[] = {70, 80, 86, 90};

struct Program {
  std::string source, image, log;
};

// For each kernel a function that copies the arguments of a launch: the driver is told their
// addresses, not their types.
std::string binders(const std::string& source) {
  std::string result;
  const std::regex kernel(
      R"(extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\s*\()");
  for (std::sregex_iterator i(source.begin(), source.end(), kernel), end; i != end; ++i) {
    const std::string name = (*i)[1];
    result += "extern \"C\" __attribute__((visibility(\"default\"))) void* stand_in_bind_" + name +
              "(void** arguments) { return stand_in_bind(" + name + ", arguments); }\n" +
              "extern \"C\" __attribute__((visibility(\"default\"))) void* stand_in_address_" +
              name + "() { return reinterpret_cast<void*>(&" + name + "); }\n";
  }
  return result;
}

constexpr const char* kBinder = R"(
#include <functional>
#include <memory>
#include <tuple>
#include <utility>
template <typename... P, size_t... i>
void* stand_in_bind(void (*kernel)(P...), void** arguments, std::index_sequence<i...>) {
  auto values = std::make_shared<std::tuple<std::decay_t<P>...>>(
      *static_cast<std::decay_t<P>*>(arguments[i])...);
  return new std::function<void()>([kernel, values] { std::apply(kernel, *values); });
}
template <typename... P>
void* stand_in_bind(void (*kernel)(P...), void** arguments) {
  return stand_in_bind(kernel, arguments, std::index_sequence_for<P...>());
}
)";

}  // namespace

extern "C" {

const char* nvrtcGetErrorString(int result) {
  return result == kCompilation ? "NVRTC_ERROR_COMPILATION" : "the stand-in failed";
}
int nvrtcVersion(int* major, int* minor) {
  *major = 12;
  *minor = 4;
  return kSuccess;
}
int nvrtcGetNumSupportedArchs(int* count) {
  *count = (int)std::size(kKnown);
  return kSuccess;
}
int nvrtcGetSupportedArchs(int* architectures) {
  std::copy(std::begin(kKnown), std::end(kKnown), architectures);
  return kSuccess;
}
int nvrtcCreateProgram(void** program, const char* source, const char*, int, const char* const*,
                       const char* const*) {
  *program = new Program{source, "", ""};
  return kSuccess;
}
int nvrtcDestroyProgram(void** program) {
  delete static_cast<Program*>(*program);
  *program = nullptr;
  return kSuccess;
}

int nvrtcCompileProgram(void* program, int option_count, const char* const* options) {
  namespace fs = std::filesystem;
  auto& p = *static_cast<Program*>(program);
  std::string target;
  for (int i = 0; i < option_count; ++i) {
    const std::string option = options[i];
    if (option.starts_with("--gpu-architecture="))
      target = option.substr(std::strlen("--gpu-architecture="));
    else if (option != "--std=c++17")
      return kInvalidOption;
  }
  if (target.empty()) return kInvalidOption;
  char folder[] = "/tmp/deepnative-nvrtc-XXXXXX";
  if (!mkdtemp(folder)) return kInternalError;
  const fs::path work(folder);
  std::ofstream(work / "kernel.cu") << p.source << kBinder << binders(p.source);
  const std::string command = std::string(STAND_IN_COMPILER) +
                              " -std=c++17 -O1 -fPIC -shared -fvisibility=hidden -x c++"
                              " -include cuda_runtime.h " STAND_IN_FLAGS " " +
                              (work / "kernel.cu").string() + " -x none " STAND_IN_LIBRARY " -o " +
                              (work / "kernel.so").string() + " >" + (work / "log").string() +
                              " 2>&1";
  const bool compiled = std::system(command.c_str()) == 0;
  std::ifstream log(work / "log");
  p.log.assign(std::istreambuf_iterator<char>(log), {});
  if (!compiled) {
    fs::remove_all(work);
    return kCompilation;
  }
  p.image = target + ":" + (work / "kernel.so").string();
  return kSuccess;
}

// Code for a real architecture where one was asked for, else PTX: as the real one.
static bool has(const Program& p, const char* kind) {
  return p.image.starts_with(kind);
}
int nvrtcGetPTXSize(void* program, size_t* bytes) {
  const auto& p = *static_cast<Program*>(program);
  *bytes = has(p, "compute_") ? p.image.size() + 1 : 0;
  return kSuccess;
}
int nvrtcGetPTX(void* program, char* ptx) {
  const auto& p = *static_cast<Program*>(program);
  if (!has(p, "compute_")) return kInternalError;
  std::strcpy(ptx, p.image.c_str());
  return kSuccess;
}
int nvrtcGetCUBINSize(void* program, size_t* bytes) {
  const auto& p = *static_cast<Program*>(program);
  *bytes = has(p, "sm_") ? p.image.size() + 1 : 0;
  return kSuccess;
}
int nvrtcGetCUBIN(void* program, char* cubin) {
  const auto& p = *static_cast<Program*>(program);
  if (!has(p, "sm_")) return kInternalError;
  std::strcpy(cubin, p.image.c_str());
  return kSuccess;
}
int nvrtcGetProgramLogSize(void* program, size_t* bytes) {
  *bytes = static_cast<Program*>(program)->log.size() + 1;
  return kSuccess;
}
int nvrtcGetProgramLog(void* program, char* log) {
  std::strcpy(log, static_cast<Program*>(program)->log.c_str());
  return kSuccess;
}

DN_NVRTC_FUNCTIONS(STAND_IN_CHECK)
}
