// The block that is running: its threads, warps, barrier and shared memory.
//
// There is one at a time in the process. Whoever runs a grid holds the runtime's lock.
#pragma once

#include <simt.h>

#include <functional>
#include <string>
#include <vector>

#include "fiber.h"

namespace simt {

struct AsyncCopy {
  void* shared;
  const void* global;
  unsigned copy_bytes, total_bytes;  // total_bytes = 0: done
  unsigned group;
  AsyncCopy* next;
};

// Copies that a thread has issued, oldest first. What it took is kept for other threads, not given
// back: ThreadSanitizer would see that as a race.
class AsyncCopyQueue {
 public:
  bool empty() const { return !first_; }
  AsyncCopy& front() { return *first_; }
  void pop();
  void push(const AsyncCopy& copy);
  void clear() {
    while (first_) pop();
  }

 private:
  AsyncCopy* first_ = nullptr;
  AsyncCopy* last_ = nullptr;
};

struct Warp;

struct Thread {
  enum class State : uint8_t { Ready, Running, AtBarrier, InCollective, Done };
  uint3 index;
  unsigned linear, lane;
  Warp* warp;
  Fiber* fiber;
  State state;
  // Where it waits.
  const char* operation;
  unsigned mask;
  AsyncCopyQueue copies;
  unsigned open_group;  // the group that the next copy belongs to
};

// Lanes of one mask on their way into a collective.
struct Meeting {
  unsigned mask = 0, arrived = 0;
  const char* name = nullptr;
  char* sync = nullptr;
  void* operands[32];
};

struct Warp {
  static constexpr int kMeetings = 8;
  unsigned alive = 0;  // lanes that have not returned
  Meeting meetings[kMeetings];
};

struct Barrier {
  const char* site = nullptr;
  char* sync = nullptr;
  std::vector<Thread*> waiting;
  int any = 0, all = 1, count = 0;                       // of those that have come
  int result_any = 0, result_all = 0, result_count = 0;  // of the last that was released
};

struct SharedArray {
  const void* key;  // null: the dynamic one
  char* data;
  size_t bytes;
};

class SharedMemory {
 public:
  void start_block(size_t dynamic_bytes);
  // Fails when a kernel has written beside an array.
  void check_red_zones() const;
  void* variable(const void* key, size_t bytes, size_t alignment);
  void* dynamic() const { return arrays_.front().data; }
  const SharedArray* array_with(const void* address, size_t bytes) const;
  bool in_arena(const void* address) const;

 private:
  char* allocate(const void* key, size_t bytes, size_t alignment);

  std::vector<SharedArray> arrays_;
  char* arena_ = nullptr;
  size_t used_ = 0;
  size_t static_bytes_ = 0;
};

struct Grid {
  const char* name;
  dim3 grid, block;
  size_t dynamic_shared_bytes;
  const std::function<void()>* body;
};

struct Block {
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  unsigned alive = 0;
  Thread* current = nullptr;
  Barrier barrier;
  SharedMemory shared;
  const Grid* grid = nullptr;
  uint64_t collectives = 0;  // since the process began
};
extern Block& running;

// While it lives, a fault of the processor in a kernel is one of the kernel (StickyError mode
// only).
class KernelSignals {
 public:
  KernelSignals();
  ~KernelSignals();
  KernelSignals(const KernelSignals&) = delete;
  KernelSignals& operator=(const KernelSignals&) = delete;

 private:
  bool installed_;
};

// Runs every thread of the grid. Throws Fault when one fails and faults are errors.
void run_grid(const Grid& grid);

// Puts the thread that runs into the list of those that can, or waits until something else does.
void make_ready(Thread* thread);
void run_others();

// The address by which ThreadSanitizer learns what one barrier orders. Each has its own: a thread
// that wakes late would else also come after what the others have done since.
char* new_sync_address();

// A fault that the simulator found, on its way from the kernel to the stream that ran it.
struct Fault {
  cudaError_t error;
};
// Gives up the running grid, or the operation of a stream that is no kernel.
[[noreturn]] void leave_kernel(Fault fault);
// Where the running kernel is and what its threads do; empty outside a kernel.
std::string describe_place();
// Ends the process, whatever the fault mode: for misuse that is no device's fault.
[[noreturn]] void die(const char* format, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void fail_with(cudaError_t error, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

}  // namespace simt
