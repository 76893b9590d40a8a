// The exported functions: null checks, struct sizes, and the way to the classes behind them.
#include <cstring>

#include "engine/checked.h"
#include "engine/compiled.h"
#include "engine/device_registry.h"

// The handles own what they stand for, so that they may be released in any order.
struct dn_device {
  std::shared_ptr<dn::Device> device;
};
struct dn_tensor {
  std::shared_ptr<dn::Tensor> tensor;
};
struct dn_event {
  std::shared_ptr<dn::Device> device;
  std::unique_ptr<dn::Event> event;
};
struct dn_program {
  std::shared_ptr<dn::Program> program;
};
struct dn_report {
  dn_report_summary summary;
  std::vector<dn_report_entry> entries;
};

namespace {

using dn::checked;
using dn::checked_struct;
using dn::guard;
using dn::require;

dn::Tensor& tensor_of(dn_tensor* handle, const char* name = "tensor") {
  return *checked(handle, name).tensor;
}
dn::Program& program_of(dn_program* handle) {
  return *checked(handle, "program").program;
}
dn::Device& device_of(dn_device* handle) {
  return *checked(handle, "device").device;
}

template <size_t size>
void copy_text(char (&destination)[size], const std::string& source) {
  std::strncpy(destination, source.c_str(), size - 1);
  destination[size - 1] = 0;
}

}  // namespace

