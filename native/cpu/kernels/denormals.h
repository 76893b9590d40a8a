// Denormal numbers count as zero on the calling thread from here on. Every parallel region begins with it: a
// worker may be new, and only a region reaches it.
#pragma once

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace dn::cpu {

// Of each file its own: files are compiled for different instruction sets.
static inline void flush_denormals() {
#if defined(__SSE2__)
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
#endif
}

}  // namespace dn::cpu
