// Images cropped, mirrored and normalised, to the bit, against the definition.
#include "cuda/kernels/image_decode.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>
#include <random>

#include "engine/image_augment.h"
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

// ---- places between pixels, colours, masks: to the bit, against the formulas that the CPU shares ----

struct Sampled {
  int64_t count;
  int channels, height, width, out_height, out_width;
  dn_dtype masks;  // u8 or i32
  dn_padding_mode mode;
  bool colors;
};

ImageDecodeParams params_of(const Sampled& c) {
  ImageDecodeParams p = params_of(
      Case{c.count, c.channels, c.height, c.width, c.out_height, c.out_width, 2, c.mode, true});
  dn_image_decode_attributes& a = p.attributes;
  a.vertical_flip_probability = 0.5f;
  a.shift = 0.2f, a.rotation = 0.1f, a.log_zoom = 0.3f, a.shear = 0.05f;
  a.elastic = 1.5f, a.elastic_pitch = 4.5f;
  a.cutout = 3;
  a.ignore_index = -1;
  if (c.colors) a.brightness = 0.4f, a.contrast = 0.5f;
  if (c.colors && c.channels == 3) {
    a.saturation = 0.6f, a.hue = 0.2f;
    for (int k = 0; k < 9; ++k) a.lighting[k] = 7.0f - 2.0f * (float)k;
  }
  p.mask_dtype = c.masks;
  return p;
}

// One sample, a place at a time.
class Reference {
 public:
  Reference(const ImageDecodeParams& p, int64_t n)
      : p_(p),
        s_(augment::settings_of(p.attributes, true, p.channels, p.height, p.width, p.out_height,
                                p.out_width)) {
    const int nodes = s_.node_rows * s_.node_columns;
    for (int block = 0; block < augment::kBlocks + (nodes + 1) / 2; ++block)
      for (uint32_t word : philox({(uint32_t)n, (uint32_t)block, (uint32_t)kOffset, 3},
                                  (uint32_t)kSeed, (uint32_t)(kSeed >> 32)))
        words_.push_back(word);
    augment::draw_sample(s_, words_.data(), sample_);
    rows_.resize((size_t)nodes), columns_.resize((size_t)nodes);
    for (int k = 0; k < nodes; ++k)
      augment::elastic_node(s_, words_[20 + 2 * k], words_[21 + 2 * k], &columns_[k], &rows_[k]);
  }

  std::pair<float, float> place(int i, int j) const {
    const float v = (float)i - 0.5f * (float)(s_.out_height - 1);
    const float u = (float)j - 0.5f * (float)(s_.out_width - 1);
    const auto& d = sample_;
    const float row = fmaf(d.row_u, u, fmaf(d.row_v, v, d.row_0)) + displaced(rows_, i, j);
    const float column =
        fmaf(d.column_u, u, fmaf(d.column_v, v, d.column_0)) + displaced(columns_, i, j);
    return {augment::bounded_place(row, s_.height, s_.attributes.padding_mode),
            augment::bounded_place(column, s_.width, s_.attributes.padding_mode)};
  }

  std::vector<float> pixel(const uint8_t* image, int i, int j) const {
    const auto [row, column] = place(i, j);
    const int top = (int)floorf(row), left = (int)floorf(column);
    std::vector<float> bytes;
    for (int c = 0; c < s_.channels; ++c, image += s_.height * s_.width) {
      const auto at = [&](int r, int k) {
        return r >= 0 && r < s_.height && k >= 0 && k < s_.width ? (float)image[r * s_.width + k]
                                                                 : 0.0f;
      };
      const float across = column - (float)left;
      bytes.push_back(augment::between(
          row - (float)top, augment::between(across, at(top, left), at(top, left + 1)),
          augment::between(across, at(top + 1, left), at(top + 1, left + 1))));
    }
    if (s_.colors && s_.channels == 3) augment::recolor(sample_, bytes[0], bytes[1], bytes[2]);
    if (s_.colors && s_.channels != 3)
      for (int c = 0; c < s_.channels; ++c)
        bytes[c] = augment::limited(fmaf(sample_.color[0], bytes[c], sample_.color_offset[c]));
    const bool cut = augment::is_cut(s_, sample_, i, j);
    for (int c = 0; c < s_.channels; ++c)
      bytes[c] = cut ? 0.0f : (bytes[c] - s_.attributes.mean[c]) * s_.attributes.scale[c];
    return bytes;
  }

