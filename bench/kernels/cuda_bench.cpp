#include "cuda_bench.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>

namespace dn::bench {

namespace {

constexpr int64_t kPatternBytes = 4 << 20;
constexpr int kSamples = 15;
constexpr double kSampleUs = 300;  // the least that a sample takes, far above the clock's step
constexpr int kMostNodes = 400;
constexpr int kMostSets = 32;

// The same pattern in every run: figures of two versions are of the same data.
template <typename T>
std::vector<T> pattern(int64_t count, const std::function<T(std::mt19937&)>& next) {
  std::mt19937 generator(1);
  std::vector<T> values(std::min<int64_t>(count, kPatternBytes / int64_t(sizeof(T))));
  for (T& value : values) value = next(generator);
  return values;
}

float uniform(std::mt19937& generator) {
  return std::uniform_real_distribution<float>(-1, 1)(generator);
}

// Rounding does not matter here, only that all bits vary.
uint16_t random_bf16(std::mt19937& generator) {
  const float value = uniform(generator);
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t(bits >> 16);
}

// Sign and mantissa of any value, magnitudes in [1/32, 1).
uint16_t random_f16(std::mt19937& generator) {
  const uint32_t bits = generator();
  return uint16_t((bits & 0x83FF) | (10 + (bits >> 16) % 5) << 10);
}

double quantile(const std::vector<double>& sorted, double fraction) {
  return sorted[size_t(fraction * double(sorted.size() - 1) + 0.5)];
}

}  // namespace

void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(std::string(call) + ": " + cudaGetErrorString(error));
}

#define DN_BENCH_CUDA(call) check(call, #call)

Memory::~Memory() {
  for (void* block : blocks_) cudaFree(block);
}

void* Memory::allocate(int64_t bytes) {
  if (bytes == 0) return nullptr;
  void* block = nullptr;
  DN_BENCH_CUDA(cudaMalloc(&block, size_t(bytes)));
  blocks_.push_back(block);
  bytes_ += bytes;
  return block;
}

void* Memory::repeat(const void* pattern, int64_t pattern_bytes, int64_t bytes) {
  auto* block = static_cast<uint8_t*>(allocate(bytes));
  if (bytes == 0) return block;
  int64_t filled = std::min(pattern_bytes, bytes);
  DN_BENCH_CUDA(cudaMemcpy(block, pattern, size_t(filled), cudaMemcpyHostToDevice));
  while (filled < bytes) {
    const int64_t more = std::min(filled, bytes - filled);
    DN_BENCH_CUDA(cudaMemcpy(block + filled, block, size_t(more), cudaMemcpyDeviceToDevice));
    filled += more;
  }
  return block;
}

void* Memory::random(dn_dtype dtype, int64_t count) {
  const auto fill = [&](const auto& values) {
    return repeat(values.data(), int64_t(values.size() * sizeof(values[0])),
                  count * int64_t(sizeof(values[0])));
  };
  switch (dtype) {
    case DN_DTYPE_F32:
      return fill(pattern<float>(count, uniform));
    case DN_DTYPE_BF16:
      return fill(pattern<uint16_t>(count, random_bf16));
    case DN_DTYPE_F16:
      return fill(pattern<uint16_t>(count, random_f16));
    case DN_DTYPE_I32:
      return fill(pattern<uint32_t>(count, [](std::mt19937& g) { return uint32_t(g()); }));
    case DN_DTYPE_U8:
      return fill(pattern<uint8_t>(count, [](std::mt19937& g) { return uint8_t(g()); }));
    default:
      throw std::runtime_error("random numbers of this type are not made");
  }
}

int32_t* Memory::below(int64_t count, int32_t limit) {
  const auto values = pattern<int32_t>(count, [&](std::mt19937& generator) {
    return std::uniform_int_distribution<int32_t>(0, limit - 1)(generator);
  });
  return static_cast<int32_t*>(repeat(values.data(), int64_t(values.size()) * 4, count * 4));
}

float* Memory::positive(int64_t count) {
  const auto values = pattern<float>(count, [](std::mt19937& g) { return 1.5f + uniform(g); });
  return static_cast<float*>(repeat(values.data(), int64_t(values.size()) * 4, count * 4));
}

