#include <simt.h>
#include <simt/runtime_api.h>

#define SIMT_EXPORT __attribute__((visibility("default")))

extern "C" {

SIMT_EXPORT void hostsim_set_seed(uint64_t seed) {
  simt::set_seed(seed);
}
SIMT_EXPORT void hostsim_set_device_count(int32_t count) {
  simt::set_device_count(count);
}
SIMT_EXPORT void hostsim_set_memory_limit(int64_t bytes) {
  simt::set_memory_limit(static_cast<size_t>(bytes));
}
SIMT_EXPORT void hostsim_set_compute_capability(int32_t major, int32_t minor) {
  simt::set_compute_capability(major, minor);
}
SIMT_EXPORT void hostsim_set_driver_error(int32_t error) {
  simt::set_driver_error(static_cast<cudaError_t>(error));
}
SIMT_EXPORT void hostsim_set_sticky_faults(int32_t on) {
  simt::config().fault_mode = on ? simt::FaultMode::StickyError : simt::FaultMode::Abort;
}
SIMT_EXPORT void hostsim_fail_next(const char* name, int32_t error) {
  simt::fail_next(name, static_cast<cudaError_t>(error));
}
SIMT_EXPORT void hostsim_clear_faults() {
  simt::clear_faults();
}
SIMT_EXPORT void* hostsim_allocate(int64_t bytes) {
  void* memory = nullptr;
  return cudaMalloc(&memory, static_cast<size_t>(bytes)) == cudaSuccess ? memory : nullptr;
}
SIMT_EXPORT void hostsim_free(void* memory) {
  cudaFree(memory);
}
SIMT_EXPORT void* hostsim_create_stream() {
  cudaStream_t stream = nullptr;
  return cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess ? stream
                                                                                  : nullptr;
}
}
