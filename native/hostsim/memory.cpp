#include "memory.h"

#include <cstdlib>
#include <cstring>

#include "block.h"
#include "runtime.h"
#include "sanitizers.h"

namespace simt {

namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kGranularity = 512;  // what an allocation is charged in
constexpr unsigned char kUnwritten = 0xff;
constexpr unsigned char kRedZoneFill = 0xc5;
// AddressSanitizer has its own red zones.
constexpr size_t kRedZone = SIMT_ASAN ? 0 : kAlignment;

}  // namespace

Memory& memory() {
  static Memory& instance = *new Memory;
  return instance;
}

bool Memory::take(int device, size_t bytes) {
  size_t& taken = taken_[device];
  size_t limit = device_model().memory_bytes;
  if (bytes > limit || taken > limit - bytes) return false;
  taken += bytes;
  return true;
}

Allocation* Memory::allocate(size_t bytes, Allocation::Kind kind, int device,
                             CUmemPoolHandle_st* pool) {
  bool on_device = kind == Allocation::Kind::Device;
  size_t charged = (bytes + kGranularity - 1) / kGranularity * kGranularity;
  size_t missing = charged;
  if (pool) {
    uint64_t unused = pool->reserved - pool->used;
    missing = charged > unused ? charged - unused : 0;
  }
  if (on_device && !take(device, missing)) return nullptr;
  void* raw = nullptr;
  if (posix_memalign(&raw, kAlignment, bytes + 2 * kRedZone)) {
    if (on_device) taken_[device] -= missing;
    return nullptr;
  }
  if (pool) {
    pool->reserved += missing;
    pool->used += charged;
    pool->reserved_high = std::max(pool->reserved_high, pool->reserved);
    pool->used_high = std::max(pool->used_high, pool->used);
  }
  auto* data = static_cast<char*>(raw) + kRedZone;
  fill_unseen(data, kUnwritten, bytes);
  fill_unseen(raw, kRedZoneFill, kRedZone);
  fill_unseen(data + bytes, kRedZoneFill, kRedZone);
  Allocation allocation{data, bytes, charged, kind, device, pool, pool == nullptr};
  return &(allocations_[reinterpret_cast<uintptr_t>(data)] = allocation);
}

void Memory::free(Allocation* allocation) {
  if (allocation->pool) {
    allocation->pool->used -= allocation->charged_bytes;
  } else if (allocation->kind == Allocation::Kind::Device) {
    taken_[allocation->device] -= allocation->charged_bytes;
  }
  char* data = allocation->data;
  fill_unseen(data, kUnwritten, allocation->bytes);
  allocations_.erase(reinterpret_cast<uintptr_t>(data));
  last_found_ = nullptr;
  std::free(data - kRedZone);
}

void Memory::free_device(int device) {
  for (auto i = allocations_.begin(); i != allocations_.end();) {
    Allocation* allocation = &i->second;
    ++i;
    if (allocation->device == device) free(allocation);
  }
}

Allocation* Memory::find(const void* address) {
  auto* p = static_cast<const char*>(address);
  auto holds = [&](const Allocation& a) { return p >= a.data && p < a.data + a.bytes; };
  if (last_found_ && holds(*last_found_)) return last_found_;
  auto next = allocations_.upper_bound(reinterpret_cast<uintptr_t>(address));
  if (next == allocations_.begin()) return nullptr;
  Allocation& candidate = std::prev(next)->second;
  if (!holds(candidate)) return nullptr;
  last_found_ = &candidate;
  return last_found_;
}

bool Memory::covers(const Allocation* allocation, const void* address, size_t bytes) const {
  if (!allocation) return false;
  size_t offset = static_cast<size_t>(static_cast<const char*>(address) - allocation->data);
  return offset <= allocation->bytes && bytes <= allocation->bytes - offset;
}

