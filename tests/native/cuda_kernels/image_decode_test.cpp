// Images cropped, mirrored and normalised, to the bit, against the definition.
#include "cuda/kernels/image_decode.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>
#include <random>

#include "engine/philox.h"
#include "typed_array.h"

namespace dn::cuda {
namespace {

struct Case {
  int64_t count;
  int channels, height, width, out_height, out_width, padding;
  dn_padding_mode mode;
  bool random;
};

constexpr uint64_t kSeed = 0x123456789ABCDEFull;
constexpr int64_t kOffset = 41;

ImageDecodeParams params_of(const Case& c) {
  ImageDecodeParams p;
  p.count = c.count;
  p.channels = c.channels;
  p.height = c.height;
  p.width = c.width;
  p.out_height = c.out_height;
  p.out_width = c.out_width;
  dn_image_decode_attributes& a = p.attributes;
  a.padding = c.padding;
  a.padding_mode = c.mode;
  a.flip_probability = c.random ? 0.4f : 0.0f;
  a.stream = 3;
  const float mean[] = {127.5f, 33.1f, 0.0f, 200.0f};
  const float scale[] = {1.0f / 70, 0.3f, 1.0f, -0.017f};
  std::memcpy(a.mean, mean, sizeof mean);
  std::memcpy(a.scale, scale, sizeof scale);
  return p;
}

int mirror(int at, int extent) {
  return at < 0 ? -at : at >= extent ? 2 * (extent - 1) - at : at;
}

std::vector<float> expected_of(const ImageDecodeParams& p, const std::vector<uint8_t>& images,
                               bool random) {
  std::vector<float> y;
  const int tops = p.height + 2 * p.attributes.padding - p.out_height + 1;
  const int lefts = p.width + 2 * p.attributes.padding - p.out_width + 1;
  for (int64_t n = 0; n < p.count; ++n) {
    int top = (tops - 1) / 2, left = (lefts - 1) / 2;
    bool flip = false;
    if (random) {
      const PhiloxBlock words =
          philox({(uint32_t)n, 0, (uint32_t)kOffset, (uint32_t)p.attributes.stream},
                 (uint32_t)kSeed, (uint32_t)(kSeed >> 32));
      top = (int)((uint64_t)words[0] * (uint64_t)tops >> 32);
      left = (int)((uint64_t)words[1] * (uint64_t)lefts >> 32);
      flip = philox_uniform(words[2]) < p.attributes.flip_probability;
    }
    for (int i = 0; i < p.out_height; ++i)
      for (int j = 0; j < p.out_width; ++j)
        for (int c = 0; c < p.channels; ++c) {
          int row = top + i - p.attributes.padding;
          int column = left + (flip ? p.out_width - 1 - j : j) - p.attributes.padding;
          if (p.attributes.padding_mode == DN_PADDING_REFLECT)
            row = mirror(row, p.height), column = mirror(column, p.width);
          const bool inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
          const size_t at = (size_t)(((n * p.channels + c) * p.height + row) * p.width + column);
          const float byte = inside ? (float)images[at] : 0.0f;
          y.push_back((byte - p.attributes.mean[c]) * p.attributes.scale[c]);
        }
  }
  return y;
}

template <typename T>
T rounded(float value);
template <>
float rounded(float value) {
  return value;
}
template <>
__nv_bfloat16 rounded(float value) {
  return __float2bfloat16_rn(value);
}
template <>
__half rounded(float value) {
  return __float2half_rn(value);
}

template <typename T>
void check(const Case& c, dn_dtype dtype) {
  std::mt19937 random(7);
  std::vector<uint8_t> bytes((size_t)(c.count * c.channels * c.height * c.width));
  for (uint8_t& byte : bytes) byte = (uint8_t)random();
  TypedArray<uint8_t> images(bytes);
  TypedArray<int64_t> state(std::vector<int64_t>{(int64_t)kSeed, kOffset});
  TypedArray<T> y((size_t)(c.count * c.channels * c.out_height * c.out_width));
  ImageDecodeParams p = params_of(c);
  p.images = images.data();
  p.state = c.random ? state.data() : nullptr;
  p.y = y.data();
  p.dtype = dtype;
  image_decode(nullptr, p);
  const auto found = y.read();
  const auto expected = expected_of(p, bytes, c.random);
  for (size_t i = 0; i < found.size(); ++i) {
    const T value = rounded<T>(expected[i]);
    ASSERT_EQ(0, std::memcmp(&found[i], &value, sizeof value)) << "element " << i;
  }
  EXPECT_EQ(state.read(), (std::vector<int64_t>{(int64_t)kSeed, kOffset + c.random}));
}

class ImageDecode : public ::testing::TestWithParam<Case> {};

TEST_P(ImageDecode, EqualsItsDefinition) {
  check<float>(GetParam(), DN_DTYPE_F32);
  check<__nv_bfloat16>(GetParam(), DN_DTYPE_BF16);
  check<__half>(GetParam(), DN_DTYPE_F16);
}

INSTANTIATE_TEST_SUITE_P(Cases, ImageDecode,
                         ::testing::Values(Case{3, 1, 28, 28, 28, 28, 0, DN_PADDING_ZERO, false},
                                           Case{3, 3, 8, 9, 8, 9, 2, DN_PADDING_ZERO, true},
                                           Case{4, 3, 8, 9, 10, 7, 2, DN_PADDING_REFLECT, true},
                                           Case{2, 4, 6, 5, 3, 4, 0, DN_PADDING_ZERO, true},
                                           Case{2, 2, 4, 3, 8, 7, 2, DN_PADDING_REFLECT, false},
                                           Case{5, 1, 20, 19, 18, 17, 0, DN_PADDING_ZERO, true},
                                           Case{0, 3, 4, 4, 4, 4, 1, DN_PADDING_ZERO, true}));

}  // namespace
}  // namespace dn::cuda
