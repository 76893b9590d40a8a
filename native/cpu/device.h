// The CPU as a device: host memory, OpenMP threads, oneDNN.
#pragma once

#include <omp.h>

#include "cpu/kernels/denormals.h"
#include "cpu/layout.h"
#include "engine/compiled.h"

namespace dn::cpu {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const dn_device_options& options);

  int threads() const { return info_.thread_count; }
  const dnnl::engine& engine() const { return engine_; }
  dnnl::stream& stream() { return stream_; }

  const dn_device_info& info() const override { return info_; }
  MemoryCount memory() const override;
  std::shared_ptr<Storage> allocate(int64_t bytes, std::string purpose) override;
  std::shared_ptr<Storage> wrap(void* data, int64_t bytes) override;
  void write(void* device, const void* host, int64_t bytes, bool blocking) override;
  void read(void* host, const void* device, int64_t bytes, bool blocking) override;
  void copy(void* destination, const void* source, int64_t bytes) override;
  void zero(void* destination, int64_t bytes) override;
  std::unique_ptr<Kernel> change_layout(DType dtype, const Shape& shape, const LayoutRef& from,
                                        const LayoutRef& to) override;
  const CandidateRegistry& candidates() const override;
  std::unique_ptr<Runner> prepare(const std::vector<Step>& steps) override;
  std::unique_ptr<Event> create_event() override;
  void synchronize() override {}
  void trim() override;
  void adopt_stream(void* stream) override;

 private:
  dn_device_info info_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::shared_ptr<MemoryLedger> ledger_ = std::make_shared<MemoryLedger>();
};

void describe_cpu(dn_device_info& info, int threads);

inline CpuDevice& device_of(const CompileView& view) {
  return static_cast<CpuDevice&>(*view.program().device());
}

// OpenMP's thread count belongs to the calling thread, which is the host program's: set for a
// while, then put back.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~ThreadScope() { omp_set_num_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

// Denormal numbers count as zero on all threads while a program runs: the momentum of a dead unit
// decays into them and stays there, and each would cost the processor a hundred cycles.
class DenormalScope {
 public:
  DenormalScope();
  ~DenormalScope();
  // Before a library opens a parallel region; own regions begin with flush_denormals. Waking the
  // workers for nothing would take longer than a small program does.
  static void cover_workers(int threads);
  DenormalScope(const DenormalScope&) = delete;
  DenormalScope& operator=(const DenormalScope&) = delete;

 private:
  unsigned before_;  // the caller's control register
};

// Calls body(begin, end) for a fixed division of 0 .. count over the threads; on the caller alone
// where the work (in elements touched) would not pay for waking them.
template <typename Body>
void parallel(int threads, int64_t count, int64_t work, const Body& body) {
  constexpr int64_t kWorkPerThread = 8192;
  threads = (int)std::min<int64_t>({threads, count, work / kWorkPerThread});
  if (threads <= 1) {
    if (count > 0) body(int64_t{0}, count);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    flush_denormals();
    const int64_t thread = omp_get_thread_num();
    body(count * thread / threads, count * (thread + 1) / threads);
  }
}

}  // namespace dn::cpu
