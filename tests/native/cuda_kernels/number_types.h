// The kernels' storage types on the host, and comparison with references in float64.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <deepnative.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "typed_array.h"

namespace dn::cuda {

template <typename T>
struct NumberType;
template <>
struct NumberType<float> {
  static constexpr int kDtype = DN_DTYPE_F32;
  static constexpr double kRounding = 0x1p-24;
  static float make(float v) { return v; }
  static float get(float v) { return v; }
};
template <>
struct NumberType<__nv_bfloat16> {
  static constexpr int kDtype = DN_DTYPE_BF16;
  static constexpr double kRounding = 0x1p-8;
  static __nv_bfloat16 make(float v) { return __float2bfloat16_rn(v); }
  static float get(__nv_bfloat16 v) { return __bfloat162float(v); }
};
template <>
struct NumberType<__half> {
  static constexpr int kDtype = DN_DTYPE_F16;
  static constexpr double kRounding = 0x1p-11;
  static __half make(float v) { return __float2half_rn(v); }
  static float get(__half v) { return __half2float(v); }
};

using NumberTypes = ::testing::Types<float, __nv_bfloat16, __half>;

template <typename T>
std::vector<T> narrow(const std::vector<float>& values) {
  std::vector<T> result;
  for (float v : values) result.push_back(NumberType<T>::make(v));
  return result;
}
template <typename T>
std::vector<float> widen(const std::vector<T>& values) {
  std::vector<float> result;
  for (T v : values) result.push_back(NumberType<T>::get(v));
  return result;
}
// The values as T holds them.
template <typename T>
std::vector<float> rounded(const std::vector<float>& values) {
  return widen(narrow<T>(values));
}

// What a sum of `terms` in float32, stored as T, may be off by, as a part of its magnitude.
template <typename T>
double tolerance(double terms) {
  const double stored = NumberType<T>::kDtype == DN_DTYPE_F32 ? 0 : NumberType<T>::kRounding;
  return stored + 6 * 0x1p-24 * std::sqrt(terms);
}

// NaN equals NaN only.
inline void expect_near(const char* what, const std::vector<float>& actual,
                        const std::vector<double>& expected, double relative,
                        double magnitude = 0) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (double e : expected)
    if (std::isfinite(e)) magnitude = std::max(magnitude, std::fabs(e));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double e = expected[i], a = actual[i];
    const bool good = std::isnan(e)   ? std::isnan(a)
                      : std::isinf(e) ? a == e
                                      : std::fabs(a - e) <= relative * magnitude;
    ASSERT_TRUE(good) << what << ": element " << i << " is " << a << ", expected " << e
                      << " within " << relative * magnitude;
  }
}

template <typename T>
void expect_same_bits(const char* what, const std::vector<T>& a, const std::vector<T>& b) {
  ASSERT_EQ(a.size(), b.size()) << what;
  ASSERT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0)
      << what << " differs between two runs";
}

}  // namespace dn::cuda
