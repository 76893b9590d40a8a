// Takes turns: which thread of a block runs next, barriers, and the fibers that threads run on.
#include <algorithm>
#include <cstdlib>
#include <random>

#include "block.h"
#include "random.h"
#include "sanitizers.h"

namespace simt {

Builtins builtins;
#if SIMT_TSAN
uint3 thread_idx() {
  return builtins.thread_idx;
}
uint3 block_idx() {
  return builtins.block_idx;
}
dim3 block_dim() {
  return builtins.block_dim;
}
dim3 grid_dim() {
  return builtins.grid_dim;
}
#endif

namespace {

constexpr unsigned kMaxThreads = 1024;
// One pick in so many gives a warp a new place.
constexpr uint32_t kPriorityChange = 1024;
constexpr size_t kSyncAddresses = 1 << 16;

// Order::Pct. Warps have a random order, and the lanes of each have one; the first that can run does.
// Sets of warps and of lanes are masks in which the bit is the place in that order.
class PriorityList {
 public:
  // The orders of lanes to choose from are the same in every run: drawing them for each warp and
  // block would take longer than many a block.
  PriorityList() {
    std::minstd_rand draw(1);
    for (LaneOrder& order : lane_orders_) {
      for (uint8_t lane = 0; lane < 32; lane++) order.lane_at[lane] = lane;
      for (size_t i = 32; i > 1; i--) std::swap(order.lane_at[i - 1], order.lane_at[draw() % i]);
      for (uint8_t place = 0; place < 32; place++) order.place_of[order.lane_at[place]] = place;
    }
  }

  void start(size_t warp_count) {
    warp_count_ = warp_count;
    for (size_t w = 0; w < warp_count; w++) warp_at_[w] = static_cast<uint8_t>(w);
    for (size_t i = warp_count; i > 1; i--) std::swap(warp_at_[i - 1], warp_at_[random_below(i)]);
    for (size_t place = 0; place < warp_count; place++) {
      warps_[place] = {};
      warps_[place].order = &lane_orders_[random_below(kLaneOrders)];
    }
    able_ = 0;
    note_places();
  }

  void push(const Thread* thread) {
    size_t w = thread->linear / 32;
    warps_[w].able |= 1u << warps_[w].order->place_of[thread->lane];
    able_ |= 1u << warps_[w].place;
  }

  Thread* take() {
    if (!able_) return nullptr;
    int place = __builtin_ctz(able_);
    size_t w = warp_at_[place];
    Priority& warp = warps_[w];
    int lane = warp.order->lane_at[__builtin_ctz(warp.able)];
    warp.able &= warp.able - 1;
    if (!warp.able) able_ &= ~(1u << place);
    if (random_bits() % kPriorityChange == 0) move(static_cast<size_t>(place));
    return &running.threads[w * 32 + static_cast<size_t>(lane)];
  }

 private:
  static constexpr size_t kLaneOrders = 256;
  struct LaneOrder {
    uint8_t lane_at[32], place_of[32];
  };
  struct Priority {
    const LaneOrder* order = nullptr;
    uint32_t able = 0;
    uint8_t place = 0;
  };

  // The warp of this place gets another, which moves those between by one.
  void move(size_t from) {
    size_t to = random_below(warp_count_);
    // By hand: the library's rotate moves memory, which ThreadSanitizer takes for the fiber's doing.
    uint8_t warp = warp_at_[from];
    for (; from < to; from++) warp_at_[from] = warp_at_[from + 1];
    for (; from > to; from--) warp_at_[from] = warp_at_[from - 1];
    warp_at_[to] = warp;
    note_places();
  }

  void note_places() {
    able_ = 0;
    for (size_t place = 0; place < warp_count_; place++) {
      Priority& warp = warps_[warp_at_[place]];
      warp.place = static_cast<uint8_t>(place);
      if (warp.able) able_ |= 1u << place;
    }
  }

  LaneOrder lane_orders_[kLaneOrders];
  Priority warps_[kMaxThreads / 32];
  uint8_t warp_at_[kMaxThreads / 32];  // by place
  size_t warp_count_ = 0;
  uint32_t able_ = 0;  // places of warps with a lane that can run
};

// Threads that can run. Never allocates once a block runs.
class ReadyList {
 public:
  ReadyList() { threads_.reserve(2 * kMaxThreads); }

  void start() {
    threads_.clear();
    head_ = 0;
    if (config().order == Order::Pct) priorities_.start(running.warps.size());
  }

