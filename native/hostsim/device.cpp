// Devices: what they say they are, which one a thread uses, and the launch of kernels.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "block.h"
#include "memory.h"
#include "runtime.h"

namespace simt {

namespace {

constexpr int kMaxThreadsPerBlock = 1024;
constexpr size_t kDefaultSharedBytes = 48 * 1024;
constexpr size_t kReservedSharedBytes = 1024;
constexpr int kMaxGridYZ = 65535;

long long number_from_environment(const char* name, long long otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

DeviceModel model_from_environment() {
  DeviceModel model;
  model.memory_bytes =
      static_cast<size_t>(number_from_environment("DEEPNATIVE_HOSTSIM_MEMORY_MIB", 4096)) << 20;
  model.count = static_cast<int>(number_from_environment("DEEPNATIVE_HOSTSIM_DEVICES", 1));
  if (const char* capability = std::getenv("DEEPNATIVE_HOSTSIM_CAPABILITY")) {
    if (std::sscanf(capability, "%d.%d", &model.major, &model.minor) != 2) {
      die("DEEPNATIVE_HOSTSIM_CAPABILITY is '%s'; it has the form 8.0", capability);
    }
  }
  if (const char* driver = std::getenv("DEEPNATIVE_HOSTSIM_DRIVER")) {
    if (!std::strcmp(driver, "absent")) {
      model.driver_error = cudaErrorNoDevice;
    } else if (!std::strcmp(driver, "old")) {
      model.driver_error = cudaErrorInsufficientDriver;
    } else {
      die("DEEPNATIVE_HOSTSIM_DRIVER is '%s'; it may be absent or old", driver);
    }
  }
  return model;
}

struct State {
  std::mutex mutex;
  std::map<const void*, size_t> dynamic_limit;  // by kernel, where a launch may take more
  std::set<CUmemPoolHandle_st*> pools;
  std::map<int, CUmemPoolHandle_st*> default_pools;
};
State& state() {
  static State& instance = *new State;
  return instance;
}
thread_local int thread_device = 0;
thread_local const char* thread_launch_name = nullptr;

// Of shared memory, for one block, at most; the programming guide's table of capabilities.
size_t shared_per_multiprocessor() {
  const DeviceModel& m = device_model();
  if (m.major == 7) return (m.minor == 5 ? 64 : 96) * 1024;
  if (m.major == 8) return (m.minor == 0 || m.minor == 7 ? 164 : 100) * 1024;
  if (m.major == 9 || m.major == 10) return 228 * 1024;
  return 100 * 1024;
}
size_t shared_per_block_optin() {
  return shared_per_multiprocessor() -
         (device_model().major >= 8 ? kReservedSharedBytes : size_t{0});
}
int threads_per_multiprocessor() {
  const DeviceModel& m = device_model();
  if (m.major == 7 && m.minor == 5) return 1024;
  if ((m.major == 8 && m.minor != 0) || m.major >= 12) return 1536;
  return 2048;
}

size_t dynamic_limit(const void* kernel) {
  auto found = state().dynamic_limit.find(kernel);
  return found == state().dynamic_limit.end() ? kDefaultSharedBytes : found->second;
}

cudaError_t check_configuration(const Launch& launch) {
  dim3 g = launch.grid, b = launch.block;
  uint64_t threads = static_cast<uint64_t>(b.x) * b.y * b.z;
  if (!g.x || !g.y || !g.z || !threads || threads > kMaxThreadsPerBlock || b.z > 64 ||
      g.x > 0x7fffffffu || g.y > kMaxGridYZ || g.z > kMaxGridYZ) {
    return cudaErrorInvalidConfiguration;
  }
  if (launch.dynamic_shared_bytes > dynamic_limit(launch.kernel)) return cudaErrorInvalidValue;
  return cudaSuccess;
}

void run_kernel(const Launch& launch, const char* name) {
  if (cudaError_t error = take_injected(name, true, false)) throw Fault{error};
  if (cudaError_t error = take_injected("kernel", true, false)) throw Fault{error};
  for (size_t i = 0; i < launch.pointer_args.size(); i++) {
    const void* p = launch.pointer_args[i];
    if (p && !is_device_memory(p, 1)) {
      fail_with(cudaErrorIllegalAddress,
                "kernel %s: pointer argument %zu (%p) is not in device memory at this point of the "
                "stream",
                name, i, p);
    }
  }
  run_grid({name, launch.grid, launch.block, launch.dynamic_shared_bytes, &launch.body});
  memory().check_red_zones(name);
}

}  // namespace

DeviceModel& device_model() {
  static DeviceModel& instance = *new DeviceModel(model_from_environment());
  return instance;
}

int current_device() {
  return thread_device;
}
std::set<CUmemPoolHandle_st*>& pools() {
  return state().pools;
}
CUmemPoolHandle_st* default_pool(int device) {
  CUmemPoolHandle_st*& pool = state().default_pools[device];
  if (!pool) {
    pool = new CUmemPoolHandle_st;
    pool->device = device;
    pools().insert(pool);
  }
  return pool;
}

Call::Call(const char* name, Needs needs) : lock_(state().mutex) {
  if (needs == Needs::Nothing) return;
  if (in_host_function()) {
    fail(cudaErrorNotPermitted);
  } else if (cudaError_t injected = take_injected(name, false, true)) {
    if (is_sticky(injected)) set_sticky_error(thread_device, injected);
    fail(injected);
  } else if (device_model().driver_error != cudaSuccess) {
    fail(device_model().driver_error);
  } else if (needs == Needs::Device) {
    if (cudaError_t sticky = sticky_error(thread_device)) fail(sticky);
  }
}

cudaError_t Call::fail(cudaError_t error) {
  error_ = error;
  last_error() = error;
  return error;
}

cudaError_t Call::result() {
  if (cudaError_t sticky = sticky_error(thread_device)) return fail(sticky);
  return cudaSuccess;
}

void set_memory_limit(size_t bytes) {
  Call call("set_memory_limit", Call::Needs::Nothing);
  device_model().memory_bytes = bytes;
}
void set_device_count(int count) {
  Call call("set_device_count", Call::Needs::Nothing);
  device_model().count = count;
}
void set_compute_capability(int major, int minor) {
  Call call("set_compute_capability", Call::Needs::Nothing);
  device_model().major = major;
  device_model().minor = minor;
}
void set_multiprocessors(int count) {
  Call call("set_multiprocessors", Call::Needs::Nothing);
  device_model().multiprocessors = count;
}
void set_driver_error(cudaError_t error) {
  Call call("set_driver_error", Call::Needs::Nothing);
  device_model().driver_error = error;
}

void name_next_launch(const char* name) {
  thread_launch_name = name;
}

cudaError_t submit(Launch&& launch, cudaStream_t stream) {
  const char* name = thread_launch_name ? thread_launch_name : "(unnamed)";
  thread_launch_name = nullptr;
  Call call("cudaLaunchKernel");
  if (call.failed()) return call.error();
  for (const char* n : {name, "kernel"}) {
    if (cudaError_t error = take_injected(n, false, false)) return call.fail(error);
  }
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (cudaError_t error = check_configuration(launch)) return call.fail(error);
  return call.enqueue(target,
                      {name, [launch = std::move(launch), name] { run_kernel(launch, name); }});
}

}  // namespace simt

using simt::Call;

cudaError_t cudaGetDeviceCount(int* count) {
  Call call("cudaGetDeviceCount", Call::Needs::Driver);
  if (!count) return call.fail(cudaErrorInvalidValue);
  *count = 0;
  if (call.failed()) return call.error();
  *count = simt::device_model().count;
  return *count ? cudaSuccess : call.fail(cudaErrorNoDevice);
}

cudaError_t cudaSetDevice(int device) {
  Call call("cudaSetDevice", Call::Needs::Driver);
  if (call.failed()) return call.error();
  if (device < 0 || device >= simt::device_model().count) return call.fail(cudaErrorInvalidDevice);
  simt::thread_device = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  Call call("cudaGetDevice", Call::Needs::Driver);
  if (call.failed()) return call.error();
  if (!device) return call.fail(cudaErrorInvalidValue);
  *device = simt::thread_device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  Call call("cudaGetDeviceProperties", Call::Needs::Driver);
  if (call.failed()) return call.error();
  const simt::DeviceModel& model = simt::device_model();
  if (!properties) return call.fail(cudaErrorInvalidValue);
  if (device < 0 || device >= model.count) return call.fail(cudaErrorInvalidDevice);
  cudaDeviceProp p{};
  std::snprintf(p.name, sizeof p.name, "host simulator");
  p.totalGlobalMem = model.memory_bytes;
  p.sharedMemPerBlock = simt::kDefaultSharedBytes;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = simt::kMaxThreadsPerBlock;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = p.maxGridSize[2] = simt::kMaxGridYZ;
  p.clockRate = p.memoryClockRate = 1000000;
  p.major = model.major;
  p.minor = model.minor;
  p.multiProcessorCount = model.multiprocessors;
  p.canMapHostMemory = p.concurrentKernels = p.unifiedAddressing = 1;
  p.pciBusID = device + 1;
  p.asyncEngineCount = 2;
  p.memoryBusWidth = 256;
  p.l2CacheSize = 4 << 20;
  p.maxThreadsPerMultiProcessor = simt::threads_per_multiprocessor();
  p.streamPrioritiesSupported = p.memoryPoolsSupported = 1;
  p.sharedMemPerMultiprocessor = simt::shared_per_multiprocessor();
  p.sharedMemPerBlockOptin = simt::shared_per_block_optin();
  p.maxBlocksPerMultiProcessor = 16;
  p.reservedSharedMemPerBlock = simt::kReservedSharedBytes;
  *properties = p;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  if (cudaError_t error = cudaGetDeviceProperties(&p, device)) return error;
  Call call("cudaDeviceGetAttribute", Call::Needs::Driver);
  if (call.failed()) return call.error();
  const std::map<cudaDeviceAttr, long long> values = {
      {cudaDevAttrMaxThreadsPerBlock, p.maxThreadsPerBlock},
      {cudaDevAttrMaxSharedMemoryPerBlock, static_cast<long long>(p.sharedMemPerBlock)},
      {cudaDevAttrWarpSize, p.warpSize},
      {cudaDevAttrMaxRegistersPerBlock, p.regsPerBlock},
      {cudaDevAttrClockRate, p.clockRate},
      {cudaDevAttrMultiProcessorCount, p.multiProcessorCount},
      {cudaDevAttrKernelExecTimeout, 0},
      {cudaDevAttrIntegrated, 0},
      {cudaDevAttrCanMapHostMemory, p.canMapHostMemory},
      {cudaDevAttrComputeMode, 0},
      {cudaDevAttrConcurrentKernels, p.concurrentKernels},
      {cudaDevAttrEccEnabled, 0},
      {cudaDevAttrPciBusId, p.pciBusID},
      {cudaDevAttrPciDeviceId, p.pciDeviceID},
      {cudaDevAttrMemoryClockRate, p.memoryClockRate},
      {cudaDevAttrGlobalMemoryBusWidth, p.memoryBusWidth},
      {cudaDevAttrL2CacheSize, p.l2CacheSize},
      {cudaDevAttrMaxThreadsPerMultiProcessor, p.maxThreadsPerMultiProcessor},
      {cudaDevAttrAsyncEngineCount, p.asyncEngineCount},
      {cudaDevAttrUnifiedAddressing, p.unifiedAddressing},
      {cudaDevAttrPciDomainId, p.pciDomainID},
      {cudaDevAttrComputeCapabilityMajor, p.major},
      {cudaDevAttrComputeCapabilityMinor, p.minor},
      {cudaDevAttrStreamPrioritiesSupported, p.streamPrioritiesSupported},
      {cudaDevAttrMaxSharedMemoryPerMultiprocessor,
       static_cast<long long>(p.sharedMemPerMultiprocessor)},
      {cudaDevAttrMaxRegistersPerMultiprocessor, p.regsPerMultiprocessor},
      {cudaDevAttrManagedMemory, 0},
      {cudaDevAttrCooperativeLaunch, 0},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, static_cast<long long>(p.sharedMemPerBlockOptin)},
      {cudaDevAttrMaxBlocksPerMultiprocessor, p.maxBlocksPerMultiProcessor},
      {cudaDevAttrMaxPersistingL2CacheSize, 0},
      {cudaDevAttrReservedSharedMemoryPerBlock,
       static_cast<long long>(p.reservedSharedMemPerBlock)},
      {cudaDevAttrMemoryPoolsSupported, p.memoryPoolsSupported},
  };
  auto found = values.find(attribute);
  if (!value || found == values.end()) return call.fail(cudaErrorInvalidValue);
  *value = static_cast<int>(found->second);
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* id, int length, int device) {
  Call call("cudaDeviceGetPCIBusId", Call::Needs::Driver);
  if (call.failed()) return call.error();
  if (!id || length < 13) return call.fail(cudaErrorInvalidValue);
  if (device < 0 || device >= simt::device_model().count) return call.fail(cudaErrorInvalidDevice);
  std::snprintf(id, static_cast<size_t>(length), "0000:%02X:00.0",
                static_cast<unsigned>(device + 1) & 0xffu);
  return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  Call call("cudaDeviceGetStreamPriorityRange");
  if (call.failed()) return call.error();
  if (least) *least = 0;
  if (greatest) *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  Call call("cudaRuntimeGetVersion", Call::Needs::Nothing);
  if (!version) return call.fail(cudaErrorInvalidValue);
  *version = CUDART_VERSION;
  return cudaSuccess;
}

