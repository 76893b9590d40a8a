// The state of the simulated runtime: devices, streams, captures. One lock guards all of it,
// kernels included; host functions of streams run without it.
#pragma once

#include <simt.h>
#include <simt/runtime_api.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace simt {

using Lock = std::unique_lock<std::mutex>;
using StreamRef = std::shared_ptr<CUstream_st>;

struct DeviceModel {
  int count = 1;
  int major = 8, minor = 0;
  int multiprocessors = 8;
  size_t memory_bytes = size_t{4} << 30;
  cudaError_t driver_error = cudaSuccess;  // not cudaSuccess: every call fails with it
};
DeviceModel& device_model();

// A point in a stream: reached when so many of its operations are done.
struct Ticket {
  StreamRef stream;
  uint64_t number = 0;
  bool reached() const;
};

struct GraphNode {
  const char* name;
  std::function<void()> run;
  bool is_host_function = false;
  std::vector<size_t> after;
};

// A graph under way in a stream.
struct Replay {
  std::shared_ptr<const std::vector<GraphNode>> nodes;
  std::vector<size_t> ready, pending_count;
  std::vector<std::vector<size_t>> followers;
  size_t remaining = 0;
};

struct Operation {
  const char* name;
  std::function<void()> run;  // empty: only waits, or replays
  bool is_host_function = false;
  std::vector<Ticket> after{};
  std::shared_ptr<Replay> replay{};
};

struct Capture {
  std::vector<GraphNode> nodes;
  CUstream_st* origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  bool invalid = false;
};
using CaptureRef = std::shared_ptr<Capture>;

}  // namespace simt

struct CUstream_st {
  int device = 0;
  bool blocking = true;  // ordered with the null stream
  int priority = 0;
  std::deque<simt::Operation> queue;
  uint64_t issued = 0, done = 0;
  bool busy = false;  // its host function runs, without the lock
  bool destroyed = false;
  simt::CaptureRef capture;
  std::vector<size_t> capture_tail;  // what the next captured operation comes after
};

namespace simt {

// The beginning of a call of the API: takes the lock, and finds the reasons for which any call
// fails.
class Call {
 public:
  enum class Needs { Device, Driver, Nothing };
  explicit Call(const char* name, Needs needs = Needs::Device);

  bool failed() const { return error_ != cudaSuccess; }
  cudaError_t error() const { return error_; }
  Lock& lock() { return lock_; }

  // Notes the error as this thread's last, and returns it.
  cudaError_t fail(cudaError_t error);
  // The current device's sticky error, if it has one by now.
  cudaError_t result();

  // Null: no such stream.
  StreamRef stream(cudaStream_t handle);
  cudaError_t enqueue(const StreamRef& stream, Operation&& operation);

  // Whether a capture under way forbids calls that may synchronise; such a call ends it.
  bool capture_forbids() const;
  cudaError_t refuse_capture();

 private:
  Lock lock_;
  cudaError_t error_ = cudaSuccess;
};

int current_device();
cudaError_t& sticky_error(int device);
void set_sticky_error(int device, cudaError_t error);
cudaError_t& last_error();  // of this thread
bool is_sticky(cudaError_t error);
// Takes the injected error for this call or kernel; cudaSuccess when there is none.
cudaError_t take_injected(const char* name, bool want_sticky, bool any_kind);

std::set<CUmemPoolHandle_st*>& pools();
CUmemPoolHandle_st* default_pool(int device);

Ticket last_of(const StreamRef& stream);
void run_until(Lock& lock, const Ticket& ticket);
void run_all(Lock& lock, int device);
// Runs a few operations, if there are any: what a query sees is that time has passed.
void run_some(Lock& lock);
void reset_streams(int device);
const std::vector<StreamRef>& streams();
std::shared_ptr<Replay> start_replay(std::shared_ptr<const std::vector<GraphNode>> nodes);
bool in_host_function();

}  // namespace simt