  void push(Thread* thread) {
    if (config().order == Order::Pct) {
      priorities_.push(thread);
    } else {
      threads_.push_back(thread);
    }
  }

  // Null when no thread can run.
  Thread* take() {
    if (config().order == Order::Pct) return priorities_.take();
    if (head_ == threads_.size()) return nullptr;
    Thread* thread;
    switch (config().order) {
      case Order::Ascending:
        thread = threads_[head_++];
        break;
      case Order::Descending:
        thread = take_back();
        break;
      default:
        std::swap(threads_[random_below(threads_.size())], threads_.back());
        thread = take_back();
        break;
    }
    if (head_ == threads_.size()) {
      threads_.clear();
      head_ = 0;
    }
    return thread;
  }

 private:
  Thread* take_back() {
    Thread* thread = threads_.back();
    threads_.pop_back();
    return thread;
  }

  PriorityList priorities_;
  std::vector<Thread*> threads_;
  size_t head_ = 0;  // Order::Ascending takes from the front
};

// Fibers without a thread. Under ThreadSanitizer first in, first out: threads that use one context
// after another are one thread to it, so a context rests as long as possible.
class IdleFibers {
 public:
  // Between blocks only, when all are idle.
  void provide(size_t count, void (*entry)()) {
    if (ring_.size() >= count) return;
    std::rotate(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(head_), ring_.end());
    head_ = 0;
    while (ring_.size() < count) {
      ring_.push_back(new_fiber(config().stack_bytes, entry));
      count_++;
    }
  }
  // After a block that failed: forgets those that are not idle.
  void forget_busy() {
    std::vector<Fiber*> idle;
    while (count_ > 0) idle.push_back(take());
    ring_ = idle;
    head_ = 0;
    count_ = idle.size();
  }

  size_t total() const { return ring_.size(); }
  void put(Fiber* fiber) { ring_[(head_ + count_++) % ring_.size()] = fiber; }
  Fiber* take() {
    count_--;
    if (!SIMT_TSAN) return ring_[(head_ + count_) % ring_.size()];
    Fiber* fiber = ring_[head_];
    head_ = (head_ + 1) % ring_.size();
    return fiber;
  }

