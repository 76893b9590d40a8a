// A stack of its own to run a CUDA thread on, and the switch from one stack to another.
#pragma once

#include <simt/types.h>

#include <cstddef>

// Our own switch, a dozen instructions, where we have written one; else the C library's, which
// enters the kernel each time.
#if !defined(__x86_64__) && !defined(SIMT_UCONTEXT)
#define SIMT_UCONTEXT
#endif
#if defined(SIMT_UCONTEXT)
#include <ucontext.h>
#endif

namespace simt {

struct Thread;

struct Fiber {
  void* stack_pointer = nullptr;
  char* stack = nullptr;
  size_t stack_bytes = 0;
  void* asan_fake_stack = nullptr;
  void* tsan_context = nullptr;
  Thread* start = nullptr;  // what an idle fiber runs when it is switched to
#if defined(SIMT_UCONTEXT)
  ucontext_t context;
#endif
};

// The fiber begins in `entry`, which must call fiber_entered() first and never return.
Fiber* new_fiber(size_t stack_bytes, void (*entry)());
// Whatever is on its stack is dropped, not destroyed.
void delete_fiber(Fiber* fiber);
// Makes `fiber` stand for the stack that this host thread is running on.
void adopt_host_stack(Fiber& fiber);

void switch_fiber(Fiber& from, Fiber& to);
void fiber_entered();

}  // namespace simt
