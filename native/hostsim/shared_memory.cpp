// Shared memory of the running block, and asynchronous copies into it.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "block.h"
#include "memory.h"
#include "random.h"
#include "sanitizers.h"

namespace simt {

namespace {

constexpr size_t kRedZone = 64;
constexpr unsigned char kRedZoneFill = 0xc5;
constexpr unsigned char kUnwritten = 0xff;  // floats of any type read NaN
constexpr size_t kMaxStaticBytes = 48 * 1024;
constexpr size_t kMaxBytes = 227 * 1024;
constexpr size_t kMaxArrays = 64;
constexpr size_t kArenaBytes =
    (kMaxBytes + (kMaxArrays + 1) * (2 * kRedZone + 1024) + 4095) / 4096 * 4096;

void poison(void* address, size_t bytes) {
#if SIMT_ASAN
  __asan_poison_memory_region(address, bytes);
#else
  (void)address;
  (void)bytes;
#endif
}
void unpoison(void* address, size_t bytes) {
#if SIMT_ASAN
  __asan_unpoison_memory_region(address, bytes);
#else
  (void)address;
  (void)bytes;
#endif
}

}  // namespace

void SharedMemory::start_block(size_t dynamic_bytes) {
  // Under ThreadSanitizer mapped anew for every block, which forgets the last block's accesses.
  if (!arena_ || SIMT_TSAN) {
    void* memory = mmap(arena_, kArenaBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | (arena_ ? MAP_FIXED : 0), -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    if (!arena_) poison(memory, kArenaBytes);
    arena_ = static_cast<char*>(memory);
    arrays_.reserve(kMaxArrays);
  }
  poison(arena_, (used_ + 7) / 8 * 8);
  arrays_.clear();
  used_ = 0;
  static_bytes_ = 0;
  allocate(nullptr, dynamic_bytes, 1024);
}

char* SharedMemory::allocate(const void* key, size_t bytes, size_t alignment) {
  size_t offset = (used_ + kRedZone + alignment - 1) / alignment * alignment;
  if (arrays_.size() == kMaxArrays || offset + bytes + kRedZone > kArenaBytes) {
    fail("more than %zu KiB or %zu arrays of shared memory", kMaxBytes / 1024, kMaxArrays);
  }
  char* data = arena_ + offset;
  unpoison(data, bytes);
  fill_unseen(data, kUnwritten, bytes);
#if !SIMT_ASAN
  fill_unseen(data - kRedZone, kRedZoneFill, kRedZone);
  fill_unseen(data + bytes, kRedZoneFill, kRedZone);
#endif
  used_ = offset + bytes;
  arrays_.push_back({key, data, bytes});
  return data;
}

void SharedMemory::check_red_zones() const {
#if !SIMT_ASAN
  for (const SharedArray& a : arrays_) {
    if (!filled_with(a.data - kRedZone, kRedZoneFill, kRedZone) ||
        !filled_with(a.data + a.bytes, kRedZoneFill, kRedZone)) {
      fail_with(cudaErrorIllegalAddress, "kernel %s wrote beside a %s shared array of %zu bytes",
                running.grid->name, a.key ? "static" : "dynamic", a.bytes);
    }
  }
#endif
}

void* SharedMemory::variable(const void* key, size_t bytes, size_t alignment) {
  for (const SharedArray& a : arrays_) {
    if (a.key == key) return a.data;
  }
  static_bytes_ += bytes;
  if (static_bytes_ > kMaxStaticBytes) {
    fail("static shared arrays of %zu bytes, more than %zu", static_bytes_, kMaxStaticBytes);
  }
  return allocate(key, bytes, std::max<size_t>(alignment, 16));
}

const SharedArray* SharedMemory::array_with(const void* address, size_t bytes) const {
  auto* first = static_cast<const char*>(address);
  for (const SharedArray& a : arrays_) {
    if (first >= a.data && first + bytes <= a.data + a.bytes) return &a;
  }
  return nullptr;
}

void* shared_variable(const void* key, size_t bytes, size_t alignment) {
  return running.shared.variable(key, bytes, alignment);
}

void* dynamic_shared() {
  return running.shared.dynamic();
}

void check_shared(const void* address, size_t bytes, const char* name) {
  if (running.shared.array_with(address, bytes)) return;
  fail_with(cudaErrorIllegalAddress, "%s: %zu bytes at %p are in no shared array", name, bytes,
            address);
}

namespace {

AsyncCopy* unused_copies = nullptr;

AsyncCopy* take_unused_copy() {
  if (!unused_copies) {
    constexpr size_t kCount = 1024;
    auto* copies = new AsyncCopy[kCount];
    for (size_t i = 0; i < kCount; i++) copies[i].next = i + 1 < kCount ? &copies[i + 1] : nullptr;
    unused_copies = copies;
  }
  AsyncCopy* copy = unused_copies;
  unused_copies = copy->next;
  return copy;
}

}  // namespace

void AsyncCopyQueue::push(const AsyncCopy& copy) {
  AsyncCopy* added = take_unused_copy();
  *added = copy;
  added->next = nullptr;
  (first_ ? last_->next : first_) = added;
  last_ = added;
}

void AsyncCopyQueue::pop() {
  AsyncCopy* done = first_;
  first_ = done->next;
  done->next = unused_copies;
  unused_copies = done;
}

namespace {

// The library's memcpy and memset, which the sanitizers watch.
void perform(AsyncCopy& copy) {
  auto* to = static_cast<char*>(copy.shared);
  if (copy.copy_bytes) std::memcpy(to, copy.global, copy.copy_bytes);
  if (copy.copy_bytes < copy.total_bytes) {
    std::memset(to + copy.copy_bytes, 0, copy.total_bytes - copy.copy_bytes);
  }
  copy.copy_bytes = copy.total_bytes = 0;
}

}  // namespace

void async_copy(void* shared, const void* global, unsigned copy_bytes, unsigned total_bytes) {
  Thread* me = running.current;
  if (!me) fail("cp.async: outside a kernel");
  me->operation = "cp.async";
  uintptr_t addresses = reinterpret_cast<uintptr_t>(shared);
  if (copy_bytes) addresses |= reinterpret_cast<uintptr_t>(global);
  if (addresses % total_bytes) {
    fail_with(cudaErrorMisalignedAddress, "cp.async: %p from %p is not %u-byte aligned", shared,
              global, total_bytes);
  }
#if !SIMT_ASAN  // which names the line when the copy is done
  check_shared(shared, total_bytes, "cp.async");
  if (copy_bytes && !is_device_memory(global, copy_bytes)) {
    fail_with(cudaErrorIllegalAddress, "cp.async: %u bytes at %p are not in device memory",
              copy_bytes, global);
  }
#endif
  AsyncCopy copy{shared, global, copy_bytes, total_bytes, me->open_group, nullptr};
  AsyncCopyTime time = config().async_copy_time;
  if (time == AsyncCopyTime::AtIssue || (time == AsyncCopyTime::Random && random_bits() % 2)) {
    perform(copy);
  }
  me->copies.push(copy);
}

void async_copy_commit() {
  running.current->open_group++;
}

void async_copy_wait(int pending_groups) {
  Thread* me = running.current;
  int64_t done_below = static_cast<int64_t>(me->open_group) - pending_groups;
  while (!me->copies.empty() && me->copies.front().group < done_below) {
    perform(me->copies.front());
    me->copies.pop();
  }
}

}  // namespace simt
