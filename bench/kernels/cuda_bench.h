// Timing of single kernels: a list of cases, each with the bytes it must move and the operations it
// must do, timed on random data and compared with its floor on the GPU at hand.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace dn::bench {

// Throws std::runtime_error with the call's name.
void check(cudaError_t error, const char* call);

// Device memory of one case. Every call gives new memory; all of it is freed together.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory();

  // Numbers in [-1, 1), bytes and integers of all values.
  void* random(dn_dtype dtype, int64_t count);
  // Integers in [0, limit).
  int32_t* below(int64_t count, int32_t limit);
  // Small positive numbers, as variances are.
  float* positive(int64_t count);
  void* zeros(int64_t bytes);
  // All bits set; 0 bytes give null.
  void* empty(int64_t bytes);
  void* copy_of(const void* host, int64_t bytes);

  template <typename T>
  T* copy_of(const std::vector<T>& host) {
    return static_cast<T*>(copy_of(host.data(), int64_t(host.size() * sizeof(T))));
  }
  int64_t bytes() const { return bytes_; }

 private:
  void* allocate(int64_t bytes);
  // Fills with copies of the pattern, 4 MiB of host memory at most.
  void* repeat(const void* pattern, int64_t pattern_bytes, int64_t bytes);

  std::vector<void*> blocks_;
  int64_t bytes_ = 0;
};

// What does a case's operations; each has its own ceiling.
enum class Unit { None, F32, Tf32, Bf16, F16 };

using Run = std::function<void(cudaStream_t)>;

struct Case {
  std::string kernel;  // the launcher's name
  std::string shape;
  dn_dtype dtype = DN_DTYPE_F32;
  double bytes = 0;       // each input read once, each output written once
  double operations = 0;  // a multiply-add is two; 0 where only bytes count
  Unit unit = Unit::None;
  // Called several times, for as many sets of buffers as exceed the L2 cache.
  std::function<Run(Memory&)> make = {};
  // A library's call that does the same; optional.
  std::string vendor = "";
  std::function<Run(Memory&)> make_vendor = {};
};

class Suite {
 public:
  Suite(bool tiny, int multiprocessors) : tiny_(tiny), multiprocessors_(multiprocessors) {}
  // The real size, or the one with which the simulator is done at once.
  template <typename T>
  T pick(T real, T tiny) const {
    return tiny_ ? tiny : real;
  }
  bool tiny() const { return tiny_; }
  int multiprocessors() const { return multiprocessors_; }
  void add(Case c) { cases_.push_back(std::move(c)); }
  const std::vector<Case>& cases() const { return cases_; }

 private:
  bool tiny_;
  int multiprocessors_;
  std::vector<Case> cases_;
};

constexpr int64_t bytes_of(dn_dtype dtype) {
  switch (dtype) {
    case DN_DTYPE_F64:
    case DN_DTYPE_I64:
      return 8;
    case DN_DTYPE_F32:
    case DN_DTYPE_I32:
      return 4;
    case DN_DTYPE_BF16:
    case DN_DTYPE_F16:
      return 2;
    default:
      return 1;
  }
}

// A line of sizes and words: join("N", 256, "C", 64).
template <typename... T>
std::string join(const T&... parts) {
  std::string text;
  const auto add = [&text](const auto& part) {
    if (!text.empty()) text += ' ';
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>)
      text += std::to_string(part);
    else
      text += part;
  };
  (add(parts), ...);
  return text;
}

struct Times {
  double median_us = 0, p10_us = 0, p90_us = 0;
};

// Times cases on the current device.
class Timer {
 public:
  // simulated: does everything once and fast; the times mean nothing.
  explicit Timer(bool simulated);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // By replays of a graph that walks through the sets of buffers.
  Times time(const std::function<Run(Memory&)>& make);
  int64_t l2_bytes() const { return l2_bytes_; }
  int multiprocessors() const { return multiprocessors_; }
  const std::string& device() const { return device_; }

 private:
  double elapsed_us(const std::function<void()>& work);

  bool simulated_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
  int64_t l2_bytes_ = 0, free_bytes_ = 0;
  int multiprocessors_ = 0;
  std::string device_;
};

}  // namespace dn::bench