  template <typename Label>
  int32_t label(const Label* mask, int i, int j) const {
    const auto [row, column] = place(i, j);
    const int r = (int)floorf(row + 0.5f), c = (int)floorf(column + 0.5f);
    return r >= 0 && r < s_.height && c >= 0 && c < s_.width ? (int32_t)mask[r * s_.width + c] : -1;
  }

 private:
  float displaced(const std::vector<float>& nodes, int i, int j) const {
    const float y = (float)i / s_.attributes.elastic_pitch,
                x = (float)j / s_.attributes.elastic_pitch;
    float down[4], right[4], line[4];
    augment::spline_weights(y - floorf(y), down);
    augment::spline_weights(x - floorf(x), right);
    for (int k = 0; k < 4; ++k) {
      const float* n = &nodes[(size_t)((int)y * s_.node_columns + (int)x + k)];
      const int step = s_.node_columns;
      line[k] = augment::spline(down[0], down[1], down[2], down[3], n[0], n[step], n[2 * step],
                                n[3 * step]);
    }
    return augment::spline(right[0], right[1], right[2], right[3], line[0], line[1], line[2],
                           line[3]);
  }

  ImageDecodeParams p_;
  augment::Settings s_;
  augment::Sample sample_;
  std::vector<uint32_t> words_;
  std::vector<float> rows_, columns_;
};

template <typename Label>
void check_sampled(const Sampled& c) {
  std::mt19937 random(11);
  std::vector<uint8_t> bytes((size_t)(c.count * c.channels * c.height * c.width));
  for (uint8_t& byte : bytes) byte = (uint8_t)random();
  std::vector<Label> labels((size_t)(c.count * c.height * c.width));
  for (Label& label : labels) label = (Label)(random() % 21);
  TypedArray<uint8_t> images(bytes);
  TypedArray<Label> masks(labels);
  TypedArray<int64_t> state(std::vector<int64_t>{(int64_t)kSeed, kOffset});
  const size_t places = (size_t)(c.out_height * c.out_width);
  TypedArray<float> y((size_t)(c.count * c.channels) * places);
  TypedArray<int32_t> windows((size_t)c.count * places);
  ImageDecodeParams p = params_of(c);
  p.images = images.data(), p.state = state.data(), p.y = y.data();
  p.masks = masks.data(), p.mask_y = windows.data();
  image_decode(nullptr, p);
  const auto found = y.read();
  const auto found_labels = windows.read();
  size_t at = 0;
  for (int64_t n = 0; n < c.count; ++n) {
    const Reference reference(p, n);
    const uint8_t* image = bytes.data() + n * c.channels * c.height * c.width;
    const Label* mask = labels.data() + n * c.height * c.width;
    for (int i = 0; i < c.out_height; ++i)
      for (int j = 0; j < c.out_width; ++j, ++at) {
        ASSERT_EQ(found_labels[at], reference.label(mask, i, j)) << n << ": " << i << ", " << j;
        const auto pixel = reference.pixel(image, i, j);
        ASSERT_EQ(0,
                  std::memcmp(&found[at * c.channels], pixel.data(), pixel.size() * sizeof(float)))
            << n << ": " << i << ", " << j << ": " << found[at * c.channels] << " for " << pixel[0];
      }
  }
}

class ImageDecodeSampled : public ::testing::TestWithParam<Sampled> {};

TEST_P(ImageDecodeSampled, EqualsItsDefinition) {
  if (GetParam().masks == DN_DTYPE_U8)
    check_sampled<uint8_t>(GetParam());
  else
    check_sampled<int32_t>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ImageDecodeSampled,
    ::testing::Values(Sampled{3, 1, 20, 19, 18, 17, DN_DTYPE_U8, DN_PADDING_ZERO, false},
                      Sampled{3, 3, 9, 12, 12, 8, DN_DTYPE_I32, DN_PADDING_ZERO, true},
                      Sampled{2, 3, 9, 12, 9, 12, DN_DTYPE_U8, DN_PADDING_REFLECT, true},
                      Sampled{2, 2, 8, 5, 8, 5, DN_DTYPE_I32, DN_PADDING_REFLECT, true},
                      Sampled{2, 4, 3, 3, 1, 2, DN_DTYPE_U8, DN_PADDING_REFLECT, false}));

}  // namespace
}  // namespace dn::cuda
