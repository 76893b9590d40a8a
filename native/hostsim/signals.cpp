// Faults of the processor in a kernel: the address that no allocation is near.
#include <pthread.h>
#include <signal.h>

#include "block.h"

namespace simt {

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS};
struct sigaction previous[2];
pthread_t kernel_thread;

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& action = previous[signal == SIGSEGV ? 0 : 1];
  if (action.sa_flags & SA_SIGINFO) {
    action.sa_sigaction(signal, info, context);
  } else if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
    action.sa_handler(signal);
  } else {
    sigaction(signal, &action, nullptr);  // the instruction is tried again, and ends the process
  }
}

// Other threads of the process may have handlers of their own and faults to handle (.NET does).
void handle(int signal, siginfo_t* info, void* context) {
  if (!pthread_equal(pthread_self(), kernel_thread) || !running.current) {
    pass_on(signal, info, context);
    return;
  }
  // Left for good: the switch to the host's stack is no return from the handler.
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
  fail_with(cudaErrorIllegalAddress, "access to %p", info->si_addr);
}

}  // namespace

// A sanitizer's own handler tells more.
KernelSignals::KernelSignals()
    : installed_(config().fault_mode == FaultMode::StickyError && !SIMT_ASAN && !SIMT_TSAN) {
  if (!installed_) return;
  kernel_thread = pthread_self();
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO;
  for (int i = 0; i < 2; i++) sigaction(kSignals[i], &action, &previous[i]);
}

KernelSignals::~KernelSignals() {
  if (!installed_) return;
  for (int i = 0; i < 2; i++) sigaction(kSignals[i], &previous[i], nullptr);
}

}  // namespace simt
