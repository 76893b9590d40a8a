// What tests say to the host simulator: thread order, memory limit, faults to inject.
//
// The beginning comes from the environment:
//   DEEPNATIVE_HOSTSIM_ORDER       ascending, descending, random or pct (default)
//   DEEPNATIVE_HOSTSIM_SEED        of every random choice; default 1
//   DEEPNATIVE_HOSTSIM_MEMORY_MIB  of each device; default 4096
//   DEEPNATIVE_HOSTSIM_DEVICES     how many; default 1
//   DEEPNATIVE_HOSTSIM_CAPABILITY  e.g. 9.0; default 8.0
//   DEEPNATIVE_HOSTSIM_DRIVER      absent or old; default a good one
#pragma once

#include <simt/kernel.h>
#include <simt/launch.h>

#include <cstdint>
#include <string>

namespace simt {

// In which order the threads of a block, the blocks of a grid and the streams take turns.
// Pct gives every warp and lane a random priority and runs the highest that can run: of the random
// orders the one that finds most (missing barriers of both kinds).
enum class Order { Ascending, Descending, Random, Pct };
enum class AsyncCopyTime { AtWait, AtIssue, Random };
// What a fault that the simulator finds does: end the process with a diagnostic, or become the
// sticky error of the device as on a real one, the diagnostic kept in last_fault().
enum class FaultMode { Abort, StickyError };

struct Config {
  Order order = Order::Pct;
  AsyncCopyTime async_copy_time = AsyncCopyTime::Random;
  FaultMode fault_mode = FaultMode::Abort;
  size_t stack_bytes = 256 * 1024;
  // ThreadSanitizer takes two threads of a grid for one when they share a context: at least this
  // many are in turn. Races between blocks need as many as the grid has threads.
  size_t tsan_contexts = 0;
};
Config& config();

void set_seed(uint64_t seed);  // the same seed gives the same schedule
uint64_t seed();

// ---- The devices. All have the same properties; DEEPNATIVE_HOSTSIM_* variables set the beginning.
void set_device_count(int count);
void set_memory_limit(size_t bytes);  // of each device
void set_compute_capability(int major, int minor);
void set_multiprocessors(int count);
// cudaErrorNoDevice: no driver; cudaErrorInsufficientDriver: too old a one; cudaSuccess: a good
// one.
void set_driver_error(cudaError_t error);

// ---- Faults.

// The next call of the API function, or run of the kernel, of this name fails once. "kernel" is any
// kernel. An error that a running kernel causes becomes the device's sticky error; another one is
// returned by the launch itself.
void fail_next(const std::string& name, cudaError_t error);
// What the last fault was that became a sticky error: kernel, block, thread, and the others'
// states.
std::string last_fault();
// Forgets injected faults, sticky errors and last_fault(): the devices work again.
void clear_faults();

struct Statistics {
  uint64_t switches = 0, barriers = 0, collectives = 0, threads = 0, blocks = 0, fibers = 0;
};
const Statistics& statistics();

}  // namespace simt

// The same for whoever has opened a library that holds the simulator and finds these by name.
// Errors are values of cudaError_t.
extern "C" {
void hostsim_set_seed(uint64_t seed);
void hostsim_set_device_count(int32_t count);
void hostsim_set_memory_limit(int64_t bytes);
void hostsim_set_compute_capability(int32_t major, int32_t minor);
void hostsim_set_driver_error(int32_t error);
void hostsim_set_sticky_faults(int32_t on);  // 1: FaultMode::StickyError
void hostsim_fail_next(const char* name, int32_t error);
void hostsim_clear_faults();
// Memory and a stream that are not the device's own, to wrap and to adopt; null when that failed.
void* hostsim_allocate(int64_t bytes);
void hostsim_free(void* memory);
void* hostsim_create_stream();
}