void Memory::check_red_zones(const char* kernel) const {
  for (const auto& [start, a] : allocations_) {
    if (!filled_with(a.data - kRedZone, kRedZoneFill, kRedZone) ||
        !filled_with(a.data + a.bytes, kRedZoneFill, kRedZone)) {
      // Once is enough: the next kernel is not to blame.
      fill_unseen(a.data - kRedZone, kRedZoneFill, kRedZone);
      fill_unseen(a.data + a.bytes, kRedZoneFill, kRedZone);
      fail_with(cudaErrorIllegalAddress, "kernel %s wrote beside an allocation of %zu bytes",
                kernel, a.bytes);
    }
  }
}

void Memory::trim(CUmemPoolHandle_st& pool, uint64_t keep) {
  uint64_t remaining = std::min(pool.reserved, std::max(pool.used, keep));
  taken_[pool.device] -= pool.reserved - remaining;
  pool.reserved = remaining;
}

bool is_device_memory(const void* address, size_t bytes) {
  Allocation* allocation = memory().find(address);
  return memory().covers(allocation, address, bytes) && allocation->exists &&
         allocation->kind != Allocation::Kind::Pinned;
}

namespace {

// Takes device memory; what streams have yet to free, and what the pool holds unused, only when
// there is no other.
Allocation* allocate_on_device(Lock& lock, size_t bytes, CUmemPoolHandle_st* pool) {
  int device = current_device();
  Allocation* allocation = memory().allocate(bytes, Allocation::Kind::Device, device, pool);
  if (allocation) return allocation;
  run_all(lock, device);
  for (CUmemPoolHandle_st* other : pools()) {
    if (other->device == device) memory().trim(*other, 0);
  }
  return memory().allocate(bytes, Allocation::Kind::Device, device, pool);
}

cudaError_t allocate_in_stream(const char* name, void** address, size_t bytes,
                               CUmemPoolHandle_st* pool, cudaStream_t stream) {
  Call call(name);
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (!address) return call.fail(cudaErrorInvalidValue);
  if (!pool) pool = default_pool(target->device);
  if (!pools().count(pool)) return call.fail(cudaErrorInvalidValue);
  if (target->capture) return call.refuse_capture();
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  Allocation* allocation = allocate_on_device(call.lock(), bytes, pool);
  if (!allocation) return call.fail(cudaErrorMemoryAllocation);
  *address = allocation->data;
  return call.enqueue(target, {name, [allocation] { allocation->exists = true; }});
}

cudaError_t allocate_pinned(const char* name, void** address, size_t bytes, unsigned flags) {
  Call call(name);
  if (call.failed()) return call.error();
  if (!address) return call.fail(cudaErrorInvalidValue);
  if (call.capture_forbids()) return call.refuse_capture();
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  auto kind = flags & cudaHostAllocMapped ? Allocation::Kind::Mapped : Allocation::Kind::Pinned;
  Allocation* allocation = memory().allocate(bytes, kind, current_device(), nullptr);
  if (!allocation) return call.fail(cudaErrorMemoryAllocation);
  *address = allocation->data;
  return cudaSuccess;
}

}  // namespace

}  // namespace simt

using simt::Allocation;
using simt::Call;
using simt::memory;

cudaError_t cudaMalloc(void** address, size_t bytes) {
  Call call("cudaMalloc");
  if (call.failed()) return call.error();
  if (!address) return call.fail(cudaErrorInvalidValue);
  if (call.capture_forbids()) return call.refuse_capture();
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  Allocation* allocation = simt::allocate_on_device(call.lock(), bytes, nullptr);
  if (!allocation) return call.fail(cudaErrorMemoryAllocation);
  *address = allocation->data;
  return cudaSuccess;
}

