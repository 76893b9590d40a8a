// Bad data that a kernel finds (a label outside its classes), told to the host without stopping.
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dn::cuda {

// Slots of 64 bits in host memory that kernels can write. A kernel does
//   atomicMin(slot, (index << 32) | (uint32_t)value)
// where something is wrong; the lowest index wins. kNoFault: nothing is wrong.
class FaultTable : public std::enable_shared_from_this<FaultTable> {
 public:
  static constexpr unsigned long long kNoFault = ~0ull;
  static constexpr int kSlots = 1024;

  FaultTable();
  ~FaultTable();
  FaultTable(const FaultTable&) = delete;
  FaultTable& operator=(const FaultTable&) = delete;

  // Reserves a slot for one kernel of a program; given back with the last copy of the result.
  // describe(index, value) is the error's text.
  struct Slot {
    unsigned long long* device;  // what the kernel gets
  };
  using Describe = std::function<std::string(int64_t index, int32_t value)>;
  std::shared_ptr<const Slot> reserve(Describe describe);

  // Throws DN_INVALID_ARGUMENT with the text of a slot that was written, after clearing it.
  void raise();

 private:
  std::mutex mutex_;
  volatile unsigned long long* host_ = nullptr;
  unsigned long long* device_ = nullptr;
  std::vector<Describe> describe_;  // by slot; empty: free
  int used_ = 0;                    // slots from here on were never reserved
};

}  // namespace dn::cuda
