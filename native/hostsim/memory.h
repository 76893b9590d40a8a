// Device and pinned memory: who owns an address, and how much of the device is taken.
#pragma once

#include <simt/runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <map>

struct CUmemPoolHandle_st {
  int device = 0;
  uint64_t threshold = 0;
  uint64_t used = 0, used_high = 0;          // by allocations
  uint64_t reserved = 0, reserved_high = 0;  // taken from the device
};

namespace simt {

struct Allocation {
  enum class Kind { Device, Pinned, Mapped };
  char* data;
  size_t bytes;
  size_t charged_bytes;
  Kind kind;
  int device;
  CUmemPoolHandle_st* pool;  // null: taken from the device itself
  // What is allocated in stream order exists when the stream gets there, and no longer once it has
  // been freed there.
  bool exists;
};

class Memory {
 public:
  // Null when the device has not so much left.
  Allocation* allocate(size_t bytes, Allocation::Kind kind, int device, CUmemPoolHandle_st* pool);
  void free(Allocation* allocation);
  void free_device(int device);

  // The allocation in which the address lies, or null.
  Allocation* find(const void* address);
  // True when all of the bytes lie in one allocation.
  bool covers(const Allocation* allocation, const void* address, size_t bytes) const;

  // Fails when something has written beside an allocation.
  void check_red_zones(const char* kernel) const;
  size_t taken(int device) const { return taken_.count(device) ? taken_.at(device) : 0; }
  void trim(CUmemPoolHandle_st& pool, uint64_t keep);

 private:
  bool take(int device, size_t bytes);

  std::map<uintptr_t, Allocation> allocations_;
  std::map<int, size_t> taken_;
  Allocation* last_found_ = nullptr;
};
Memory& memory();

// True when a kernel may use these bytes now.
bool is_device_memory(const void* address, size_t bytes);

}  // namespace simt