extern "C" {

int32_t dn_abi_version(void) {
  return DN_ABI_VERSION;
}
const char* dn_version(void) {
  return DN_VERSION;
}

dn_status dn_device_count(int32_t* count) {
  return guard([&] { checked(count, "count") = dn::device_count(); });
}

dn_status dn_device_describe(int32_t index, dn_device_info* info) {
  return guard([&] {
    dn_device_info result;
    checked_struct(info, "info");
    dn::describe_device(index, result);
    *info = result;
  });
}

dn_status dn_device_open(const char* name, const dn_device_options* options, dn_device** device) {
  return guard([&] {
    checked(name, "name");
    checked(device, "device");
    dn_device_options defaults{sizeof(dn_device_options), 0};
    if (options) defaults = checked_struct(options, "options");
    require(defaults.thread_count >= 0 && defaults.thread_count <= 1024, "thread_count is ",
            defaults.thread_count, ", expected 0 to 1024");
    *device = new dn_device{dn::open_device(name, defaults)};
  });
}

dn_status dn_device_get_info(dn_device* device, dn_device_info* info) {
  return guard([&] { checked_struct(info, "info") = device_of(device).info(); });
}

dn_status dn_device_get_memory(dn_device* device, dn_memory_info* info) {
  return guard([&] {
    checked_struct(info, "info");
    const dn::MemoryCount count = device_of(device).memory();
    *info = {sizeof *info,          0,
             count.used_bytes,      count.peak_bytes,
             count.available_bytes, count.allocation_count,
             count.live_count};
  });
}

dn_status dn_device_synchronize(dn_device* device) {
  return guard([&] { device_of(device).synchronize(); });
}

dn_status dn_device_trim(dn_device* device) {
  return guard([&] { device_of(device).trim(); });
}

dn_status dn_device_adopt_stream(dn_device* device, void* stream) {
  return guard([&] { device_of(device).adopt_stream(stream); });
}

void dn_device_release(dn_device* device) {
  delete device;
}

dn_status dn_tensor_create(dn_device* device, dn_dtype dtype, int32_t rank, const int64_t* dims,
                           dn_tensor** tensor) {
  return guard([&] {
    device_of(device);
    checked(tensor, "tensor");
    *tensor = new dn_tensor{std::make_shared<dn::Tensor>(device->device, dn::check_dtype(dtype),
                                                         dn::Shape(rank, dims))};
  });
}

dn_status dn_tensor_wrap(dn_device* device, dn_dtype dtype, int32_t rank, const int64_t* dims,
                         void* data, int64_t bytes, dn_tensor** tensor) {
  return guard([&] {
    device_of(device);
    checked(tensor, "tensor");
    *tensor = new dn_tensor{std::make_shared<dn::Tensor>(device->device, dn::check_dtype(dtype),
                                                         dn::Shape(rank, dims), data, bytes)};
  });
}

dn_status dn_tensor_get_info(dn_tensor* tensor, dn_tensor_info* info) {
  return guard([&] {
    const dn::Tensor& source = tensor_of(tensor);
    dn_tensor_info& result = checked_struct(info, "info");
    result.dtype = source.dtype();
    result.rank = source.shape().rank();
    result.wrapped = source.wrapped();
    for (int axis = 0; axis < DN_MAX_RANK; ++axis)
      result.dims[axis] = axis < result.rank ? source.shape()[axis] : 0;
    result.bytes = source.bytes();
    result.physical_bytes = source.physical_bytes();
    copy_text(result.layout, dn::name_of(source.layout()));
  });
}

dn_status dn_tensor_write(dn_tensor* tensor, const void* data, int64_t bytes) {
  return guard([&] { tensor_of(tensor).write(data, bytes, true); });
}

dn_status dn_tensor_read(dn_tensor* tensor, void* data, int64_t bytes) {
  return guard([&] { tensor_of(tensor).read(data, bytes, true); });
}

dn_status dn_tensor_write_async(dn_tensor* tensor, const void* data, int64_t bytes) {
  return guard([&] { tensor_of(tensor).write(data, bytes, false); });
}

dn_status dn_tensor_read_async(dn_tensor* tensor, void* data, int64_t bytes) {
  return guard([&] { tensor_of(tensor).read(data, bytes, false); });
}

dn_status dn_tensor_copy(dn_tensor* destination, dn_tensor* source) {
  return guard(
      [&] { tensor_of(destination, "destination").copy_from(tensor_of(source, "source")); });
}

dn_status dn_tensor_zero(dn_tensor* tensor) {
  return guard([&] { tensor_of(tensor).zero(); });
}

void dn_tensor_release(dn_tensor* tensor) {
  delete tensor;
}

dn_status dn_event_create(dn_device* device, dn_event** event) {
  return guard([&] {
    checked(event, "event");
    auto created = device_of(device).create_event();
    *event = new dn_event{device->device, std::move(created)};
  });
}

dn_status dn_event_record(dn_event* event) {
  return guard([&] { checked(event, "event").event->record(); });
}

dn_status dn_event_wait(dn_event* event) {
  return guard([&] { checked(event, "event").event->wait(); });
}

dn_status dn_event_query(dn_event* event, int32_t* done) {
  return guard([&] {
    checked(done, "done");
    *done = checked(event, "event").event->query();
  });
}

void dn_event_release(dn_event* event) {
  delete event;
}

dn_status dn_program_create(dn_device* device, const char* name, dn_program** program) {
  return guard([&] {
    device_of(device);
    checked(program, "program");
    *program = new dn_program{std::make_shared<dn::Program>(device->device, name ? name : "")};
  });
}

dn_status dn_program_tensor(dn_program* program, dn_dtype dtype, int32_t rank, const int64_t* dims,
                            const char* name, int32_t* id) {
  return guard([&] {
    checked(id, "id");
    *id = program_of(program).add_tensor(dn::check_dtype(dtype), dn::Shape(rank, dims), name);
  });
}

dn_status dn_program_bind(dn_program* program, dn_tensor* tensor, const char* name, int32_t* id) {
  return guard([&] {
    checked(id, "id");
    tensor_of(tensor);
    *id = program_of(program).bind(tensor->tensor, name);
  });
}

dn_status dn_program_operator(dn_program* program, const dn_operator* description) {
  return guard(
      [&] { program_of(program).add_operator(checked_struct(description, "description")); });
}

dn_status dn_program_compile(dn_program* program, const dn_compile_options* options) {
  return guard([&] {
    dn_compile_options defaults{sizeof(dn_compile_options), 0, 0, 0};
    if (options) defaults = checked_struct(options, "options");
    program_of(program).compile(defaults);
  });
}

dn_status dn_program_run(dn_program* program) {
  return guard([&] { program_of(program).run(); });
}

dn_status dn_program_profile(dn_program* program, int32_t enable) {
  return guard([&] { program_of(program).profile(enable != 0); });
}

void dn_program_release(dn_program* program) {
  delete program;
}

dn_status dn_program_report(dn_program* program, dn_report** report) {
  return guard([&] {
    checked(report, "report");
    const dn::Program& source = program_of(program);
    const dn::Compiled* compiled = source.compiled();
    require(compiled != nullptr, "program '", source.name(), "' is not compiled");
    auto result = std::make_unique<dn_report>();
    result->summary = {sizeof(dn_report_summary),  (int32_t)compiled->steps.size(),
                       compiled->arena->bytes(),   compiled->transient_sum_bytes,
                       compiled->persistent_bytes, compiled->scratch_bytes,
                       source.run_count(),         compiled->profiled_run_count};
    for (size_t i = 0; i < compiled->steps.size(); ++i) {
      const dn::Step& step = compiled->steps[i];
      dn_report_entry entry{};
      entry.struct_size = sizeof entry;
      entry.kind = step.kind;
      entry.operator_count = step.operator_count;
      entry.candidate_count = step.candidate_count;
      entry.total_us = compiled->microseconds[i];
      entry.bytes = step.bytes;
      entry.operations = step.operations;
      copy_text(entry.name, step.name);
      copy_text(entry.kernel, step.kernel);
      copy_text(entry.shape, step.shape);
      result->entries.push_back(entry);
    }
    *report = result.release();
  });
}

dn_status dn_report_get_summary(dn_report* report, dn_report_summary* summary) {
  return guard([&] { checked_struct(summary, "summary") = checked(report, "report").summary; });
}

dn_status dn_report_get_entry(dn_report* report, int32_t index, dn_report_entry* entry) {
  return guard([&] {
    const auto& entries = checked(report, "report").entries;
    require(index >= 0 && index < (int)entries.size(), "index is ", index, ", expected 0 to ",
            (int)entries.size() - 1);
    checked_struct(entry, "entry") = entries[index];
  });
}

void dn_report_release(dn_report* report) {
  delete report;
}

}  // extern "C"
