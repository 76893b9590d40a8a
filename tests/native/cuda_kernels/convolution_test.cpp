// The three directions of convolution as products, against naive loops in double.
#include "convolution_cases.h"
#include "device_array.h"

namespace dn::cuda {
namespace {

using Case = ConvolutionCase;

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      conv2d("aligned_3x3", 2, 16, 24, axis(7, 3, 1, 1), axis(6, 3, 1, 1)),
      conv2d("pointwise_1x1", 2, 32, 16, axis(5, 1), axis(5, 1)),
      conv2d("odd_channels", 2, 3, 5, axis(9, 5, 2, 2), axis(8, 4, 1, 1)),
      conv2d("one_channel", 3, 1, 7, axis(10, 5), axis(11, 5)),
      conv2d("stride_2", 2, 8, 8, axis(9, 3, 2, 1), axis(10, 3, 2, 1)),
      conv2d("stride_2_1x1", 2, 8, 16, axis(7, 1, 2), axis(8, 1, 2)),
      conv2d("stride_3_kernel_2", 1, 8, 4, axis(11, 2, 3), axis(10, 2, 3, 1)),
      conv2d("dilated", 1, 8, 8, axis(11, 3, 1, 2, 2), axis(12, 3, 1, 3, 3)),
      conv2d("stride_2_dilation_2", 1, 4, 8, axis(13, 3, 2, 2, 2), axis(12, 3, 4, 1, 2)),
      conv2d("stride_2_dilation_3", 1, 4, 4, axis(15, 3, 2, 2, 3), axis(14, 4, 3, 2, 2)),
      conv2d("asymmetric_padding", 2, 8, 8, axis(6, 3, 1, 0, 1, 2), axis(7, 4, 2, 3, 1, 0)),
      conv2d("grouped", 2, 16, 32, axis(6, 3, 1, 1), axis(5, 3, 1, 1), 2),
      conv2d("grouped_odd", 2, 6, 9, axis(6, 3, 2, 1), axis(5, 3, 1, 1), 3),
      conv2d("depthwise", 2, 12, 12, axis(6, 3, 1, 1), axis(7, 3, 2, 1), 12),
      conv2d("line", 2, 8, 16, axis(1, 1), axis(40, 5, 2, 2)),
      conv2d("kernel_covers_all", 4, 8, 16, axis(4, 4), axis(4, 4)),
      conv2d("padding_only_windows", 1, 8, 8, axis(3, 2, 2, 3), axis(3, 2, 2, 3)),
      conv3d("cube", 1, 8, 8, axis(4, 3, 1, 1), axis(5, 3, 2, 1), axis(6, 2, 2, 0)),
      conv2d("empty_batch", 0, 8, 8, axis(5, 3), axis(5, 3))};
  return all;
}

struct Arithmetic {
  const char* name;
  int dtype;
  GemmFloat32 float32;
  double product_error;
};
constexpr Arithmetic kArithmetics[] = {{"f32", DN_DTYPE_F32, GemmFloat32::Exact, 0x1p-23},
                                       {"tf32", DN_DTYPE_F32, GemmFloat32::Tf32, 0x1p-10},
                                       {"bf16", DN_DTYPE_BF16, GemmFloat32::Exact, 0x1p-23},
                                       {"f16", DN_DTYPE_F16, GemmFloat32::Exact, 0x1p-23}};

class ConvolutionTest : public testing::TestWithParam<std::tuple<Case, int>> {
 protected:
  ConvolutionTest()
      : arithmetic_(kArithmetics[std::get<1>(GetParam())]), c_(std::get<0>(GetParam()).c) {
    c_.dtype = arithmetic_.dtype;
    c_.float32 = arithmetic_.float32;
  }

  DeviceArray random(int64_t count) {
    return DeviceArray(arithmetic_.dtype, random_values(generator_, count));
  }

  // Runs the products twice, each with its own plan, and with several parts of the depth.
  void run(std::vector<Gemm> products, const DeviceArray& a, const DeviceArray& b, int out_dtype,
           const std::vector<double>& expected, const std::vector<double>& magnitude) {
    for (const int splits : {0, 3}) {
      const DeviceArray out(out_dtype, (int64_t)expected.size());
      for (Gemm g : products) {
        g.a.data = a.data(), g.b.data = b.data(), g.c = out.data(), g.c_dtype = out_dtype;
        GemmPlan plan = plan_gemm(g, 4);
        if (splits > 0) plan.splits = splits;
        const DeviceArray workspace(DN_DTYPE_F32, gemm_workspace_bytes(g, plan) / 4);
        gemm(nullptr, g, plan, workspace.data());
        workspace.read();
      }
      const std::vector<float> result = out.read();
      for (size_t i = 0; i < expected.size(); ++i) {
        const double tolerance = 8 * arithmetic_.product_error * std::sqrt(magnitude[i] + 1) +
                                 epsilon_of(out_dtype) * std::abs(expected[i]);
        ASSERT_TRUE(std::abs(result[i] - expected[i]) <= tolerance)
            << "element " << i << " is " << result[i] << ", expected " << expected[i]
            << ", tolerance " << tolerance << ", splits " << splits;
      }
    }
  }

  Arithmetic arithmetic_;
  Convolution c_;
  std::mt19937 generator_{11};
};

INSTANTIATE_TEST_SUITE_P(All, ConvolutionTest,
                         testing::Combine(testing::ValuesIn(cases()), testing::Range(0, 4)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) + "_" +
                                  kArithmetics[std::get<1>(info.param)].name;
                         });

TEST_P(ConvolutionTest, Forward) {
  const DeviceArray x = random(input_numel(c_)), w = random(weight_numel(c_));
  const std::vector<float> vx = x.initial(), vw = w.initial();
  std::vector<double> y((size_t)output_numel(c_)), count(y.size());
  for_each_product(c_, [&](int64_t i, int64_t j, int64_t k) {
    y[(size_t)k] += (double)vx[(size_t)i] * vw[(size_t)j];
    ++count[(size_t)k];
  });
  run({convolution_forward_gemm(c_)}, x, w, c_.dtype, y, count);
}

TEST_P(ConvolutionTest, BackwardData) {
  const DeviceArray dy = random(output_numel(c_)), w = random(weight_numel(c_));
  const std::vector<float> vdy = dy.initial(), vw = w.initial();
  std::vector<double> dx((size_t)input_numel(c_)), count(dx.size());
  for_each_product(c_, [&](int64_t i, int64_t j, int64_t k) {
    dx[(size_t)i] += (double)vdy[(size_t)k] * vw[(size_t)j];
    ++count[(size_t)i];
  });
  run(convolution_backward_data_gemms(c_), dy, w, c_.dtype, dx, count);
}

TEST_P(ConvolutionTest, BackwardWeight) {
  const DeviceArray x = random(input_numel(c_)), dy = random(output_numel(c_));
  const std::vector<float> vx = x.initial(), vdy = dy.initial();
  std::vector<double> dw((size_t)weight_numel(c_)), count(dw.size());
  for_each_product(c_, [&](int64_t i, int64_t j, int64_t k) {
    dw[(size_t)j] += (double)vx[(size_t)i] * vdy[(size_t)k];
    ++count[(size_t)j];
  });
  // Gradients of weights may stay float32 beside 16-bit activations.
  run({convolution_backward_weight_gemm(c_)}, dy, x, DN_DTYPE_F32, dw, count);
}

}  // namespace
}  // namespace dn::cuda