// Waits for the whole device, as a real one does.
cudaError_t cudaFree(void* address) {
  Call call("cudaFree");
  if (call.failed()) return call.error();
  if (!address) return cudaSuccess;
  if (call.capture_forbids()) return call.refuse_capture();
  Allocation* allocation = memory().find(address);
  if (!allocation || allocation->data != address || allocation->kind != Allocation::Kind::Device) {
    return call.fail(cudaErrorInvalidValue);
  }
  simt::run_all(call.lock(), allocation->device);
  allocation = memory().find(address);
  if (!allocation) return call.fail(cudaErrorInvalidValue);
  memory().free(allocation);
  return call.result();
}

cudaError_t cudaMallocAsync(void** address, size_t bytes, cudaStream_t stream) {
  return simt::allocate_in_stream("cudaMallocAsync", address, bytes, nullptr, stream);
}

cudaError_t cudaMallocFromPoolAsync(void** address, size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  if (!pool) return cudaErrorInvalidValue;
  return simt::allocate_in_stream("cudaMallocFromPoolAsync", address, bytes, pool, stream);
}

cudaError_t cudaFreeAsync(void* address, cudaStream_t stream) {
  Call call("cudaFreeAsync");
  if (call.failed()) return call.error();
  simt::StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (!address) return cudaSuccess;
  Allocation* allocation = memory().find(address);
  if (!allocation || allocation->data != address || allocation->kind != Allocation::Kind::Device) {
    return call.fail(cudaErrorInvalidValue);
  }
  if (target->capture) return call.refuse_capture();
  return call.enqueue(target, {"cudaFreeAsync", [address] {
                                 Allocation* freed = memory().find(address);
                                 if (!freed || !freed->exists) {
                                   simt::fail(
                                       "cudaFreeAsync: %p is not allocated at this point of "
                                       "the stream",
                                       address);
                                 }
                                 memory().free(freed);
                               }});
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  Call call("cudaMemPoolCreate");
  if (call.failed()) return call.error();
  if (!pool || !properties || properties->allocType != cudaMemAllocationTypePinned ||
      properties->location.type != cudaMemLocationTypeDevice || properties->location.id < 0 ||
      properties->location.id >= simt::device_model().count) {
    return call.fail(cudaErrorInvalidValue);
  }
  auto* created = new CUmemPoolHandle_st;
  created->device = properties->location.id;
  simt::pools().insert(created);
  *pool = created;
  return cudaSuccess;
}

