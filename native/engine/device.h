// What a kind of device gives the engine: memory, layouts, events and kernels.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/memory_ledger.h"
#include "engine/types.h"

namespace dn {

class CandidateRegistry;
struct Step;

// A physical arrangement of one tensor's elements. A null LayoutRef is row-major and dense.
class DN_API Layout {
 public:
  virtual ~Layout();
  virtual int64_t bytes() const = 0;
  virtual bool equals(const Layout& other) const = 0;
  virtual std::string name() const = 0;
};
using LayoutRef = std::shared_ptr<const Layout>;

DN_API bool same_layout(const LayoutRef& a, const LayoutRef& b);
DN_API std::string name_of(const LayoutRef& layout);

// Device memory; freed with its last owner. A wrapped one belongs to somebody else.
class DN_API Storage {
 public:
  Storage(void* data, int64_t bytes, LedgerRecord record = {})
      : data_(data), bytes_(bytes), record_(std::move(record)) {}
  virtual ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  // What it is for, in errors that list the largest.
  void rename(std::string purpose) { record_.rename(std::move(purpose)); }

 private:
  void* data_;
  int64_t bytes_;
  LedgerRecord record_;
};

class DN_API Event {
 public:
  virtual ~Event();
  virtual void record() = 0;
  virtual void wait() = 0;
  virtual bool query() = 0;
};

// Runs the steps of a compiled program. A GPU captures them once and replays them.
class DN_API Runner {
 public:
  virtual ~Runner();
  virtual void run() = 0;
  // Runs each step by itself and adds its time to microseconds[step].
  virtual void run_profiled(std::vector<double>& microseconds) = 0;
};

class DN_API Device : public std::enable_shared_from_this<Device> {
 public:
  virtual ~Device();
  virtual const dn_device_info& info() const = 0;
  virtual MemoryCount memory() const = 0;

  // Zero-filled, aligned to kArenaAlignment at least; throws DN_OUT_OF_MEMORY with what was asked,
  // what is free, and what holds most. purpose: "tensor 'w' float32 (64, 96)".
  virtual std::shared_ptr<Storage> allocate(int64_t bytes, std::string purpose) = 0;
  virtual std::shared_ptr<Storage> wrap(void* data, int64_t bytes) = 0;

  // Between host memory and device memory, in the device's order of work.
  virtual void write(void* device, const void* host, int64_t bytes, bool blocking) = 0;
  virtual void read(void* host, const void* device, int64_t bytes, bool blocking) = 0;
  virtual void copy(void* destination, const void* source, int64_t bytes) = 0;
  virtual void zero(void* destination, int64_t bytes) = 0;

  // A step that copies a tensor from one layout to another (of the same shape and dtype).
  virtual std::unique_ptr<class Kernel> change_layout(DType dtype, const Shape& shape,
                                                      const LayoutRef& from,
                                                      const LayoutRef& to) = 0;

  virtual const CandidateRegistry& candidates() const = 0;
  virtual std::unique_ptr<Runner> prepare(const std::vector<Step>& steps) = 0;

  virtual std::unique_ptr<Event> create_event() = 0;
  virtual void synchronize() = 0;
  virtual void trim() = 0;
  virtual void adopt_stream(void* stream) = 0;
};

// A device kind's shared library exports dn_device_plugin, which returns one of these.
struct DevicePlugin {
  int32_t abi_version;
  const char* kind;  // "cpu", "cuda"
  int32_t (*count)();
  void (*describe)(int32_t index, dn_device_info& info);
  std::shared_ptr<Device> (*open)(int32_t index, const dn_device_options& options);
};
using DevicePluginFunction = const DevicePlugin* (*)();
constexpr const char* kDevicePluginSymbol = "dn_device_plugin";

}  // namespace dn
