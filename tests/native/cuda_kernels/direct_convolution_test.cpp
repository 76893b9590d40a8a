// The direct kernels against naive loops in double.
#include "cuda/kernels/direct_convolution.h"

#include "small_convolution_test.h"

namespace dn::cuda {
namespace {

using Case = ConvolutionCase;

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      conv2d("mnist", 2, 1, 32, axis(28, 5), axis(28, 5)),
      conv2d("colours", 2, 3, 64, axis(20, 7, 2, 3), axis(37, 7, 2, 3)),
      conv2d("many_channels", 1, 3, 100, axis(9, 3, 1, 1), axis(17, 3, 1, 1)),
      conv2d("odd", 3, 2, 7, axis(10, 3, 3, 0, 2), axis(11, 4, 2, 1)),
      conv2d("four_taps_deep", 1, 4, 36, axis(12, 5, 1, 2), axis(18, 5, 1, 2, 1, 0)),
      conv2d("large_kernel", 1, 3, 33, axis(23, 11, 4, 2), axis(23, 11, 4, 2)),
      conv2d("one_output", 2, 3, 5, axis(3, 3), axis(3, 3)),
      conv2d("line", 2, 1, 8, axis(1, 1), axis(50, 9, 2, 4)),
      conv2d("empty_batch", 0, 1, 8, axis(5, 3), axis(5, 3))};
  return all;
}
class DirectConvolutionTest : public SmallConvolutionTest {};

INSTANTIATE_TEST_SUITE_P(All, DirectConvolutionTest,
                         testing::Combine(testing::ValuesIn(cases()), testing::Range(0, 3)),
                         small_convolution_name);

TEST_P(DirectConvolutionTest, Forward) {
  ASSERT_EQ(nullptr, direct_convolution_refuses(c_));
  const DeviceArray x = random(dtype_, input_numel(c_)), w = random(dtype_, weight_numel(c_));
  const DeviceArray bias = random(DN_DTYPE_F32, c_.out_channels);
  const DeviceArray other = random(dtype_, output_numel(c_));
  const DeviceArray y(dtype_, output_numel(c_)), again(dtype_, output_numel(c_));
  DirectConvolutionForward p;
  p.convolution = c_;
  p.x = x.data(), p.w = w.data(), p.y = y.data();
  p.bias = bias.data();
  p.epilogue = GemmEpilogue::AddRelu, p.input = other.data();
  direct_convolution_forward(nullptr, p);
  p.y = again.data();
  direct_convolution_forward(nullptr, p);

  const std::vector<float> vx = x.initial(), vw = w.initial(), vb = bias.initial(),
                           vother = other.initial();
  std::vector<double> expected((size_t)output_numel(c_)), count(expected.size());
  for_each_product(c_, [&](int64_t i, int64_t j, int64_t k) {
    expected[(size_t)k] += (double)vx[(size_t)i] * vw[(size_t)j];
    ++count[(size_t)k];
  });
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] = std::max(0.0, expected[i] + vb[i % (size_t)c_.out_channels] + vother[i]);
  compare(y, again, dtype_, expected, count);
}

TEST_P(DirectConvolutionTest, BackwardWeight) {
  const DeviceArray x = random(dtype_, input_numel(c_)), dy = random(dtype_, output_numel(c_));
  const DeviceArray dw(DN_DTYPE_F32, weight_numel(c_)), again(DN_DTYPE_F32, weight_numel(c_));
  const DeviceArray workspace(DN_DTYPE_F32,
                              direct_convolution_backward_weight_workspace_bytes(c_) / 4);
  DirectConvolutionBackwardWeight p;
  p.convolution = c_;
  p.x = x.data(), p.dy = dy.data(), p.dw = dw.data();
  direct_convolution_backward_weight(nullptr, p, workspace.data());
  p.dw = again.data();
  direct_convolution_backward_weight(nullptr, p, workspace.data());
  workspace.read();

  const std::vector<float> vx = x.initial(), vdy = dy.initial();
  std::vector<double> expected((size_t)weight_numel(c_)), count(expected.size());
  for_each_product(c_, [&](int64_t i, int64_t j, int64_t k) {
    expected[(size_t)j] += (double)vx[(size_t)i] * vdy[(size_t)k];
    ++count[(size_t)j];
  });
  compare(dw, again, DN_DTYPE_F32, expected, count);
}

TEST(DirectConvolutionRefusalTest, SaysWhy) {
  const auto reason = [](const Case& c) { return std::string(direct_convolution_refuses(c.c)); };
  EXPECT_EQ("has more than 4 input channels", reason(conv2d("", 1, 5, 8, axis(9, 3), axis(9, 3))));
  EXPECT_EQ("has groups", reason(conv2d("", 1, 4, 8, axis(9, 3), axis(9, 3), 2)));
  EXPECT_EQ("has a dilated last axis",
            reason(conv2d("", 1, 4, 8, axis(9, 3), axis(9, 3, 1, 0, 2))));
  EXPECT_EQ("has three spatial axes",
            reason(conv3d("", 1, 4, 8, axis(4, 2), axis(9, 3), axis(9, 3))));
  EXPECT_EQ("has a kernel too large for shared memory",
            reason(conv2d("", 1, 4, 8, axis(40, 31), axis(40, 31))));
}

}  // namespace
}  // namespace dn::cuda
