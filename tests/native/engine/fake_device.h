// A device in host memory whose kernels do nothing but take time, to test how the engine chooses.
#pragma once

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "engine/compiled.h"
#include "engine/single_operator.h"

// A folder of its own for the engine's cache, gone with the object.
class CacheFolder {
 public:
  CacheFolder() {
    char name[] = "/tmp/deepnative-test-XXXXXX";
    path_ = mkdtemp(name);
    setenv("DEEPNATIVE_CACHE", name, 1);
  }
  ~CacheFolder() {
    unsetenv("DEEPNATIVE_CACHE");
    std::filesystem::remove_all(path_);
  }
  CacheFolder(const CacheFolder&) = delete;
  CacheFolder& operator=(const CacheFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class FakeLayout final : public dn::Layout {
 public:
  explicit FakeLayout(int64_t bytes) : bytes_(bytes) {}
  int64_t bytes() const override { return bytes_; }
  bool equals(const dn::Layout& other) const override { return other.bytes() == bytes_; }
  std::string name() const override { return "fake"; }

 private:
  int64_t bytes_;
};

inline void spin(double microseconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double, std::micro>(microseconds);
  while (Clock::now() < end) {
  }
}

class FakeDevice final : public dn::Device {
 public:
  struct Contestant {
    std::string name;
    int preference;
    double microseconds;
    dn_status failure = DN_OK;  // what its kernel throws
    bool own_layout = false;    // reads its input in a layout of its own
    bool costly = false;
    bool refuses = false;
    std::string version = {};
    int runs = 0;
    int questions = 0;
  };

  explicit FakeDevice(std::vector<Contestant> contestants) {
    info_.struct_size = sizeof info_;
    std::strcpy(info_.name, "fake:0");
    std::strcpy(info_.description, "no processor");
    for (Contestant& contestant : contestants)
      contestants_.push_back(std::make_unique<Contestant>(std::move(contestant)));
    for (const auto& contestant : contestants_)
      registry_.add(std::make_unique<FakeCandidate>(*contestant));
  }

  Contestant& contestant(int index) { return *contestants_[index]; }
  double change_us = 0;    // that a change of layout takes
  int64_t room = 1 << 30;  // bytes that one allocation may have

  const dn_device_info& info() const override { return info_; }
  dn::MemoryCount memory() const override { return ledger_->count(); }
  std::shared_ptr<dn::Storage> allocate(int64_t bytes, std::string purpose) override {
    if (bytes > room) ledger_->refuse(info_.name, bytes, purpose, room);
    return std::make_shared<FakeStorage>(std::calloc(1, (size_t)bytes + 1), bytes,
                                         ledger_->add(bytes, std::move(purpose)));
  }
  std::shared_ptr<dn::Storage> wrap(void* data, int64_t bytes) override {
    return std::make_shared<dn::Storage>(data, bytes);
  }
  void write(void* device, const void* host, int64_t bytes, bool) override {
    std::memcpy(device, host, (size_t)bytes);
  }
  void read(void* host, const void* device, int64_t bytes, bool) override {
    std::memcpy(host, device, (size_t)bytes);
  }
  void copy(void* destination, const void* source, int64_t bytes) override {
    std::memcpy(destination, source, (size_t)bytes);
  }
  void zero(void* destination, int64_t bytes) override {
    std::memset(destination, 0, (size_t)bytes);
  }
  std::unique_ptr<dn::Kernel> change_layout(dn::DType, const dn::Shape&, const dn::LayoutRef&,
                                            const dn::LayoutRef&) override {
    return dn::make_kernel([us = change_us](const dn::Arguments&) { spin(us); });
  }
  const dn::CandidateRegistry& candidates() const override { return registry_; }
  std::unique_ptr<dn::Runner> prepare(const std::vector<dn::Step>& steps) override {
    return std::make_unique<FakeRunner>(steps);
  }
  std::unique_ptr<dn::Event> create_event() override { return nullptr; }
  void synchronize() override {}
  void trim() override {}
  void adopt_stream(void*) override {}

 private:
  class FakeStorage final : public dn::Storage {
   public:
    using Storage::Storage;
    ~FakeStorage() override { std::free(data()); }
  };

  class FakeRunner final : public dn::Runner {
   public:
    explicit FakeRunner(const std::vector<dn::Step>& steps) : steps_(steps) {}
    void run() override {
      for (const dn::Step& step : steps_) step.run();
    }
    void run_profiled(std::vector<double>&) override { run(); }

   private:
    const std::vector<dn::Step>& steps_;
  };

  class FakeCandidate final : public dn::Candidate {
   public:
    explicit FakeCandidate(Contestant& contestant) : contestant_(contestant) {}
    std::string name() const override { return contestant_.name; }
    int kind() const override { return DN_OPERATOR_POINTWISE; }
    int preference() const override { return contestant_.preference; }
    bool costly() const override { return contestant_.costly; }
    std::string version(const dn::CompileView&) const override { return contestant_.version; }
    std::vector<int> match(const dn::CompileView&, int first, std::string& reason) const override {
      ++contestant_.questions;
      reason = "refuses";
      return contestant_.refuses ? std::vector<int>{} : std::vector<int>{first};
    }
    dn::KernelPlan plan(const dn::CompileView& view, std::span<const int> ops) const override {
      const dn::Operator& op = view.op(ops[0]);
      dn::LayoutRef layout;
      if (contestant_.own_layout)
        layout = std::make_shared<FakeLayout>(2 * view.tensor(op.input(0)).bytes());
      dn::KernelPlan plan;
      plan.inputs = {{op.input(0), layout}};
      plan.outputs = {{op.output(0), nullptr}};
      plan.kernel = dn::make_kernel([&contestant = contestant_](const dn::Arguments&) {
        ++contestant.runs;
        if (contestant.failure != DN_OK) dn::fail(contestant.failure, "as planned");
        spin(contestant.microseconds);
      });
      return plan;
    }

   private:
    Contestant& contestant_;
  };

  dn_device_info info_{};
  std::vector<std::unique_ptr<Contestant>> contestants_;
  dn::CandidateRegistry registry_;
  std::shared_ptr<dn::MemoryLedger> ledger_ = std::make_shared<dn::MemoryLedger>();
};

// y = x * constant, on tensors of the given dims.
inline std::unique_ptr<dn::Program> scale_program(const std::shared_ptr<dn::Device>& device,
                                                  const dn::Shape& shape = {4, 8},
                                                  float constant = 2, const char* name = "scale") {
  auto program = std::make_unique<dn::Program>(device, "test");
  const int x = program->bind(std::make_shared<dn::Tensor>(device, DN_DTYPE_F32, shape), "x");
  const int middle = program->add_tensor(DN_DTYPE_F32, shape, "middle");
  const int y = program->bind(std::make_shared<dn::Tensor>(device, DN_DTYPE_F32, shape), "y");
  const std::vector<dn_instruction> scale{{DN_OPCODE_INPUT, 0, 0, 0, 0},
                                          {DN_OPCODE_CONSTANT, 0, 0, 0, constant},
                                          {DN_OPCODE_MUL, 0, 1, 0, 0},
                                          {DN_OPCODE_OUTPUT, 2, 0, 0, 0}};
  const dn_pointwise_attributes attributes{sizeof attributes, (int32_t)scale.size(), scale.data()};
  for (const auto& [from, to] : {std::pair{x, middle}, {middle, y}}) {
    const dn_operator description{
        sizeof description, DN_OPERATOR_POINTWISE, name, &attributes, &from, &to, 1, 1};
    program->add_operator(description);
  }
  return program;
}
