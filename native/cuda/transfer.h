// Copies between host and device through page-locked memory, without the host waiting for them.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <deque>
#include <vector>

namespace dn::cuda {

// Writes: the caller's data is copied into a page-locked slot at once. Large ones then travel on
// the copy stream into a device buffer, beside the running step, and are moved into the tensor in
// the compute stream's order; small ones go straight into the compute stream.
// Reads: into a page-locked slot in the compute stream's order; complete() moves those that have
// arrived into the caller's memory.
// Not thread-safe; the device's lock covers it.
class Transfers {
 public:
  Transfers(cudaStream_t compute, cudaStream_t copy) : compute_(compute), copy_(copy) {}
  ~Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  void set_compute(cudaStream_t stream) { compute_ = stream; }
  void write(void* device, const void* host, int64_t bytes);
  void read(void* host, const void* device, int64_t bytes);
  // Moves the reads that have arrived to where they were asked for, in order; never blocks.
  void complete();
  // Gives the buffers back; waits for what is under way.
  void release();

 private:
  struct Slot {
    void* pinned = nullptr;
    void* device = nullptr;  // of large writes
    int64_t pinned_bytes = 0, device_bytes = 0;
    cudaEvent_t arrived = nullptr;   // in the device buffer
    cudaEvent_t consumed = nullptr;  // free again
    bool reading = false;            // holds a read that complete() has not moved yet
  };
  struct Ring {
    std::vector<Slot> slots;
    size_t next = 0;
  };
  struct Read {
    Slot* slot;
    void* host;
    int64_t bytes;
  };

  // The next slot, free and with that much page-locked memory.
  Slot& acquire(Ring& ring, int64_t bytes);
  void write_part(void* device, const void* host, int64_t bytes);
  void finish_oldest_read();
  static void free(Ring& ring);

  cudaStream_t compute_, copy_;
  // Several small writes and reads, and two large writes, may be under way at once.
  Ring small_{std::vector<Slot>(32), 0};
  Ring large_{std::vector<Slot>(4), 0};
  std::deque<Read> reads_;
};

}  // namespace dn::cuda