 private:
  std::vector<Fiber*> ring_;
  size_t head_ = 0, count_ = 0;
};

// Never destroyed: static destructors of others may still launch, and LeakSanitizer finds the
// fibers.
struct Scheduler {
  ReadyList ready;
  IdleFibers idle;
  Fiber host;
  Fiber* current = nullptr;
  bool failed = false;
  Fault fault{};
  Statistics statistics;
  char start_sync = 0, end_sync = 0, fence_sync = 0;
  char sync_addresses[kSyncAddresses];
  size_t next_sync = 0;
};
Scheduler& scheduler = *new Scheduler;

void switch_to(Fiber* to) {
  Fiber* from = scheduler.current;
  if (from == to) return;
  scheduler.statistics.switches++;
  scheduler.current = to;
  switch_fiber(*from, *to);
}

// Goes on with `thread`, on a new fiber if it has not started.
void run_thread(Thread* thread) {
  if (!thread->fiber) {
    thread->fiber = scheduler.idle.take();
    thread->fiber->start = thread;
  }
  switch_to(thread->fiber);
}

void enter(Thread* thread) {
  running.current = thread;
  thread->state = Thread::State::Running;
  builtins.thread_idx = thread->index;
}

void release_barrier() {
  Barrier& barrier = running.barrier;
  if (running.alive < running.threads.size()) {
    fail("%s, but %zu threads of the block have returned", barrier.site,
         running.threads.size() - running.alive);
  }
  scheduler.statistics.barriers++;
  barrier.result_any = barrier.any;
  barrier.result_all = barrier.all;
  barrier.result_count = barrier.count;
  for (Thread* t : barrier.waiting) make_ready(t);
  barrier.waiting.clear();
  barrier.site = nullptr;
  barrier.any = barrier.count = 0;
  barrier.all = 1;
}

void wait_at_barrier(const char* site, int predicate) {
  Thread* me = running.current;
  if (!me) fail("%s: outside a kernel", site);
  Barrier& barrier = running.barrier;
  me->operation = site;
  if (!barrier.site) barrier.site = site;
  if (barrier.site != site) fail("divergent barriers: %s and %s", barrier.site, site);
  if (barrier.waiting.empty()) barrier.sync = new_sync_address();
  char* sync = barrier.sync;
  release(sync);
  me->state = Thread::State::AtBarrier;
  barrier.waiting.push_back(me);
  barrier.any |= predicate != 0;
  barrier.all &= predicate != 0;
  barrier.count += predicate != 0;
  if (barrier.waiting.size() == running.alive) release_barrier();
  run_others();
  acquire(sync);
}

void finish(Thread* thread) {
  thread->state = Thread::State::Done;
  Warp& warp = *thread->warp;
  warp.alive &= ~(1u << thread->lane);
  running.alive--;
  for (const Meeting& m : warp.meetings) {
    if (m.arrived && (m.mask >> thread->lane & 1)) {
      fail("lane %u returned while lanes of mask %08x wait in %s", thread->lane, m.mask, m.name);
    }
  }
  if (!thread->copies.empty()) fail("returned with asynchronous copies that were not waited for");
  if (running.alive && running.barrier.waiting.size() == running.alive) release_barrier();
}

// Runs a thread to its end, then, on the same stack if it may, the next that has not started.
void run_from(Thread* thread, Fiber* self) {
  for (;;) {
    enter(thread);
    acquire(&scheduler.start_sync);
    (*running.grid->body)();
    release(&scheduler.end_sync);
    finish(thread);
    running.current = nullptr;
    thread->fiber = nullptr;
    Thread* next = scheduler.ready.take();
    if (next && !next->fiber && !SIMT_TSAN) {
      next->fiber = self;
      thread = next;
      continue;
    }
    scheduler.idle.put(self);
    if (next) {
      run_thread(next);
    } else {
      if (running.alive) fail("deadlock: no thread can run");
      switch_to(&scheduler.host);
    }
    return;
  }
}

void fiber_main() {
  fiber_entered();
  for (;;) {
    Fiber* self = scheduler.current;
    run_from(self->start, self);
  }
}

void start_threads(dim3 shape) {
  size_t count = static_cast<size_t>(shape.x) * shape.y * shape.z;
  if (running.threads.size() != count) {
    running.threads = std::vector<Thread>(count);
    running.warps = std::vector<Warp>((count + 31) / 32);
    running.barrier.waiting.reserve(count);
  }
  for (unsigned i = 0; i < count; i++) {
    Thread& t = running.threads[i];
    t.index = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
    t.linear = i;
    t.lane = i % 32;
    t.warp = &running.warps[i / 32];
    t.fiber = nullptr;
    t.state = Thread::State::Ready;
    t.operation = nullptr;
    t.mask = 0;
    t.copies.clear();
    t.open_group = 0;
  }
  for (size_t w = 0; w < running.warps.size(); w++) {
    unsigned lanes = static_cast<unsigned>(std::min<size_t>(32, count - w * 32));
    running.warps[w].alive = lanes == 32 ? ~0u : (1u << lanes) - 1;
    for (Meeting& m : running.warps[w].meetings) m.arrived = 0;
  }
  running.alive = static_cast<unsigned>(count);
  running.barrier.site = nullptr;
  running.barrier.waiting.clear();
  running.barrier.any = running.barrier.count = 0;
  running.barrier.all = 1;
  scheduler.ready.start();
  for (Thread& t : running.threads) scheduler.ready.push(&t);
  size_t fibers = count;
  if (SIMT_TSAN) fibers = std::max(count + 16, config().tsan_contexts);
  scheduler.idle.provide(fibers, fiber_main);
  scheduler.statistics.fibers = scheduler.idle.total();
  scheduler.statistics.blocks++;
  scheduler.statistics.threads += count;
}

// Tells ThreadSanitizer that what the fiber has done is past: its buffers may be freed.
void come_after(const Fiber& fiber) {
#if SIMT_TSAN
  __tsan_switch_to_fiber(fiber.tsan_context, __tsan_switch_to_fiber_no_sync);
  release(&scheduler.end_sync);
  __tsan_switch_to_fiber(scheduler.host.tsan_context, __tsan_switch_to_fiber_no_sync);
#else
  (void)fiber;
#endif
}

// The fibers of a failed block are in the middle of something: they cannot be used again.
void drop_block() {
  scheduler.failed = false;
  for (Thread& t : running.threads) {
    if (!t.fiber) continue;
    come_after(*t.fiber);
    delete_fiber(t.fiber);
    t.fiber = nullptr;
  }
  scheduler.idle.forget_busy();
  running.current = nullptr;
  throw scheduler.fault;
}

void run_block(uint3 index, const Grid& grid) {
  builtins.block_idx = index;
  builtins.block_dim = grid.block;
  start_threads(grid.block);
  running.shared.start_block(grid.dynamic_shared_bytes);
  adopt_host_stack(scheduler.host);
  scheduler.current = &scheduler.host;
  release(&scheduler.start_sync);
  run_thread(scheduler.ready.take());
  if (scheduler.failed) drop_block();
  running.shared.check_red_zones();
}

std::vector<size_t> block_order(size_t count) {
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; i++) order[i] = i;
  if (config().order == Order::Descending) std::reverse(order.begin(), order.end());
  if (config().order == Order::Random || config().order == Order::Pct) {
    for (size_t i = count; i > 1; i--) std::swap(order[i - 1], order[random_below(i)]);
  }
  return order;
}

void describe_threads(std::string& text) {
  static const char* const kStates[] = {"ready", "running", "waits at", "waits in", "returned"};
  int shown = 0;
  for (const Thread& t : running.threads) {
    if (t.state == Thread::State::Done) continue;
    if (++shown > 12) {
      text += "  ...\n";
      return;
    }
    char line[256];
    std::snprintf(line, sizeof line, "  thread %u: %s %s", t.linear,
                  kStates[static_cast<int>(t.state)], t.operation ? t.operation : "");
    text += line;
    if (t.state == Thread::State::InCollective) {
      std::snprintf(line, sizeof line, " of mask %08x", t.mask);
      text += line;
    }
    text += "\n";
  }
}

}  // namespace

