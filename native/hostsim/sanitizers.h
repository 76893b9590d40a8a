// What the simulator tells AddressSanitizer and ThreadSanitizer, and how it touches memory without
// their seeing it: their own mem* functions would count as accesses of the running fiber.
#pragma once

#include <simt/types.h>

#include <cstddef>

#if SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if SIMT_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" void __tsan_read_range(void* address, unsigned long bytes);
#endif

namespace simt {

// What happened before release(p) by one fiber happened before what follows acquire(p) in another.
inline void acquire(char* address) {
#if SIMT_TSAN
  __tsan_acquire(address);
#else
  (void)address;
#endif
}
inline void release(char* address) {
#if SIMT_TSAN
  __tsan_release(address);
#else
  (void)address;
#endif
}

inline void note_read(const void* address, size_t bytes) {
#if SIMT_TSAN
  __tsan_read_range(const_cast<void*>(address), bytes);
#else
  (void)address;
  (void)bytes;
#endif
}

inline void fill_unseen(void* address, unsigned char value, size_t bytes) {
#if defined(__x86_64__)
  asm volatile("rep stosb" : "+D"(address), "+c"(bytes) : "a"(value) : "memory");
#else
  auto* p = static_cast<volatile unsigned char*>(address);
  for (size_t i = 0; i < bytes; i++) p[i] = value;
#endif
}

inline bool filled_with(const void* address, unsigned char value, size_t bytes) {
  auto* p = static_cast<const unsigned char*>(address);
  for (size_t i = 0; i < bytes; i++) {
    if (p[i] != value) return false;
  }
  return true;
}

}  // namespace simt
