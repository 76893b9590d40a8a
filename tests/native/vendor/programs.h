// Programs on the simulated device, for the tests of NVIDIA's libraries.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

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

// The value as the type holds it.
inline float rounded(double value, dn_dtype dtype) {
  return dtype == DN_DTYPE_BF16  ? __bfloat162float(__float2bfloat16((float)value))
         : dtype == DN_DTYPE_F16 ? __half2float(__float2half((float)value))
                                 : (float)value;
}

// A tensor of float32, float16 or bfloat16, filled with the values.
inline Handle<dn_tensor> make_typed_tensor(dn_device* device, dn_dtype dtype,
                                           const std::vector<int64_t>& dims,
                                           const std::vector<float>& values) {
  if (dtype == DN_DTYPE_F32) return make_tensor(device, dims, values);
  auto tensor = make_tensor(device, dims, {}, dtype);
  std::vector<uint16_t> bits(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    bits[i] = dtype == DN_DTYPE_F16 ? __half_as_ushort(__float2half(values[i]))
                                    : __bfloat16_as_ushort(__float2bfloat16(values[i]));
  EXPECT_OK(dn_tensor_write(tensor.get(), bits.data(), (int64_t)(2 * bits.size())));
  return tensor;
}

inline std::vector<float> read_typed(dn_tensor* tensor, dn_dtype dtype, size_t count) {
  if (dtype == DN_DTYPE_F32) return read(tensor, count);
  std::vector<uint16_t> bits(count);
  EXPECT_OK(dn_tensor_read(tensor, bits.data(), (int64_t)(2 * count)));
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = dtype == DN_DTYPE_F16 ? __half2float(__ushort_as_half(bits[i]))
                                      : __bfloat162float(__ushort_as_bfloat16(bits[i]));
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

// What the stand-in was asked for last: the result of its function. Defined in matmul_test.cpp.
int ask_stand_in(const char* library, const char* function);