// 0: no driver.
cudaError_t cudaDriverGetVersion(int* version) {
  Call call("cudaDriverGetVersion", Call::Needs::Nothing);
  if (!version) return call.fail(cudaErrorInvalidValue);
  constexpr int kOldDriver = 10020;
  switch (simt::device_model().driver_error) {
    case cudaErrorNoDevice:
      *version = 0;
      break;
    case cudaErrorInsufficientDriver:
      *version = kOldDriver;
      break;
    default:
      *version = CUDART_VERSION;
  }
  return cudaSuccess;
}

// Frees everything of the device and forgets its error; handles to it are dead.
cudaError_t cudaDeviceReset() {
  Call call("cudaDeviceReset", Call::Needs::Driver);
  if (call.failed()) return call.error();
  int device = simt::thread_device;
  simt::reset_streams(device);
  simt::memory().free_device(device);
  for (auto i = simt::pools().begin(); i != simt::pools().end();) {
    CUmemPoolHandle_st* pool = *i;
    if (pool->device != device) {
      ++i;
      continue;
    }
    simt::memory().trim(*pool, 0);
    i = simt::pools().erase(i);
    delete pool;
  }
  simt::state().default_pools.erase(device);
  simt::sticky_error(device) = cudaSuccess;
  simt::last_error() = cudaSuccess;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  Call call("cudaGetLastError", Call::Needs::Nothing);
  cudaError_t error = simt::last_error();
  simt::last_error() = cudaSuccess;
  cudaError_t sticky = simt::sticky_error(simt::thread_device);
  return sticky != cudaSuccess ? sticky : error;
}

