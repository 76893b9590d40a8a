// Streams and events. Queued work runs only when someone waits, and streams take turns at random.
#include <algorithm>
#include <condition_variable>

#include "block.h"
#include "memory.h"
#include "random.h"
#include "runtime.h"

struct CUevent_st {
  int device = 0;
  unsigned flags = 0;
  simt::Ticket last;  // no stream: never recorded
  std::chrono::steady_clock::time_point time{};
  // Recorded in a capture: the capture and what an operation after the event comes after.
  simt::CaptureRef capture;
  std::vector<size_t> capture_point;
};

namespace simt {

namespace {

using EventRef = std::shared_ptr<CUevent_st>;

struct State {
  std::vector<StreamRef> streams;  // null streams too, and destroyed ones that have work left
  std::vector<StreamRef> null_streams;
  std::vector<EventRef> events;
  std::condition_variable host_function_done;
};
State& state() {
  static State& instance = *new State;
  return instance;
}

thread_local bool inside_host_function = false;

EventRef find_event(cudaEvent_t handle) {
  for (const EventRef& e : state().events) {
    if (e.get() == handle) return e;
  }
  return nullptr;
}

StreamRef null_stream(int device) {
  auto& streams = state().null_streams;
  while (streams.size() <= static_cast<size_t>(device)) {
    auto stream = std::make_shared<CUstream_st>();
    stream->device = static_cast<int>(streams.size());
    streams.push_back(stream);
    state().streams.push_back(stream);
  }
  return streams[static_cast<size_t>(device)];
}

bool is_null_stream(const StreamRef& stream) {
  return null_stream(stream->device) == stream;
}

bool can_run(const CUstream_st& stream) {
  if (stream.queue.empty() || stream.busy) return false;
  for (const Ticket& t : stream.queue.front().after) {
    if (!t.reached()) return false;
  }
  return true;
}

StreamRef choose_stream() {
  std::vector<StreamRef> able;
  for (const StreamRef& s : state().streams) {
    if (can_run(*s)) able.push_back(s);
  }
  if (able.empty()) return nullptr;
  switch (config().order) {
    case Order::Ascending:
      return able.front();
    case Order::Descending:
      return able.back();
    default:
      return able[random_below(able.size())];
  }
}

// What a fault leaves behind: nothing of the device runs any more.
void drop_work(int device) {
  for (const StreamRef& s : state().streams) {
    if (s->device != device || s->busy) continue;
    s->queue.clear();
    s->done = s->issued;
  }
}

void run_host_function(Lock& lock, CUstream_st& stream, const std::function<void()>& function) {
  // Without the lock: the function may wait for a thread that is about to call the runtime.
  stream.busy = true;
  lock.unlock();
  inside_host_function = true;
  function();
  inside_host_function = false;
  lock.lock();
  stream.busy = false;
  state().host_function_done.notify_all();
}

void run(Lock& lock, CUstream_st& stream, bool is_host_function,
         const std::function<void()>& function) {
  if (!function) return;
  if (is_host_function) {
    run_host_function(lock, stream, function);
    return;
  }
  try {
    function();
  } catch (const Fault& fault) {
    set_sticky_error(stream.device, fault.error);
  }
}

// One node of the replay, a random one of those that may run. True: that was the last.
bool advance(Lock& lock, CUstream_st& stream, Replay& replay) {
  if (replay.remaining == 0) return true;
  size_t pick = 0;
  if (config().order == Order::Random || config().order == Order::Pct) {
    pick = random_below(replay.ready.size());
  } else if (config().order == Order::Descending) {
    pick = replay.ready.size() - 1;
  }
  size_t index = replay.ready[pick];
  replay.ready.erase(replay.ready.begin() + static_cast<std::ptrdiff_t>(pick));
  const GraphNode& node = (*replay.nodes)[index];
  run(lock, stream, node.is_host_function, node.run);
  for (size_t follower : replay.followers[index]) {
    if (--replay.pending_count[follower] == 0) replay.ready.push_back(follower);
  }
  return --replay.remaining == 0;
}

void forget_destroyed() {
  auto& streams = state().streams;
  streams.erase(std::remove_if(streams.begin(), streams.end(),
                               [](const StreamRef& s) {
                                 return s->destroyed && s->queue.empty() && !s->busy;
                               }),
                streams.end());
}

// Runs one operation, or one node of a graph, of one stream. False: none can run.
bool step(Lock& lock) {
  StreamRef stream = choose_stream();
  if (!stream) return false;
  if (stream->queue.front().replay) {
    std::shared_ptr<Replay> replay = stream->queue.front().replay;
    if (!advance(lock, *stream, *replay)) {
      if (sticky_error(stream->device) != cudaSuccess) drop_work(stream->device);
      return true;
    }
  }
  Operation operation = std::move(stream->queue.front());
  run(lock, *stream, operation.is_host_function, operation.run);
  // A reset may have emptied the queue while the lock was free.
  if (!stream->queue.empty()) {
    stream->queue.pop_front();
    stream->done++;
  }
  if (sticky_error(stream->device) != cudaSuccess) drop_work(stream->device);
  if (stream->destroyed) forget_destroyed();
  return true;
}

template <typename Condition>
void run_while(Lock& lock, Condition more) {
  while (more()) {
    if (step(lock)) continue;
    if (!more()) return;
    bool busy = std::any_of(state().streams.begin(), state().streams.end(),
                            [](const StreamRef& s) { return s->busy; });
    if (!busy) die("deadlock: streams wait for each other");
    state().host_function_done.wait(lock);
  }
}

}  // namespace

bool Ticket::reached() const {
  return !stream || stream->done >= number;
}
bool in_host_function() {
  return inside_host_function;
}
const std::vector<StreamRef>& streams() {
  return state().streams;
}
Ticket last_of(const StreamRef& stream) {
  return {stream, stream->issued};
}

namespace {

// Pools give back what they hold beyond their threshold when someone synchronises.
void trim_pools() {
  for (CUmemPoolHandle_st* pool : pools()) memory().trim(*pool, pool->threshold);
}

}  // namespace

void run_until(Lock& lock, const Ticket& ticket) {
  run_while(lock, [&] { return !ticket.reached(); });
  trim_pools();
}

void run_all(Lock& lock, int device) {
  run_while(lock, [&] {
    return std::any_of(state().streams.begin(), state().streams.end(), [&](const StreamRef& s) {
      return s->device == device && !s->queue.empty();
    });
  });
  trim_pools();
}

void run_some(Lock& lock) {
  for (size_t steps = 1 + random_below(3); steps > 0; steps--) {
    if (!step(lock)) return;
  }
}

void reset_streams(int device) {
  drop_work(device);
  for (const StreamRef& s : state().streams) {
    if (s->device != device) continue;
    s->capture = nullptr;
    if (!is_null_stream(s)) s->destroyed = true;
  }
  forget_destroyed();
  auto& events = state().events;
  events.erase(std::remove_if(events.begin(), events.end(),
                              [&](const EventRef& e) { return e->device == device; }),
               events.end());
}

StreamRef Call::stream(cudaStream_t handle) {
  if (!handle) return null_stream(current_device());
  for (const StreamRef& s : state().streams) {
    if (s.get() == handle && !s->destroyed) return s;
  }
  return nullptr;
}

cudaError_t Call::enqueue(const StreamRef& stream, Operation&& operation) {
  if (Capture* capture = stream->capture.get()) {
    if (capture->invalid) return fail(cudaErrorStreamCaptureInvalidated);
    capture->nodes.push_back({operation.name, std::move(operation.run), operation.is_host_function,
                              stream->capture_tail});
    stream->capture_tail = {capture->nodes.size() - 1};
    return cudaSuccess;
  }
  if (sticky_error(stream->device) != cudaSuccess) return fail(sticky_error(stream->device));
  if (is_null_stream(stream)) {
    for (const StreamRef& other : state().streams) {
      if (other->device != stream->device || !other->blocking || other == stream) continue;
      if (other->capture) {
        other->capture->invalid = true;
        return fail(cudaErrorStreamCaptureImplicit);
      }
      operation.after.push_back(last_of(other));
    }
  } else if (stream->blocking) {
    operation.after.push_back(last_of(null_stream(stream->device)));
  }
  stream->queue.push_back(std::move(operation));
  stream->issued++;
  return cudaSuccess;
}

bool Call::capture_forbids() const {
  auto here = std::this_thread::get_id();
  for (const StreamRef& s : state().streams) {
    if (!s->capture) continue;
    const Capture& c = *s->capture;
    if (c.mode == cudaStreamCaptureModeGlobal) return true;
    if (c.mode == cudaStreamCaptureModeThreadLocal && c.thread == here) return true;
  }
  return false;
}

cudaError_t Call::refuse_capture() {
  auto here = std::this_thread::get_id();
  for (const StreamRef& s : state().streams) {
    if (s->capture &&
        (s->capture->mode == cudaStreamCaptureModeGlobal || s->capture->thread == here)) {
      s->capture->invalid = true;
    }
  }
  return fail(cudaErrorStreamCaptureUnsupported);
}

}  // namespace simt

