// Depthwise convolution against naive loops in double.
#include "cuda/kernels/depthwise_convolution.h"

#include "small_convolution_test.h"

namespace dn::cuda {
namespace {

using Case = ConvolutionCase;

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      conv2d("plain", 2, 32, 32, axis(14, 3, 1, 1), axis(15, 3, 1, 1), 32),
      conv2d("wide", 1, 132, 132, axis(6, 3, 1, 1), axis(7, 3, 1, 1), 132),
      conv2d("odd_channels", 2, 7, 7, axis(9, 3, 2, 1), axis(10, 2, 3, 1), 7),
      conv2d("stride_and_dilation", 2, 12, 12, axis(11, 3, 2, 2, 2), axis(12, 3, 3, 1, 2), 12),
      conv2d("asymmetric", 1, 8, 8, axis(9, 5, 1, 4, 1, 0), axis(8, 4, 2, 0, 1, 3), 8),
      conv2d("one_channel", 2, 1, 1, axis(8, 3), axis(9, 3), 1),
      conv2d("line", 2, 8, 8, axis(1, 1), axis(30, 5, 1, 2), 8),
      conv2d("several_parts", 3, 4, 4, axis(30, 3, 1, 1), axis(30, 3, 1, 1), 4),
      conv2d("empty_batch", 0, 8, 8, axis(5, 3), axis(5, 3), 8)};
  return all;
}
class DepthwiseConvolutionTest : public SmallConvolutionTest {};

INSTANTIATE_TEST_SUITE_P(All, DepthwiseConvolutionTest,
                         testing::Combine(testing::ValuesIn(cases()), testing::Range(0, 3)),
                         small_convolution_name);

TEST_P(DepthwiseConvolutionTest, Forward) {
  ASSERT_EQ(nullptr, depthwise_convolution_refuses(c_));
  const DeviceArray x = random(dtype_, input_numel(c_)), w = random(dtype_, weight_numel(c_));
  const DeviceArray bias = random(DN_DTYPE_F32, c_.channels);
  const DeviceArray y(dtype_, output_numel(c_)), again(dtype_, output_numel(c_));
  DepthwiseConvolution p;
  p.convolution = c_;
  p.from = x.data(), p.w = w.data(), p.to = y.data();
  p.bias = bias.data();
  p.epilogue = GemmEpilogue::Relu;
  depthwise_convolution_forward(nullptr, p);
  p.to = again.data();
  depthwise_convolution_forward(nullptr, p);

  const std::vector<float> vx = x.initial(), vw = w.initial(), vb = bias.initial();
  std::vector<double> expected((size_t)output_numel(c_)), count(expected.size());
  for_each_product(c_, [&](int64_t i, int64_t j, int64_t k) {
    expected[(size_t)k] += (double)vx[(size_t)i] * vw[(size_t)j];
    ++count[(size_t)k];
  });
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] = std::max(0.0, expected[i] + vb[i % (size_t)c_.channels]);
  compare(y, again, dtype_, expected, count);
}

TEST_P(DepthwiseConvolutionTest, BackwardData) {
  const DeviceArray dy = random(dtype_, output_numel(c_)), w = random(dtype_, weight_numel(c_));
  const DeviceArray dx(dtype_, input_numel(c_)), again(dtype_, input_numel(c_));
  DepthwiseConvolution p;
  p.convolution = c_;
  p.from = dy.data(), p.w = w.data(), p.to = dx.data();
  depthwise_convolution_backward_data(nullptr, p);
  p.to = again.data();
  depthwise_convolution_backward_data(nullptr, p);

  const std::vector<float> vdy = dy.initial(), vw = w.initial();
  std::vector<double> expected((size_t)input_numel(c_)), count(expected.size());
  for_each_product(c_, [&](int64_t i, int64_t j, int64_t k) {
    expected[(size_t)i] += (double)vdy[(size_t)k] * vw[(size_t)j];
    ++count[(size_t)i];
  });
  compare(dx, again, dtype_, expected, count);
}

TEST_P(DepthwiseConvolutionTest, BackwardWeight) {
  const DeviceArray x = random(dtype_, input_numel(c_)), dy = random(dtype_, output_numel(c_));
  const DeviceArray dw(DN_DTYPE_F32, weight_numel(c_)), again(DN_DTYPE_F32, weight_numel(c_));
  const DeviceArray workspace(DN_DTYPE_F32,
                              depthwise_convolution_backward_weight_workspace_bytes(c_) / 4);
  DepthwiseConvolutionBackwardWeight p;
  p.convolution = c_;
  p.x = x.data(), p.dy = dy.data(), p.dw = dw.data();
  depthwise_convolution_backward_weight(nullptr, p, workspace.data());
  p.dw = again.data();
  depthwise_convolution_backward_weight(nullptr, p, workspace.data());
  workspace.read();

  const std::vector<float> vx = x.initial(), vdy = dy.initial();
  std::vector<double> expected((size_t)weight_numel(c_)), count(expected.size());
  for_each_product(c_, [&](int64_t i, int64_t j, int64_t k) {
    expected[(size_t)j] += (double)vx[(size_t)i] * vdy[(size_t)k];
    ++count[(size_t)j];
  });
  compare(dw, again, DN_DTYPE_F32, expected, count);
}

TEST(DepthwiseConvolutionRefusalTest, SaysWhy) {
  EXPECT_STREQ("has not one kernel for each channel",
               depthwise_convolution_refuses(conv2d("", 1, 4, 8, axis(9, 3), axis(9, 3), 4).c));
  Case cube = conv3d("", 1, 4, 4, axis(4, 2), axis(9, 3), axis(9, 3));
  cube.c.groups = 4;
  EXPECT_STREQ("has three spatial axes", depthwise_convolution_refuses(cube.c));
  EXPECT_STREQ("has a kernel too large for shared memory",
               depthwise_convolution_refuses(conv2d("", 1, 4, 4, axis(40, 31), axis(40, 31), 4).c));
}

}  // namespace
}  // namespace dn::cuda