// What is still allocated from the pool must have been freed before, in stream order.
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  Call call("cudaMemPoolDestroy");
  if (call.failed()) return call.error();
  if (!simt::pools().count(pool)) return call.fail(cudaErrorInvalidValue);
  simt::run_all(call.lock(), pool->device);
  if (pool->used) return call.fail(cudaErrorInvalidValue);
  memory().trim(*pool, 0);
  simt::pools().erase(pool);
  delete pool;
  return call.result();
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  Call call("cudaMemPoolSetAttribute");
  if (call.failed()) return call.error();
  if (!simt::pools().count(pool) || !value) return call.fail(cudaErrorInvalidValue);
  switch (attribute) {
    case cudaMemPoolReuseFollowEventDependencies:
    case cudaMemPoolReuseAllowOpportunistic:
    case cudaMemPoolReuseAllowInternalDependencies:
      return cudaSuccess;  // addresses are never reused early here
    case cudaMemPoolAttrReleaseThreshold:
      pool->threshold = *static_cast<uint64_t*>(value);
      return cudaSuccess;
    case cudaMemPoolAttrReservedMemHigh:
    case cudaMemPoolAttrUsedMemHigh:
      if (*static_cast<uint64_t*>(value) != 0) return call.fail(cudaErrorInvalidValue);
      if (attribute == cudaMemPoolAttrUsedMemHigh) pool->used_high = pool->used;
      if (attribute == cudaMemPoolAttrReservedMemHigh) pool->reserved_high = pool->reserved;
      return cudaSuccess;
    default:
      return call.fail(cudaErrorInvalidValue);
  }
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  Call call("cudaMemPoolGetAttribute");
  if (call.failed()) return call.error();
  if (!simt::pools().count(pool) || !value) return call.fail(cudaErrorInvalidValue);
  auto* bytes = static_cast<uint64_t*>(value);
  switch (attribute) {
    case cudaMemPoolAttrReleaseThreshold:
      *bytes = pool->threshold;
      return cudaSuccess;
    case cudaMemPoolAttrReservedMemCurrent:
      *bytes = pool->reserved;
      return cudaSuccess;
    case cudaMemPoolAttrReservedMemHigh:
      *bytes = pool->reserved_high;
      return cudaSuccess;
    case cudaMemPoolAttrUsedMemCurrent:
      *bytes = pool->used;
      return cudaSuccess;
    case cudaMemPoolAttrUsedMemHigh:
      *bytes = pool->used_high;
      return cudaSuccess;
    default:
      *static_cast<int*>(value) = 1;
      return cudaSuccess;
  }
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t bytes_to_keep) {
  Call call("cudaMemPoolTrimTo");
  if (call.failed()) return call.error();
  if (!simt::pools().count(pool)) return call.fail(cudaErrorInvalidValue);
  memory().trim(*pool, bytes_to_keep);
  return cudaSuccess;
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  Call call("cudaDeviceGetDefaultMemPool");
  if (call.failed()) return call.error();
  if (!pool) return call.fail(cudaErrorInvalidValue);
  if (device < 0 || device >= simt::device_model().count) return call.fail(cudaErrorInvalidDevice);
  *pool = simt::default_pool(device);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  Call call("cudaMemGetInfo");
  if (call.failed()) return call.error();
  if (!free || !total) return call.fail(cudaErrorInvalidValue);
  size_t taken = memory().taken(simt::current_device());
  *total = simt::device_model().memory_bytes;
  *free = *total > taken ? *total - taken : 0;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** address, size_t bytes, unsigned flags) {
  return simt::allocate_pinned("cudaHostAlloc", address, bytes, flags);
}
cudaError_t cudaMallocHost(void** address, size_t bytes) {
  return simt::allocate_pinned("cudaMallocHost", address, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void* address) {
  Call call("cudaFreeHost");
  if (call.failed()) return call.error();
  if (!address) return cudaSuccess;
  if (call.capture_forbids()) return call.refuse_capture();
  Allocation* allocation = memory().find(address);
  if (!allocation || allocation->data != address || allocation->kind == Allocation::Kind::Device) {
    return call.fail(cudaErrorInvalidValue);
  }
  simt::run_all(call.lock(), allocation->device);
  allocation = memory().find(address);
  if (!allocation) return call.fail(cudaErrorInvalidValue);
  memory().free(allocation);
  return call.result();
}

cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned flags) {
  Call call("cudaHostGetDevicePointer");
  if (call.failed()) return call.error();
  Allocation* allocation = memory().find(host);
  if (!device || flags || !allocation || allocation->kind != Allocation::Kind::Mapped) {
    return call.fail(cudaErrorInvalidValue);
  }
  *device = host;
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  Call call("cudaPointerGetAttributes");
  if (call.failed()) return call.error();
  if (!attributes) return call.fail(cudaErrorInvalidValue);
  void* pointer = const_cast<void*>(address);
  Allocation* allocation = memory().find(address);
  if (!allocation) {
    *attributes = {cudaMemoryTypeUnregistered, -1, nullptr, pointer};
  } else if (allocation->kind == Allocation::Kind::Device) {
    *attributes = {cudaMemoryTypeDevice, allocation->device, pointer, nullptr};
  } else {
    bool mapped = allocation->kind == Allocation::Kind::Mapped;
    *attributes = {cudaMemoryTypeHost, allocation->device, mapped ? pointer : nullptr, pointer};
  }
  return cudaSuccess;
}