using simt::Call;
using simt::state;
using simt::StreamRef;

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  Call call("cudaStreamCreateWithPriority");
  if (call.failed()) return call.error();
  if (!stream || (flags & ~cudaStreamNonBlocking)) return call.fail(cudaErrorInvalidValue);
  auto created = std::make_shared<CUstream_st>();
  created->device = simt::current_device();
  created->blocking = !(flags & cudaStreamNonBlocking);
  created->priority = priority;
  state().streams.push_back(created);
  *stream = created.get();
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, cudaStreamDefault, 0);
}

// Returns at once; work that is queued still runs.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  Call call("cudaStreamDestroy");
  if (call.failed()) return call.error();
  StreamRef target = stream ? call.stream(stream) : nullptr;
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (target->capture) {
    target->capture->invalid = true;
    target->capture = nullptr;
  }
  target->destroyed = true;
  simt::forget_destroyed();
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Call call("cudaStreamSynchronize");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (target->capture) return call.refuse_capture();
  simt::run_until(call.lock(), simt::last_of(target));
  return call.result();
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  Call call("cudaStreamQuery");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (target->capture) return call.refuse_capture();
  simt::run_some(call.lock());
  if (call.result() != cudaSuccess) return call.error();
  return target->queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  Call call("cudaStreamWaitEvent");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  auto source = simt::find_event(event);
  if (!target || !source) return call.fail(cudaErrorInvalidResourceHandle);
  if (!source->capture) {
    if (!source->last.stream) return cudaSuccess;  // never recorded
    if (target->capture) {
      target->capture->invalid = true;
      return call.fail(cudaErrorStreamCaptureIsolation);
    }
    return call.enqueue(target, {"cudaStreamWaitEvent", {}, false, {source->last}});
  }
  // Joins the event's capture, or adds to what the stream's next operation comes after.
  if (target == call.stream(nullptr)) return call.fail(cudaErrorStreamCaptureImplicit);
  if (target->capture && target->capture != source->capture) {
    target->capture->invalid = source->capture->invalid = true;
    return call.fail(cudaErrorStreamCaptureMerge);
  }
  if (!target->capture) {
    target->capture = source->capture;
    target->capture_tail.clear();
  }
  for (size_t node : source->capture_point) {
    auto& tail = target->capture_tail;
    if (std::find(tail.begin(), tail.end(), node) == tail.end()) tail.push_back(node);
  }
  return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* user_data) {
  Call call("cudaLaunchHostFunc");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (!function) return call.fail(cudaErrorInvalidValue);
  return call.enqueue(target, {"host function", [=] { function(user_data); }, true});
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  Call call("cudaEventCreateWithFlags");
  if (call.failed()) return call.error();
  constexpr unsigned kKnown =
      cudaEventBlockingSync | cudaEventDisableTiming | cudaEventInterprocess;
  if (!event || (flags & ~kKnown)) return call.fail(cudaErrorInvalidValue);
  auto created = std::make_shared<CUevent_st>();
  created->device = simt::current_device();
  created->flags = flags;
  state().events.push_back(created);
  *event = created.get();
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  Call call("cudaEventDestroy");
  if (call.failed()) return call.error();
  auto found = simt::find_event(event);
  if (!found) return call.fail(cudaErrorInvalidResourceHandle);
  auto& events = state().events;
  events.erase(std::find(events.begin(), events.end(), found));
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  Call call("cudaEventRecord");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  auto found = simt::find_event(event);
  if (!target || !found || found->device != target->device) {
    return call.fail(cudaErrorInvalidResourceHandle);
  }
  if (target->capture) {
    if (target->capture->invalid) return call.fail(cudaErrorStreamCaptureInvalidated);
    found->capture = target->capture;
    found->capture_point = target->capture_tail;
    return cudaSuccess;
  }
  cudaError_t error = call.enqueue(
      target, {"cudaEventRecord", [found] { found->time = std::chrono::steady_clock::now(); }});
  if (error != cudaSuccess) return error;
  found->capture = nullptr;
  found->last = simt::last_of(target);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  Call call("cudaEventQuery");
  if (call.failed()) return call.error();
  auto found = simt::find_event(event);
  if (!found) return call.fail(cudaErrorInvalidResourceHandle);
  if (found->capture) return call.fail(cudaErrorCapturedEvent);
  simt::run_some(call.lock());
  if (call.result() != cudaSuccess) return call.error();
  return found->last.reached() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  Call call("cudaEventSynchronize");
  if (call.failed()) return call.error();
  auto found = simt::find_event(event);
  if (!found) return call.fail(cudaErrorInvalidResourceHandle);
  if (found->capture) return call.fail(cudaErrorCapturedEvent);
  simt::run_until(call.lock(), simt::Ticket(found->last));
  return call.result();
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  Call call("cudaEventElapsedTime");
  if (call.failed()) return call.error();
  auto from = simt::find_event(start);
  auto to = simt::find_event(end);
  if (!milliseconds) return call.fail(cudaErrorInvalidValue);
  if (!from || !to || ((from->flags | to->flags) & cudaEventDisableTiming) || !from->last.stream ||
      !to->last.stream) {
    return call.fail(cudaErrorInvalidResourceHandle);
  }
  if (!from->last.reached() || !to->last.reached()) return cudaErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  Call call("cudaDeviceSynchronize");
  if (call.failed()) return call.error();
  if (call.capture_forbids()) return call.refuse_capture();
  simt::run_all(call.lock(), simt::current_device());
  return call.result();
}
