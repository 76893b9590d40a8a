// Programs on the simulated device, for the tests of NVIDIA's libraries.
#pragma once

#include "../engine/fake_device.h"
#include "../engine/program_builder.h"
#include "stand_ins.h"

inline Handle<dn_device> open_hostsim() {
  dn_device* device = nullptr;
  EXPECT_OK(dn_device_open("hostsim", nullptr, &device));
  return Handle<dn_device>(device);
}

// Kernels that go before all others in programs compiled while it lives.
class Prefer {
 public:
  explicit Prefer(const char* names) { setenv("DEEPNATIVE_PREFER", names, 1); }
  ~Prefer() { unsetenv("DEEPNATIVE_PREFER"); }
  Prefer(const Prefer&) = delete;
  Prefer& operator=(const Prefer&) = delete;
};

// Exact in float32, sums of thousands of products too.
inline std::vector<float> small_integers(int64_t count, int seed) {
  std::vector<float> values((size_t)count);
  for (int64_t i = 0; i < count; ++i) values[i] = (float)((i * 7919 + seed) % 11) - 5;
  return values;
}

// The kernel of the only operator; changes of layout are left out.
inline std::string kernel_of(dn_program* program) {
  dn_report* report = nullptr;
  EXPECT_OK(dn_program_report(program, &report));
  const Handle<dn_report> owner(report);
  dn_report_summary summary{};
  summary.struct_size = sizeof summary;
  EXPECT_OK(dn_report_get_summary(report, &summary));
  for (int i = 0; i < summary.entry_count; ++i) {
    dn_report_entry entry{};
    entry.struct_size = sizeof entry;
    EXPECT_OK(dn_report_get_entry(report, i, &entry));
    if (entry.kind != 0) return entry.kernel;
  }
  return "";
}

// What the stand-in was asked for last: the result of its function.
int ask_stand_in(const char* library, const char* function);
