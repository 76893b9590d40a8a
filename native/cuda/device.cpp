#include "cuda/device.h"

#include <algorithm>
#include <cstring>

#include "cuda/candidates.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/layout_change.h"
#include "cuda/vendor/libraries.h"
#include "engine/planner.h"

#ifndef DN_DEVICE_KIND
#error "DN_DEVICE_KIND names the kind of device: cuda or hostsim"
#endif

namespace dn::cuda {

namespace {

constexpr bool kSimulated = std::string_view(DN_DEVICE_KIND) == "hostsim";
constexpr int kLowestCapability = 80;  // mma.sync on bf16, cp.async

void copy_text(char* destination, size_t size, const std::string& source) {
  std::strncpy(destination, source.c_str(), size - 1);
  destination[size - 1] = 0;
}

std::string version_text(int version) {  // 12040 -> "12.4"
  return text(version / 1000, ".", version % 1000 / 10);
}

// Why there is no usable device at all; empty when there is one.
std::string missing_reason(int& count) {
  count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  ignore(cudaGetLastError());
  if (error == cudaSuccess) return count > 0 ? "" : "no CUDA device";
  int driver = 0, runtime = 0;
  ignore(cudaDriverGetVersion(&driver));
  ignore(cudaRuntimeGetVersion(&runtime));
  if (error == cudaErrorInsufficientDriver && driver > 0)
    return text("the CUDA driver is too old: it supports CUDA ", version_text(driver),
                ", this build needs ", version_text(runtime), "; update the driver");
  if (error == cudaErrorInsufficientDriver || driver == 0)
    return text("no CUDA driver: ", error_text(error));
  return text("no CUDA device: ", error_text(error));
}

std::string device_name(int index) {
  return kSimulated ? DN_DEVICE_KIND : text(DN_DEVICE_KIND, ":", index);
}

}  // namespace

class CudaStorage final : public Storage {
 public:
  CudaStorage(std::shared_ptr<CudaDevice> device, void* data, int64_t bytes, LedgerRecord record)
      : Storage(data, bytes, std::move(record)), device_(std::move(device)) {}
  ~CudaStorage() override { device_->give_back(data()); }

 private:
  std::shared_ptr<CudaDevice> device_;
};

CandidateRegistry& registry() {
  static CandidateRegistry candidates;
  return candidates;
}

int32_t count_cuda() {
  int count = 0;
  missing_reason(count);
  return std::max(1, count);
}

void describe_cuda(int index, dn_device_info& info) {
  info = {};
  info.struct_size = sizeof info;
  copy_text(info.name, sizeof info.name, device_name(index));
  int count = 0;
  const std::string missing = missing_reason(count);
  if (!missing.empty()) return copy_text(info.detail, sizeof info.detail, missing);
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, index);
  if (error != cudaSuccess) return copy_text(info.detail, sizeof info.detail, error_text(error));
  const int capability = 10 * properties.major + properties.minor;
  copy_text(info.description, sizeof info.description, properties.name);
  info.memory_bytes = (int64_t)properties.totalGlobalMem;
  if (capability < kLowestCapability)
    return copy_text(info.detail, sizeof info.detail,
                     text("compute capability ", properties.major, ".", properties.minor,
                          ", needs 8.0 or newer"));
  info.available = 1;
  info.capabilities = DN_CAPABILITY_ASYNC | DN_CAPABILITY_BF16 | DN_CAPABILITY_F16 |
                      (kSimulated ? DN_CAPABILITY_SIMULATED : 0);
  int driver = 0, runtime = 0;
  ignore(cudaDriverGetVersion(&driver));
  ignore(cudaRuntimeGetVersion(&runtime));
  copy_text(info.detail, sizeof info.detail,
            text("compute capability ", properties.major, ".", properties.minor, ", ",
                 properties.multiProcessorCount, " multiprocessors, CUDA ", version_text(runtime),
                 ", driver for CUDA ", version_text(driver)));
}

CudaDevice::CudaDevice(int index, const dn_device_options&) : index_(index) {
  describe_cuda(index, info_);
  make_current();
  cudaDeviceProp properties;
  DN_CUDA(cudaGetDeviceProperties(&properties, index));
  limits_.capability = 10 * properties.major + properties.minor;
  limits_.multiprocessors = properties.multiProcessorCount;
  limits_.shared_bytes_per_block = (int64_t)properties.sharedMemPerBlockOptin;
  limits_.l2_bytes = properties.l2CacheSize;

  // cudaStreamNonBlocking: nobody else's default stream waits for us, nor we for theirs.
  DN_CUDA(cudaStreamCreateWithFlags(&compute_, cudaStreamNonBlocking));
  stream_ = compute_;
  DN_CUDA(cudaStreamCreateWithFlags(&copy_, cudaStreamNonBlocking));
  int pools = 0;
  DN_CUDA(cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, index));
  if (pools) {
    cudaMemPoolProps wanted{};
    wanted.allocType = cudaMemAllocationTypePinned;
    wanted.location.type = cudaMemLocationTypeDevice;
    wanted.location.id = index;
    DN_CUDA(cudaMemPoolCreate(&pool_, &wanted));
    uint64_t keep = UINT64_MAX;  // freed memory stays until trim()
    DN_CUDA(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep));
  }
  faults_ = std::make_shared<FaultTable>();
  transfers_ = std::make_unique<Transfers>(compute_, copy_);
  libraries_ = std::make_shared<vendor::Libraries>();
}

