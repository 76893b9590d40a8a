#include "cuda/fault.h"

#include <algorithm>

#include "cuda/check.h"

namespace dn::cuda {

FaultTable::FaultTable() : describe_(kSlots) {
  void* memory = nullptr;
  DN_CUDA(cudaHostAlloc(&memory, kSlots * sizeof(unsigned long long), cudaHostAllocMapped));
  host_ = static_cast<unsigned long long*>(memory);
  for (int i = 0; i < kSlots; ++i) host_[i] = kNoFault;
  void* device = nullptr;
  const cudaError_t error = cudaHostGetDevicePointer(&device, memory, 0);
  if (error != cudaSuccess) {
    ignore(cudaFreeHost(memory));
    check(error, "cudaHostGetDevicePointer");
  }
  device_ = static_cast<unsigned long long*>(device);
}

FaultTable::~FaultTable() {
  ignore(cudaFreeHost(const_cast<unsigned long long*>(host_)));
}

std::shared_ptr<const FaultTable::Slot> FaultTable::reserve(Describe describe) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < kSlots; ++i) {
    if (describe_[i]) continue;
    describe_[i] = std::move(describe);
    used_ = std::max(used_, i + 1);
    return std::shared_ptr<const Slot>(new Slot{device_ + i},
                                       [self = shared_from_this(), i](const Slot* slot) {
                                         const std::lock_guard lock(self->mutex_);
                                         self->describe_[i] = nullptr;
                                         self->host_[i] = kNoFault;
                                         delete slot;
                                       });
  }
  fail(DN_UNSUPPORTED, "more than ", kSlots, " kernels of this device's programs check their data");
}

void FaultTable::raise() {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < used_; ++i) {
    const unsigned long long found = host_[i];
    if (found == kNoFault || !describe_[i]) continue;
    host_[i] = kNoFault;
    fail(DN_INVALID_ARGUMENT, describe_[i]((int64_t)(found >> 32), (int32_t)(uint32_t)found));
  }
}

}  // namespace dn::cuda