namespace {

// Whether the bytes may be one end of a copy: in one allocation, or all outside of device memory.
bool is_end(const void* address, size_t bytes, bool on_device) {
  Allocation* allocation = memory().find(address);
  if (allocation && !memory().covers(allocation, address, bytes)) return false;
  bool device = allocation && allocation->kind != Allocation::Kind::Pinned;
  bool host = !allocation || allocation->kind != Allocation::Kind::Device;
  return on_device ? device : host;
}

bool exists(const void* address) {
  Allocation* allocation = memory().find(address);
  return !allocation || allocation->exists;
}

bool on_device(const void* address) {
  Allocation* allocation = memory().find(address);
  return allocation && allocation->kind == Allocation::Kind::Device;
}

struct CopyKind {
  bool valid, to_device, from_device;
};
CopyKind copy_kind(const void* to, const void* from, cudaMemcpyKind kind) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return {true, false, false};
    case cudaMemcpyHostToDevice:
      return {true, true, false};
    case cudaMemcpyDeviceToHost:
      return {true, false, true};
    case cudaMemcpyDeviceToDevice:
      return {true, true, true};
    case cudaMemcpyDefault:
      return {true, on_device(to), on_device(from)};
    default:
      return {false, false, false};
  }
}

cudaError_t copy(Call& call, simt::StreamRef target, void* to, const void* from, size_t bytes,
                 CopyKind kind) {
  if (!kind.valid) return call.fail(cudaErrorInvalidMemcpyDirection);
  if (bytes == 0) return cudaSuccess;
  if (!to || !from || !is_end(to, bytes, kind.to_device) ||
      !is_end(from, bytes, kind.from_device)) {
    return call.fail(cudaErrorInvalidValue);
  }
  return call.enqueue(target, {"cudaMemcpy", [=] {
                                 if (!exists(to) || !exists(from)) {
                                   simt::fail_with(cudaErrorIllegalAddress,
                                                   "cudaMemcpy: memory that is not allocated at "
                                                   "this point of the stream");
                                 }
                                 std::memmove(to, from, bytes);
                               }});
}

cudaError_t fill(Call& call, simt::StreamRef target, void* address, int value, size_t bytes) {
  if (bytes == 0) return cudaSuccess;
  if (!address || !is_end(address, bytes, true)) return call.fail(cudaErrorInvalidValue);
  return call.enqueue(target, {"cudaMemset", [=] {
                                 if (!exists(address)) {
                                   simt::fail_with(cudaErrorIllegalAddress,
                                                   "cudaMemset: memory that is not allocated at "
                                                   "this point of the stream");
                                 }
                                 std::memset(address, value, bytes);
                               }});
}

}  // namespace

// Pageable host memory is treated like pinned memory: it must not change before the stream gets
// there. CUDA itself copies it at once, which no portable program may count on.
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  Call call("cudaMemcpyAsync");
  if (call.failed()) return call.error();
  simt::StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  return copy(call, target, to, from, bytes, copy_kind(to, from, kind));
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  Call call("cudaMemcpy");
  if (call.failed()) return call.error();
  if (call.capture_forbids()) return call.refuse_capture();
  simt::StreamRef target = call.stream(nullptr);
  CopyKind resolved = copy_kind(to, from, kind);
  cudaError_t error = copy(call, target, to, from, bytes, resolved);
  if (error != cudaSuccess || (resolved.to_device && resolved.from_device)) return error;
  simt::run_until(call.lock(), simt::last_of(target));
  return call.result();
}

cudaError_t cudaMemsetAsync(void* address, int value, size_t bytes, cudaStream_t stream) {
  Call call("cudaMemsetAsync");
  if (call.failed()) return call.error();
  simt::StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  return fill(call, target, address, value, bytes);
}

cudaError_t cudaMemset(void* address, int value, size_t bytes) {
  Call call("cudaMemset");
  if (call.failed()) return call.error();
  if (call.capture_forbids()) return call.refuse_capture();
  return fill(call, call.stream(nullptr), address, value, bytes);
}