CudaDevice::~CudaDevice() {
  ignore(cudaSetDevice(index_));
  libraries_.reset();
  transfers_.reset();
  if (copy_) ignore(cudaStreamDestroy(copy_));
  if (compute_ && owns_compute_) ignore(cudaStreamDestroy(compute_));
  if (pool_) ignore(cudaMemPoolDestroy(pool_));
}

// ---- failures ----

void CudaDevice::refuse_when_lost() const {
  if (!lost_.empty())
    fail(DN_DEVICE_LOST, "device '", info_.name, "' failed and refuses work: ", lost_);
}

void CudaDevice::explain_current_exception(std::string_view context) {
  const auto explain = [&](bool sticky, const std::string& what) {
    const std::string message = text(context, context.empty() ? "" : ": ", what);
    if (!sticky) fail(DN_VENDOR_ERROR, message);
    if (lost_.empty())
      lost_ = text(message,
                   "; a kernel given earlier may be the cause: DEEPNATIVE_CHECK_STEPS=1 "
                   "waits for each and names it");
    refuse_when_lost();
  };
  try {
    throw;
  } catch (const LaunchError& error) {
    explain(is_sticky(error.error),
            text("kernel ", error.kernel, " was refused with grid (", error.grid.x, ", ",
                 error.grid.y, ", ", error.grid.z, "), block (", error.block.x, ", ", error.block.y,
                 ", ", error.block.z, ") and ", error.shared_bytes,
                 " bytes of shared memory: ", error_text(error.error)));
  } catch (const CudaError& error) {
    explain(is_sticky(error.error()), error.what());
  }
  throw;  // anything else explains itself
}

// ---- memory ----

void* CudaDevice::take(int64_t bytes) {
  void* data = nullptr;
  const auto attempt = [&] {
    return pool_ ? cudaMallocFromPoolAsync(&data, bytes, pool_, compute_)
                 : cudaMalloc(&data, bytes);
  };
  cudaError_t error = attempt();
  if (error == cudaErrorMemoryAllocation) {  // once more without what is only cached
    ignore(cudaGetLastError());
    DN_CUDA(cudaStreamSynchronize(compute_));
    transfers_->release();
    if (pool_) DN_CUDA(cudaMemPoolTrimTo(pool_, 0));
    error = attempt();
  }
  if (error == cudaErrorMemoryAllocation) {
    ignore(cudaGetLastError());
    return nullptr;
  }
  check(error, "cudaMalloc");
  return data;
}

void CudaDevice::give_back(void* data) {
  // Called by finalizers too: no exceptions, no waiting; after all work given so far.
  const std::lock_guard lock(order_);
  ignore(cudaSetDevice(index_));
  ignore(pool_ ? cudaFreeAsync(data, compute_) : cudaFree(data));
}

std::shared_ptr<Storage> CudaDevice::allocate(int64_t bytes, std::string purpose) {
  auto self = std::static_pointer_cast<CudaDevice>(shared_from_this());
  return ordered("", [&] {
    constexpr int64_t kGranule = 256;
    const int64_t rounded = (std::max<int64_t>(bytes, 1) + kGranule - 1) / kGranule * kGranule;
    void* data = take(rounded);
    if (!data) ledger_->refuse(info_.name, bytes, purpose, memory().available_bytes);
    auto storage =
        std::make_shared<CudaStorage>(self, data, bytes, ledger_->add(bytes, std::move(purpose)));
    DN_CUDA(cudaMemsetAsync(data, 0, rounded, compute_));
    return storage;
  });
}

std::shared_ptr<Storage> CudaDevice::wrap(void* data, int64_t bytes) {
  return ordered("", [&] {
    cudaPointerAttributes attributes{};
    const cudaError_t error = cudaPointerGetAttributes(&attributes, data);
    ignore(cudaGetLastError());
    const bool reachable = error == cudaSuccess && (attributes.type == cudaMemoryTypeDevice ||
                                                    attributes.type == cudaMemoryTypeManaged);
    require(bytes == 0 || reachable, "the memory to wrap is not device memory of '", info_.name,
            "'");
    require(bytes == 0 || attributes.device == index_, "the memory to wrap is on CUDA device ",
            attributes.device, ", not on '", info_.name, "'");
    return std::make_shared<Storage>(data, bytes);
  });
}

MemoryCount CudaDevice::memory() const {
  MemoryCount count = ledger_->count();
  const std::lock_guard lock(order_);
  if (!lost_.empty()) return count;
  make_current();
  size_t free = 0, total = 0;
  DN_CUDA(cudaMemGetInfo(&free, &total));
  count.available_bytes = (int64_t)free;
  if (pool_) {
    uint64_t reserved = 0, used = 0;
    DN_CUDA(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved));
    DN_CUDA(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &used));
    count.available_bytes += (int64_t)(reserved - used);
  }
  return count;
}