Block& running = *new Block;

const Statistics& statistics() {
  scheduler.statistics.collectives = running.collectives;
  return scheduler.statistics;
}
int lane() {
  return static_cast<int>(running.current->lane);
}
bool in_kernel() {
  return running.current != nullptr;
}

char* new_sync_address() {
  return &scheduler.sync_addresses[scheduler.next_sync++ % kSyncAddresses];
}

void make_ready(Thread* thread) {
  thread->state = Thread::State::Ready;
  thread->operation = nullptr;
  scheduler.ready.push(thread);
}

void run_others() {
  Thread* me = running.current;
  Thread* next = scheduler.ready.take();
  if (!next) fail("deadlock: no thread can run");
  if (next != me) run_thread(next);
  enter(me);
}

void barrier(const char* site) {
  wait_at_barrier(site, 0);
}
int barrier_or(const char* site, int predicate) {
  wait_at_barrier(site, predicate);
  return running.barrier.result_any;
}
int barrier_and(const char* site, int predicate) {
  wait_at_barrier(site, predicate);
  return running.barrier.result_all;
}
int barrier_count(const char* site, int predicate) {
  wait_at_barrier(site, predicate);
  return running.barrier.result_count;
}

void yield() {
  if (!running.current) return;
  make_ready(running.current);
  run_others();
}

// One order of all fences: what a thread wrote before its fence is seen by whoever fences later.
void fence() {
  acquire(&scheduler.fence_sync);
  release(&scheduler.fence_sync);
}

void run_grid(const Grid& grid) {
  if (running.current) die("a kernel launched a kernel");
  KernelSignals signals;
  // The host comes after all of the grid, a fault or not; but no block comes after another.
  struct Joined {
    ~Joined() { acquire(&scheduler.end_sync); }
  } joined;
  running.grid = &grid;
  builtins.grid_dim = grid.grid;
  size_t rows = static_cast<size_t>(grid.grid.x) * grid.grid.y;
  for (size_t i : block_order(rows * grid.grid.z)) {
    run_block(
        {static_cast<unsigned>(i % grid.grid.x),
         static_cast<unsigned>(i / grid.grid.x % grid.grid.y), static_cast<unsigned>(i / rows)},
        grid);
  }
}

std::string describe_place() {
  std::string text;
  if (const Thread* t = running.current) {
    char line[256];
    const uint3& b = builtins.block_idx;
    std::snprintf(line, sizeof line,
                  "  in kernel %s, block (%u,%u,%u), thread (%u,%u,%u), lane %u, seed %llu\n",
                  running.grid->name, b.x, b.y, b.z, t->index.x, t->index.y, t->index.z, t->lane,
                  static_cast<unsigned long long>(seed()));
    text += line;
    describe_threads(text);
  }
  return text;
}

void leave_kernel(Fault fault) {
  if (!running.current) throw fault;
  scheduler.fault = fault;
  scheduler.failed = true;
  switch_to(&scheduler.host);
  std::abort();  // nobody switches back
}

}  // namespace simt