void* Memory::zeros(int64_t bytes) {
  void* block = allocate(bytes);
  if (bytes > 0) DN_BENCH_CUDA(cudaMemset(block, 0, size_t(bytes)));
  return block;
}

void* Memory::empty(int64_t bytes) {
  void* block = allocate(bytes);
  if (bytes > 0) DN_BENCH_CUDA(cudaMemset(block, 0xFF, size_t(bytes)));
  return block;
}

void* Memory::copy_of(const void* host, int64_t bytes) {
  return repeat(host, bytes, bytes);
}

Timer::Timer(bool simulated) : simulated_(simulated) {
  int device = 0;
  cudaDeviceProp properties{};
  DN_BENCH_CUDA(cudaGetDevice(&device));
  DN_BENCH_CUDA(cudaGetDeviceProperties(&properties, device));
  device_ = properties.name;
  l2_bytes_ = simulated ? 0 : properties.l2CacheSize;
  multiprocessors_ = properties.multiProcessorCount;
  size_t free_bytes = 0, total_bytes = 0;
  DN_BENCH_CUDA(cudaMemGetInfo(&free_bytes, &total_bytes));
  free_bytes_ = int64_t(free_bytes);
  DN_BENCH_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  DN_BENCH_CUDA(cudaEventCreate(&begin_));
  DN_BENCH_CUDA(cudaEventCreate(&end_));
}

Timer::~Timer() {
  cudaEventDestroy(begin_);
  cudaEventDestroy(end_);
  cudaStreamDestroy(stream_);
}

double Timer::elapsed_us(const std::function<void()>& work) {
  DN_BENCH_CUDA(cudaEventRecord(begin_, stream_));
  work();
  DN_BENCH_CUDA(cudaEventRecord(end_, stream_));
  DN_BENCH_CUDA(cudaEventSynchronize(end_));
  float milliseconds = 0;
  DN_BENCH_CUDA(cudaEventElapsedTime(&milliseconds, begin_, end_));
  return double(milliseconds) * 1e3;
}

Times Timer::time(const std::function<Run(Memory&)>& make) {
  // One buffer again and again would measure the cache: all sets together exceed it.
  std::vector<std::unique_ptr<Memory>> memory;
  std::vector<Run> runs;
  int64_t total = 0;
  do {
    memory.push_back(std::make_unique<Memory>());
    runs.push_back(make(*memory.back()));
    total += memory.back()->bytes();
  } while (total < 3 * l2_bytes_ && int(runs.size()) < kMostSets &&
           total + memory.back()->bytes() < free_bytes_ / 2);
  DN_BENCH_CUDA(cudaDeviceSynchronize());

  // Errors show here, and the first call may load code.
  for (const Run& run : runs) run(stream_);
  DN_BENCH_CUDA(cudaStreamSynchronize(stream_));
  const double once = elapsed_us([&] { runs[0](stream_); });
  const int sets = int(runs.size());
  int nodes = sets;
  if (!simulated_) {
    const double wanted = kSampleUs / std::max(once, 1.0);
    nodes = sets * int(std::max(1.0, std::min(wanted, double(kMostNodes)) / sets + 0.5));
  }

  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  DN_BENCH_CUDA(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < nodes; ++i) runs[size_t(i % sets)](stream_);
  DN_BENCH_CUDA(cudaStreamEndCapture(stream_, &graph));
  DN_BENCH_CUDA(cudaGraphInstantiate(&replay, graph, 0));

  std::vector<double> samples;
  const int count = simulated_ ? 1 : kSamples;
  for (int i = simulated_ ? 0 : -2; i < count; ++i) {
    const double us =
        elapsed_us([&] { DN_BENCH_CUDA(cudaGraphLaunch(replay, stream_)); }) / double(nodes);
    if (i >= 0) samples.push_back(us);
  }
  DN_BENCH_CUDA(cudaGraphExecDestroy(replay));
  DN_BENCH_CUDA(cudaGraphDestroy(graph));
  std::sort(samples.begin(), samples.end());
  return {quantile(samples, 0.5), quantile(samples, 0.1), quantile(samples, 0.9)};
}

}  // namespace dn::bench
