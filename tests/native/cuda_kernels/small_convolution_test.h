// Kernels for convolutions of few channels, or of one channel a group: each case in all data types.
#pragma once

#include "convolution_cases.h"
#include "device_array.h"

namespace dn::cuda {

inline constexpr const char* kDtypeNames[] = {"f32", "bf16", "f16"};
inline constexpr int kDtypes[] = {DN_DTYPE_F32, DN_DTYPE_BF16, DN_DTYPE_F16};

class SmallConvolutionTest : public testing::TestWithParam<std::tuple<ConvolutionCase, int>> {
 protected:
  SmallConvolutionTest() : dtype_(kDtypes[std::get<1>(GetParam())]), c_(std::get<0>(GetParam()).c) {
    c_.dtype = dtype_;
  }
  DeviceArray random(int dtype, int64_t count) {
    return DeviceArray(dtype, random_values(generator_, count));
  }
  void compare(const DeviceArray& out, const DeviceArray& again, int dtype,
               const std::vector<double>& expected, const std::vector<double>& count) {
    const std::vector<float> result = out.read(), repeated = again.read();
    ASSERT_TRUE(same_bits(result, repeated));
    for (size_t i = 0; i < expected.size(); ++i) {
      const double tolerance =
          0x1p-20 * std::sqrt(count[i] + 1) + epsilon_of(dtype) * std::abs(expected[i]);
      ASSERT_TRUE(std::abs(result[i] - expected[i]) <= tolerance)
          << "element " << i << " is " << result[i] << ", expected " << expected[i]
          << ", tolerance " << tolerance;
    }
  }

  int dtype_;
  Convolution c_;
  std::mt19937 generator_{17};
};

inline std::string small_convolution_name(
    const testing::TestParamInfo<std::tuple<ConvolutionCase, int>>& info) {
  return std::string(std::get<0>(info.param).name) + "_" + kDtypeNames[std::get<1>(info.param)];
}

}  // namespace dn::cuda