void CudaDevice::trim() {
  ordered("", [&] {
    DN_CUDA(cudaStreamSynchronize(compute_));
    transfers_->release();
    if (pool_) DN_CUDA(cudaMemPoolTrimTo(pool_, 0));
  });
}

// ---- copies ----

void CudaDevice::write(void* device, const void* host, int64_t bytes, bool blocking) {
  ordered("writing a tensor", [&] { transfers_->write(device, host, bytes); });
  if (blocking) wait_for_all();
}

void CudaDevice::read(void* host, const void* device, int64_t bytes, bool blocking) {
  ordered("reading a tensor", [&] { transfers_->read(host, device, bytes); });
  if (blocking) wait_for_all();
}

void CudaDevice::copy(void* destination, const void* source, int64_t bytes) {
  ordered("copying a tensor", [&] {
    DN_CUDA(cudaMemcpyAsync(destination, source, bytes, cudaMemcpyDeviceToDevice, stream_));
  });
}

void CudaDevice::zero(void* destination, int64_t bytes) {
  ordered("zeroing a tensor", [&] { DN_CUDA(cudaMemsetAsync(destination, 0, bytes, stream_)); });
}

std::unique_ptr<Kernel> CudaDevice::change_layout(DType dtype, const Shape& shape,
                                                  const LayoutRef& from, const LayoutRef& to) {
  LayoutChange change{};
  change.element_bytes = (int)size_of(dtype);
  change.rank = shape.rank();
  const AxisOrder order = axis_order(shape, to);
  const Strides source = strides_of(shape, from);
  for (int i = 0; i < shape.rank(); ++i) {
    change.dims[i] = shape[order.of[i]];
    change.source_strides[i] = source.of[order.of[i]];
  }
  return make_kernel([this, change](const Arguments& a) mutable {
    ordered("changing a layout", [&] {
      change.source = a.inputs[0];
      change.destination = a.outputs[0];
      cuda::change_layout(stream_, change);
    });
  });
}

// ---- order of work ----

void CudaDevice::settle() {
  ordered("", [&] { transfers_->complete(); });
  faults_->raise();
}

void CudaDevice::wait_for(cudaEvent_t event) {
  {
    const std::lock_guard lock(order_);
    refuse_when_lost();
    make_current();
  }
  const cudaError_t error = cudaEventSynchronize(event);
  ordered("waiting for the device", [&] { check(error, "cudaEventSynchronize"); });
  settle();
}

void CudaDevice::wait_for_all() {
  cudaStream_t stream = nullptr;
  ordered("", [&] { stream = compute_; });
  const cudaError_t error = cudaStreamSynchronize(stream);
  ordered("waiting for the device", [&] { check(error, "cudaStreamSynchronize"); });
  settle();
}

void CudaDevice::synchronize() {
  wait_for_all();
}

void CudaDevice::adopt_stream(void* stream) {
  ordered("adopting a stream", [&] {
    DN_CUDA(cudaStreamSynchronize(compute_));
    transfers_->release();
    if (owns_compute_) DN_CUDA(cudaStreamDestroy(compute_));
    owns_compute_ = false;
    compute_ = stream_ = static_cast<cudaStream_t>(stream);
    transfers_->set_compute(compute_);
  });
}

namespace {

class CudaEvent final : public Event {
 public:
  explicit CudaEvent(std::shared_ptr<CudaDevice> device) : device_(std::move(device)) {
    device_->ordered("",
                     [&] { DN_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); });
  }
  ~CudaEvent() override { ignore(cudaEventDestroy(event_)); }
  void record() override {
    device_->ordered("recording an event",
                     [&] { DN_CUDA(cudaEventRecord(event_, device_->stream())); });
  }
  void wait() override { device_->wait_for(event_); }
  bool query() override {
    const bool done = device_->ordered("", [&] {
      const cudaError_t state = cudaEventQuery(event_);
      if (state == cudaErrorNotReady) return false;
      check(state, "cudaEventQuery");
      return true;
    });
    if (done) device_->settle();
    return done;
  }

 private:
  std::shared_ptr<CudaDevice> device_;
  cudaEvent_t event_ = nullptr;
};

}  // namespace

std::unique_ptr<Event> CudaDevice::create_event() {
  return std::make_unique<CudaEvent>(std::static_pointer_cast<CudaDevice>(shared_from_this()));
}

const CandidateRegistry& CudaDevice::candidates() const {
  return registry();
}

std::unique_ptr<Runner> CudaDevice::prepare(const std::vector<Step>& steps) {
  return make_runner(*this, steps);
}

}  // namespace dn::cuda

extern "C" DN_API const dn::DevicePlugin* dn_device_plugin() {
  static const dn::DevicePlugin plugin{
      DN_ABI_VERSION, DN_DEVICE_KIND, dn::cuda::count_cuda, dn::cuda::describe_cuda,
      [](int32_t index, const dn_device_options& options) -> std::shared_ptr<dn::Device> {
        return std::make_shared<dn::cuda::CudaDevice>(index, options);
      }};
  return &plugin;
}
