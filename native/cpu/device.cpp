#include "cpu/device.h"

#include <sys/mman.h>
#include <unistd.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "cpu/candidates.h"
#include "cpu/kernels/isa.h"
#include "engine/planner.h"

namespace dn::cpu {

namespace {

constexpr int64_t kHugePage = 2 << 20;

void copy_text(char* destination, size_t size, const std::string& source) {
  std::strncpy(destination, source.c_str(), size - 1);
  destination[size - 1] = 0;
}

std::string after_colon(const std::string& line) {
  const size_t colon = line.find(':');
  return colon == std::string::npos ? line : line.substr(line.find_first_not_of(" \t", colon + 1));
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return after_colon(line);
  return "CPU";
}

int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("MemAvailable")) return std::atoll(after_colon(line).c_str()) * 1024;
  return (int64_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

class CpuEvent final : public Event {  // every call has finished when it returns
 public:
  void record() override {}
  void wait() override {}
  bool query() override { return true; }
};

class CpuRunner final : public Runner {
 public:
  CpuRunner(const std::vector<Step>& steps, int threads) : steps_(steps), threads_(threads) {}
  void run() override {
    const ThreadScope scope(threads_);
    const DenormalScope denormals;
    for (const Step& step : steps_) step.run();
  }
  void run_profiled(std::vector<double>& microseconds) override {
    using Clock = std::chrono::steady_clock;
    const ThreadScope scope(threads_);
    const DenormalScope denormals;
    auto before = Clock::now();
    for (size_t i = 0; i < steps_.size(); ++i) {
      steps_[i].run();
      const auto now = Clock::now();
      microseconds[i] += std::chrono::duration<double, std::micro>(now - before).count();
      before = now;
    }
  }

 private:
  const std::vector<Step>& steps_;
  int threads_;
};

thread_local bool workers_covered = false;

}  // namespace

#if defined(__SSE2__)

DenormalScope::DenormalScope() : before_(_mm_getcsr()) {
  flush_denormals();
  workers_covered = false;
}
DenormalScope::~DenormalScope() {
  _mm_setcsr(before_);
}

#else

DenormalScope::DenormalScope() : before_(0) {}
DenormalScope::~DenormalScope() = default;

#endif

void DenormalScope::cover_workers(int threads) {
  if (workers_covered) return;
#pragma omp parallel num_threads(threads)
  flush_denormals();
  workers_covered = true;
}

class CpuStorage final : public Storage {
 public:
  using Storage::Storage;
  ~CpuStorage() override { std::free(data()); }
};

CandidateRegistry& registry() {
  static CandidateRegistry candidates;
  return candidates;
}

std::string refuse_other_than_float32(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  if (!operation.has_input(0)) return {};  // an expression of constants
  const TensorDeclaration& data = view.tensor(operation.input(0));
  return data.dtype == DN_DTYPE_F32 ? "" : text("needs float32, not ", name_of(data.dtype));
}

LayoutRef like(const LayoutRef& layout, const Shape& shape, DType dtype) {
  if (!layout) return nullptr;
  const auto& source = static_cast<const DnnlLayout&>(*layout);
  const int64_t block = source.channel_block();
  using Tag = dnnl::memory::format_tag;
  const bool last = block == source.desc().dims()[1] && source.name()[1] != 'C';
  Tag tag = Tag::undef;
  switch (shape.rank()) {
    case 3:
      tag = last ? Tag::nwc : block == 16 ? Tag::nCw16c : Tag::nCw8c;
      break;
    case 4:
      tag = last ? Tag::nhwc : block == 16 ? Tag::nChw16c : Tag::nChw8c;
      break;
    case 5:
      tag = last ? Tag::ndhwc : block == 16 ? Tag::nCdhw16c : Tag::nCdhw8c;
      break;
    default:
      return nullptr;
  }
  return layout_of(dnnl::memory::desc(dnnl_dims(shape), dnnl_type(dtype), tag));
}

void describe_cpu(dn_device_info& info, int threads) {
  info = {};
  info.struct_size = sizeof info;
  info.available = 1;
  info.capabilities = DN_CAPABILITY_HOST_MEMORY;
  info.thread_count = threads > 0 ? threads : omp_get_num_procs();
  info.memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  copy_text(info.name, sizeof info.name, "cpu");
  copy_text(info.description, sizeof info.description, processor_name());
  const dnnl_version_t* version = dnnl_version();
  copy_text(info.detail, sizeof info.detail,
            text(isa_name(best_isa()), ", ", info.thread_count, " threads, oneDNN ", version->major,
                 ".", version->minor, ".", version->patch));
}

CpuDevice::CpuDevice(const dn_device_options& options)
    : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
  describe_cpu(info_, options.thread_count);
}

