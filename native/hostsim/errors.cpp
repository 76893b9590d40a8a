// Names of errors, the last error of a thread, and faults: found ones, and those that tests ask
// for.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "block.h"
#include "runtime.h"

namespace simt {

namespace {

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};
#define SIMT_ERROR(name, text) \
  { name, #name, text }
constexpr ErrorText kErrors[] = {
    SIMT_ERROR(cudaSuccess, "no error"),
    SIMT_ERROR(cudaErrorInvalidValue, "invalid argument"),
    SIMT_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    SIMT_ERROR(cudaErrorInitializationError, "initialization error"),
    SIMT_ERROR(cudaErrorCudartUnloading, "driver shutting down"),
    SIMT_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    SIMT_ERROR(cudaErrorInvalidPitchValue, "invalid pitch argument"),
    SIMT_ERROR(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    SIMT_ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    SIMT_ERROR(cudaErrorInsufficientDriver,
               "CUDA driver version is insufficient for CUDA runtime version"),
    SIMT_ERROR(cudaErrorDevicesUnavailable, "all CUDA-capable devices are busy or unavailable"),
    SIMT_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    SIMT_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    SIMT_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    SIMT_ERROR(cudaErrorNoKernelImageForDevice,
               "no kernel image is available for execution on the device"),
    SIMT_ERROR(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"),
    SIMT_ERROR(cudaErrorInvalidPtx, "a PTX JIT compilation failed"),
    SIMT_ERROR(cudaErrorUnsupportedPtxVersion,
               "the provided PTX was compiled with an unsupported toolchain."),
    SIMT_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    SIMT_ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    SIMT_ERROR(cudaErrorNotReady, "device not ready"),
    SIMT_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    SIMT_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    SIMT_ERROR(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    SIMT_ERROR(cudaErrorAssert, "device-side assert triggered"),
    SIMT_ERROR(cudaErrorHardwareStackError, "hardware stack error"),
    SIMT_ERROR(cudaErrorIllegalInstruction, "an illegal instruction was encountered"),
    SIMT_ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    SIMT_ERROR(cudaErrorInvalidAddressSpace,
               "operation not supported on global/shared address space"),
    SIMT_ERROR(cudaErrorInvalidPc, "invalid program counter"),
    SIMT_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    SIMT_ERROR(cudaErrorNotPermitted, "operation not permitted"),
    SIMT_ERROR(cudaErrorNotSupported, "operation not supported"),
    SIMT_ERROR(cudaErrorSystemDriverMismatch,
               "system has unsupported display driver / cuda driver combination"),
    SIMT_ERROR(cudaErrorStreamCaptureUnsupported,
               "operation not permitted when stream is capturing"),
    SIMT_ERROR(cudaErrorStreamCaptureInvalidated,
               "operation failed due to a previous error during capture"),
    SIMT_ERROR(cudaErrorStreamCaptureMerge,
               "operation would result in a merge of separate capture sequences"),
    SIMT_ERROR(cudaErrorStreamCaptureUnmatched,
               "capture was not ended in the same stream as it began"),
    SIMT_ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    SIMT_ERROR(cudaErrorStreamCaptureIsolation,
               "dependency created on uncaptured work in another stream"),
    SIMT_ERROR(cudaErrorStreamCaptureImplicit,
               "operation would make the legacy stream depend on a capturing blocking stream"),
    SIMT_ERROR(cudaErrorCapturedEvent,
               "operation not permitted on an event last recorded in a capturing stream"),
    SIMT_ERROR(cudaErrorStreamCaptureWrongThread,
               "attempt to terminate a thread-local capture sequence from another thread"),
    SIMT_ERROR(cudaErrorUnknown, "unknown error"),
};
#undef SIMT_ERROR

const ErrorText* find_text(cudaError_t error) {
  for (const ErrorText& e : kErrors) {
    if (e.error == error) return &e;
  }
  return nullptr;
}

struct Injection {
  std::string name;
  cudaError_t error;
};

struct Faults {
  std::map<int, cudaError_t> sticky;  // by device
  std::vector<Injection> injections;
  std::string last_text;
};
Faults& faults() {
  static Faults& instance = *new Faults;
  return instance;
}
thread_local cudaError_t thread_error = cudaSuccess;

std::string describe(const char* format, va_list values) {
  char message[1024];
  std::vsnprintf(message, sizeof message, format, values);
  return std::string("hostsim: ") + message + "\n" + describe_place();
}

[[noreturn]] void abort_with(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  std::abort();
}

[[noreturn]] void report(cudaError_t error, const char* format, va_list values) {
  {
    // Gone before the fiber is left, which destroys nothing.
    std::string text = describe(format, values);
    if (config().fault_mode == FaultMode::Abort) abort_with(text);
    faults().last_text = std::move(text);
  }
  leave_kernel({error});
}

}  // namespace

void fail(const char* format, ...) {
  va_list values;
  va_start(values, format);
  report(cudaErrorLaunchFailure, format, values);
}

void fail_with(cudaError_t error, const char* format, ...) {
  va_list values;
  va_start(values, format);
  report(error, format, values);
}

void die(const char* format, ...) {
  va_list values;
  va_start(values, format);
  abort_with(describe(format, values));
}

cudaError_t& last_error() {
  return thread_error;
}
cudaError_t& sticky_error(int device) {
  return faults().sticky[device];
}
void set_sticky_error(int device, cudaError_t error) {
  if (sticky_error(device) == cudaSuccess) sticky_error(device) = error;
}

bool is_sticky(cudaError_t error) {
  switch (error) {
    case cudaErrorECCUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
      return true;
    default:
      return false;
  }
}

cudaError_t take_injected(const char* name, bool want_sticky, bool any_kind) {
  auto& list = faults().injections;
  for (auto i = list.begin(); i != list.end(); ++i) {
    if (i->name != name) continue;
    if (!any_kind && is_sticky(i->error) != want_sticky) continue;
    cudaError_t error = i->error;
    list.erase(i);
    return error;
  }
  return cudaSuccess;
}

void fail_next(const std::string& name, cudaError_t error) {
  Call call("fail_next", Call::Needs::Nothing);
  faults().injections.push_back({name, error});
}
void clear_faults() {
  Call call("clear_faults", Call::Needs::Nothing);
  faults().sticky.clear();
  faults().injections.clear();
  faults().last_text.clear();
  thread_error = cudaSuccess;
}
std::string last_fault() {
  Call call("last_fault", Call::Needs::Nothing);
  return faults().last_text;
}

}  // namespace simt

const char* cudaGetErrorName(cudaError_t error) {
  const simt::ErrorText* found = simt::find_text(error);
  return found ? found->name : "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  const simt::ErrorText* found = simt::find_text(error);
  return found ? found->text : "unrecognized error code";
}
