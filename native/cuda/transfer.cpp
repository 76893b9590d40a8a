#include "cuda/transfer.h"

#include <algorithm>
#include <cstring>

#include "cuda/check.h"

namespace dn::cuda {

namespace {

constexpr int64_t kSmallBytes = 64 << 10;
constexpr int64_t kLargestPart = 64 << 20;  // larger transfers are cut

int64_t capacity_for(int64_t bytes) {
  int64_t capacity = kSmallBytes;
  while (capacity < bytes) capacity *= 2;
  return capacity;
}

}  // namespace

Transfers::~Transfers() {
  free(small_);
  free(large_);
}

void Transfers::free(Ring& ring) {
  for (Slot& slot : ring.slots) {
    if (slot.consumed) ignore(cudaEventSynchronize(slot.consumed));
    if (slot.arrived) ignore(cudaEventDestroy(slot.arrived));
    if (slot.consumed) ignore(cudaEventDestroy(slot.consumed));
    if (slot.pinned) ignore(cudaFreeHost(slot.pinned));
    if (slot.device) ignore(cudaFree(slot.device));
    slot = {};
  }
}

void Transfers::release() {
  while (!reads_.empty()) finish_oldest_read();
  free(small_);
  free(large_);
}

Transfers::Slot& Transfers::acquire(Ring& ring, int64_t bytes) {
  Slot& slot = ring.slots[ring.next];
  ring.next = (ring.next + 1) % ring.slots.size();
  while (slot.reading) finish_oldest_read();
  if (!slot.consumed) {
    DN_CUDA(cudaEventCreateWithFlags(&slot.consumed, cudaEventDisableTiming));
    DN_CUDA(cudaEventCreateWithFlags(&slot.arrived, cudaEventDisableTiming));
  }
  DN_CUDA(cudaEventSynchronize(slot.consumed));
  if (slot.pinned_bytes < bytes) {
    if (slot.pinned) DN_CUDA(cudaFreeHost(slot.pinned));
    slot.pinned = nullptr;
    slot.pinned_bytes = 0;
    const int64_t capacity = capacity_for(bytes);
    DN_CUDA(cudaHostAlloc(&slot.pinned, capacity, cudaHostAllocDefault));
    slot.pinned_bytes = capacity;
  }
  return slot;
}

void Transfers::write(void* device, const void* host, int64_t bytes) {
  for (int64_t done = 0; done < bytes; done += kLargestPart)
    write_part(static_cast<char*>(device) + done, static_cast<const char*>(host) + done,
               std::min(kLargestPart, bytes - done));
}

void Transfers::write_part(void* device, const void* host, int64_t bytes) {
  if (bytes <= kSmallBytes) {
    Slot& slot = acquire(small_, bytes);
    std::memcpy(slot.pinned, host, bytes);
    DN_CUDA(cudaMemcpyAsync(device, slot.pinned, bytes, cudaMemcpyHostToDevice, compute_));
    DN_CUDA(cudaEventRecord(slot.consumed, compute_));
    return;
  }
  Slot& slot = acquire(large_, bytes);
  if (slot.device_bytes < bytes) {
    if (slot.device) DN_CUDA(cudaFree(slot.device));
    slot.device = nullptr;
    slot.device_bytes = 0;
    const int64_t capacity = capacity_for(bytes);
    DN_CUDA(cudaMalloc(&slot.device, capacity));
    slot.device_bytes = capacity;
  }
  std::memcpy(slot.pinned, host, bytes);
  DN_CUDA(cudaMemcpyAsync(slot.device, slot.pinned, bytes, cudaMemcpyHostToDevice, copy_));
  DN_CUDA(cudaEventRecord(slot.arrived, copy_));
  DN_CUDA(cudaStreamWaitEvent(compute_, slot.arrived, 0));
  DN_CUDA(cudaMemcpyAsync(device, slot.device, bytes, cudaMemcpyDeviceToDevice, compute_));
  DN_CUDA(cudaEventRecord(slot.consumed, compute_));
}

void Transfers::read(void* host, const void* device, int64_t bytes) {
  for (int64_t done = 0; done < bytes; done += kLargestPart) {
    const int64_t part = std::min(kLargestPart, bytes - done);
    Slot& slot = acquire(part <= kSmallBytes ? small_ : large_, part);
    DN_CUDA(cudaMemcpyAsync(slot.pinned, static_cast<const char*>(device) + done, part,
                            cudaMemcpyDeviceToHost, compute_));
    DN_CUDA(cudaEventRecord(slot.consumed, compute_));
    slot.reading = true;
    reads_.push_back({&slot, static_cast<char*>(host) + done, part});
  }
}

void Transfers::finish_oldest_read() {
  const Read read = reads_.front();
  DN_CUDA(cudaEventSynchronize(read.slot->consumed));
  std::memcpy(read.host, read.slot->pinned, read.bytes);
  read.slot->reading = false;
  reads_.pop_front();
}

void Transfers::complete() {
  while (!reads_.empty()) {
    const cudaError_t state = cudaEventQuery(reads_.front().slot->consumed);
    if (state == cudaErrorNotReady) return;
    check(state, "cudaEventQuery");
    finish_oldest_read();
  }
}

}  // namespace dn::cuda