MemoryCount CpuDevice::memory() const {
  MemoryCount count = ledger_->count();
  count.available_bytes = available_memory();
  return count;
}

std::shared_ptr<Storage> CpuDevice::allocate(int64_t bytes, std::string purpose) {
  const int64_t alignment = bytes >= 2 * kHugePage ? kHugePage : kArenaAlignment;
  const int64_t rounded = (std::max<int64_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  // Linux would promise more than there is and end the process at the first touch.
  const bool plausible = bytes < (64 << 20) || bytes <= available_memory();
  void* data = plausible ? std::aligned_alloc(alignment, rounded) : nullptr;
  if (!data) ledger_->refuse(info_.name, bytes, purpose, available_memory());
  if (alignment == kHugePage) madvise(data, rounded, MADV_HUGEPAGE);
  std::memset(data, 0, rounded);
  return std::make_shared<CpuStorage>(data, bytes, ledger_->add(bytes, std::move(purpose)));
}

std::shared_ptr<Storage> CpuDevice::wrap(void* data, int64_t bytes) {
  return std::make_shared<Storage>(data, bytes);
}

void CpuDevice::write(void* device, const void* host, int64_t bytes, bool) {
  std::memcpy(device, host, bytes);
}
void CpuDevice::read(void* host, const void* device, int64_t bytes, bool) {
  std::memcpy(host, device, bytes);
}
void CpuDevice::copy(void* destination, const void* source, int64_t bytes) {
  std::memcpy(destination, source, bytes);
}
void CpuDevice::zero(void* destination, int64_t bytes) {
  std::memset(destination, 0, bytes);
}

std::unique_ptr<Kernel> CpuDevice::change_layout(DType dtype, const Shape& shape,
                                                 const LayoutRef& from, const LayoutRef& to) {
  if (!from && !to) {
    const int64_t bytes = shape.numel() * size_of(dtype);
    return make_kernel([bytes, threads = threads()](const Arguments& a) {
      auto* target = static_cast<char*>(a.outputs[0]);
      const auto* source = static_cast<const char*>(a.inputs[0]);
      parallel(threads, bytes, bytes / 4, [&](int64_t begin, int64_t end) {
        std::memcpy(target + begin, source + begin, end - begin);
      });
    });
  }
  // Grouped weights have an axis more inside a layout than outside, in the same row-major order.
  const auto& known = static_cast<const DnnlLayout&>(from ? *from : *to).desc();
  const auto plain = row_major(known.data_type(), known.dims());
  const auto source = from ? desc_of(dtype, shape, from) : plain;
  const auto target = to ? desc_of(dtype, shape, to) : plain;
  const ThreadScope scope(threads());
  auto memory_in = dnnl::memory(source, engine_, nullptr);
  auto memory_out = dnnl::memory(target, engine_, nullptr);
  auto reorder = dnnl::reorder(memory_in, memory_out);
  return make_kernel([this, memory_in, memory_out, reorder](const Arguments& a) mutable {
    memory_in.set_data_handle(a.inputs[0]);
    memory_out.set_data_handle(a.outputs[0]);
    reorder.execute(stream_, memory_in, memory_out);
  });
}

const CandidateRegistry& CpuDevice::candidates() const {
  return registry();
}

std::unique_ptr<Runner> CpuDevice::prepare(const std::vector<Step>& steps) {
  return std::make_unique<CpuRunner>(steps, threads());
}

std::unique_ptr<Event> CpuDevice::create_event() {
  return std::make_unique<CpuEvent>();
}

void CpuDevice::trim() {}

void CpuDevice::adopt_stream(void*) {
  fail(DN_UNSUPPORTED, "device 'cpu' has no streams to adopt");
}

}  // namespace dn::cpu

extern "C" DN_API const dn::DevicePlugin* dn_device_plugin() {
  static const dn::DevicePlugin plugin{
      DN_ABI_VERSION, "cpu", [] { return int32_t{1}; },
      [](int32_t, dn_device_info& info) { dn::cpu::describe_cpu(info, 0); },
      [](int32_t, const dn_device_options& options) -> std::shared_ptr<dn::Device> {
        return std::make_shared<dn::cpu::CpuDevice>(options);
      }};
  return &plugin;
}
