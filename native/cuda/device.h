// A CUDA GPU as a device; with hostsim's runtime in CUDA's place, its simulation.
#pragma once

#include <mutex>
#include <string_view>

#include "cuda/check.h"
#include "cuda/fault.h"
#include "cuda/transfer.h"
#include "engine/compiled.h"

namespace dn::cuda {

namespace vendor {
class Libraries;
}

// What kernels choose their shapes by.
struct DeviceLimits {
  int capability = 0;  // 90: compute capability 9.0
  int multiprocessors = 1;
  int64_t shared_bytes_per_block = 48 << 10;  // with cudaFuncSetAttribute
  int64_t l2_bytes = 0;
};

class CudaDevice final : public Device {
 public:
  CudaDevice(int index, const dn_device_options& options);
  ~CudaDevice() override;

  // The stream in whose order everything happens; a graph's while one is captured.
  cudaStream_t stream() const { return stream_; }
  const DeviceLimits& limits() const { return limits_; }
  int index() const { return index_; }
  FaultTable& faults() { return *faults_; }
  vendor::Libraries& libraries() { return *libraries_; }

  // While one lives, the device is current and nobody else adds to its order of work.
  class Order {
   public:
    explicit Order(const CudaDevice& device) : lock_(device.order_) {
      device.refuse_when_lost();
      device.make_current();
    }

   private:
    std::lock_guard<std::recursive_mutex> lock_;
  };

  // Runs body in order. A sticky error is remembered: from then on every call fails with the first
  // one's text. `context` is put before the text.
  template <typename Body>
  auto ordered(std::string_view context, Body&& body) {
    const Order order(*this);
    try {
      return body();
    } catch (...) {
      explain_current_exception(context);
    }
  }
  // Waits without holding the lock, then moves finished reads and reports bad data.
  void wait_for(cudaEvent_t event);
  void wait_for_all();
  // After work is known to have finished.
  void settle();

  // Replaces the stream while a graph is captured.
  class StreamScope {
   public:
    StreamScope(CudaDevice& device, cudaStream_t stream)
        : device_(device), before_(device.stream_) {
      device.stream_ = stream;
    }
    ~StreamScope() { device_.stream_ = before_; }
    StreamScope(const StreamScope&) = delete;
    StreamScope& operator=(const StreamScope&) = delete;

   private:
    CudaDevice& device_;
    cudaStream_t before_;
  };

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
  void synchronize() override;
  void trim() override;
  void adopt_stream(void* stream) override;

 private:
  friend class CudaStorage;
  void make_current() const { DN_CUDA(cudaSetDevice(index_)); }
  void refuse_when_lost() const;
  [[noreturn]] void explain_current_exception(std::string_view context);
  void* take(int64_t bytes);
  void give_back(void* data);

  int index_;
  dn_device_info info_;
  DeviceLimits limits_;
  // Covers the streams, the pool and the transfers, so that work of several threads does not mix
  // with a capture. Recursive: a kernel may ask for memory while it is being raced.
  mutable std::recursive_mutex order_;
  std::string lost_;  // the first sticky error
  cudaStream_t compute_ = nullptr, copy_ = nullptr, stream_ = nullptr;
  bool owns_compute_ = true;      // false: adopted
  cudaMemPool_t pool_ = nullptr;  // null: the GPU has none, plain cudaMalloc
  std::shared_ptr<MemoryLedger> ledger_ = std::make_shared<MemoryLedger>();
  std::shared_ptr<FaultTable> faults_;
  std::unique_ptr<Transfers> transfers_;
  std::shared_ptr<vendor::Libraries> libraries_;
};

// Fills in what is known without opening; available = 0 with the reason in `detail`.
void describe_cuda(int index, dn_device_info& info);
// Devices to list: at least one, which says why there is none.
int32_t count_cuda();

std::unique_ptr<Runner> make_runner(CudaDevice& device, const std::vector<Step>& steps);

}  // namespace dn::cuda