cudaError_t cudaPeekAtLastError() {
  Call call("cudaPeekAtLastError", Call::Needs::Nothing);
  cudaError_t sticky = simt::sticky_error(simt::thread_device);
  return sticky != cudaSuccess ? sticky : simt::last_error();
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  Call call("cudaFuncSetAttribute");
  if (call.failed()) return call.error();
  if (!kernel) return call.fail(cudaErrorInvalidDeviceFunction);
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) {
    return value >= -1 && value <= 100 ? cudaSuccess : call.fail(cudaErrorInvalidValue);
  }
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      static_cast<size_t>(value) > simt::shared_per_block_optin()) {
    return call.fail(cudaErrorInvalidValue);
  }
  simt::state().dynamic_limit[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  Call call("cudaFuncGetAttributes");
  if (call.failed()) return call.error();
  if (!attributes) return call.fail(cudaErrorInvalidValue);
  if (!kernel) return call.fail(cudaErrorInvalidDeviceFunction);
  const simt::DeviceModel& model = simt::device_model();
  cudaFuncAttributes a{};
  a.maxThreadsPerBlock = simt::kMaxThreadsPerBlock;
  a.numRegs = 32;
  a.ptxVersion = a.binaryVersion = model.major * 10 + model.minor;
  a.maxDynamicSharedSizeBytes = static_cast<int>(simt::dynamic_limit(kernel));
  a.preferredShmemCarveout = -1;
  *attributes = a;
  return cudaSuccess;
}

// As if a kernel used few registers and no static shared memory.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel,
                                                          int block_size,
                                                          size_t dynamic_shared_bytes) {
  Call call("cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  if (call.failed()) return call.error();
  if (!blocks || block_size <= 0) return call.fail(cudaErrorInvalidValue);
  if (!kernel) return call.fail(cudaErrorInvalidDeviceFunction);
  *blocks = 0;
  if (block_size > simt::kMaxThreadsPerBlock ||
      dynamic_shared_bytes > simt::dynamic_limit(kernel)) {
    return cudaSuccess;
  }
  int warps = (block_size + 31) / 32;
  int by_threads = simt::threads_per_multiprocessor() / (warps * 32);
  size_t by_shared =
      simt::shared_per_multiprocessor() / (dynamic_shared_bytes + simt::kReservedSharedBytes);
  *blocks = std::min({by_threads, static_cast<int>(by_shared), 16});
  return cudaSuccess;
}
