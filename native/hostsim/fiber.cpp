#include "fiber.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

#include "sanitizers.h"

namespace simt {

#if !defined(SIMT_UCONTEXT)
// Saves what the ABI asks a callee to keep, changes the stack, restores.
extern "C" void simt_switch_stack(void** save_to, void* load_from);
asm(R"(
.text
.globl simt_switch_stack
.hidden simt_switch_stack
.type simt_switch_stack,@function
simt_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch_stack,.-simt_switch_stack
)");
#endif

namespace {

size_t page_bytes() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Fiber* new_fiber(size_t stack_bytes, void (*entry)()) {
  // Below the stack a page that faults: an overflow must not reach another fiber's stack.
  size_t guard = page_bytes();
  void* memory = mmap(nullptr, stack_bytes + guard, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, guard, PROT_NONE);
  auto* fiber = new Fiber;
  fiber->stack = static_cast<char*>(memory) + guard;
  fiber->stack_bytes = stack_bytes;
#if SIMT_TSAN
  fiber->tsan_context = __tsan_create_fiber(0);
#endif
#if defined(SIMT_UCONTEXT)
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack;
  fiber->context.uc_stack.ss_size = stack_bytes;
  fiber->context.uc_link = nullptr;
  makecontext(&fiber->context, entry, 0);
#else
  // What simt_switch_stack pops: six registers, then the address to return to. At entry the stack
  // is aligned as after a call.
  auto** top = reinterpret_cast<void**>(fiber->stack + stack_bytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  fiber->stack_pointer = top;
#endif
  return fiber;
}

void delete_fiber(Fiber* fiber) {
#if SIMT_ASAN
  __asan_unpoison_memory_region(fiber->stack, fiber->stack_bytes);
#endif
#if SIMT_TSAN
  __tsan_destroy_fiber(fiber->tsan_context);
#endif
  size_t guard = page_bytes();
  munmap(fiber->stack - guard, fiber->stack_bytes + guard);
  delete fiber;
}

void adopt_host_stack(Fiber& fiber) {
#if SIMT_ASAN
  // Kept per host thread: asking reads /proc/self/maps, which is long once there are many fibers.
  static thread_local char* stack = nullptr;
  static thread_local size_t stack_bytes = 0;
  if (!stack) {
    pthread_attr_t attributes;
    void* low;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &stack_bytes);
    pthread_attr_destroy(&attributes);
    stack = static_cast<char*>(low);
  }
  fiber.stack = stack;
  fiber.stack_bytes = stack_bytes;
#endif
#if SIMT_TSAN
  fiber.tsan_context = __tsan_get_current_fiber();
#endif
  (void)fiber;
}

void switch_fiber(Fiber& from, Fiber& to) {
#if SIMT_ASAN
  __sanitizer_start_switch_fiber(&from.asan_fake_stack, to.stack, to.stack_bytes);
#endif
#if SIMT_TSAN
  // A switch orders nothing: only barriers do.
  __tsan_switch_to_fiber(to.tsan_context, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(SIMT_UCONTEXT)
  swapcontext(&from.context, &to.context);
#else
  simt_switch_stack(&from.stack_pointer, to.stack_pointer);
#endif
#if SIMT_ASAN
  __sanitizer_finish_switch_fiber(from.asan_fake_stack, nullptr, nullptr);
#endif
}

void fiber_entered() {
#if SIMT_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

}  // namespace simt
