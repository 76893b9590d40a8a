// The filters beside float64 loops.
#include <algorithm>
#include <cmath>

#include "files.h"

namespace {

Bytes ppm(int width, int height, const Bytes& pixels) {
  return concat(
      {text_bytes("P6 " + std::to_string(width) + " " + std::to_string(height) + " 255\n"),
       pixels});
}

// One plane of the crop: a triangle as wide as two steps, of the result or of the source, the wider of the two.
std::vector<double> triangle(const std::vector<double>& source, int width, int height, int to_width,
                             int to_height) {
  const auto line = [](int from, int to, int i) {
    const double scale = (double)from / to, reach = std::max(scale, 1.0);
    std::vector<double> weights((size_t)from);
    double total = 0;
    for (int k = 0; k < from; ++k)
      total += weights[(size_t)k] =
          std::max(0.0, 1 - std::abs(k + 0.5 - (i + 0.5) * scale) / reach);
    for (double& weight : weights) weight /= total;
    return weights;
  };
  std::vector<double> result;
  for (int y = 0; y < to_height; ++y) {
    const std::vector<double> rows = line(height, to_height, y);
    for (int x = 0; x < to_width; ++x) {
      const std::vector<double> columns = line(width, to_width, x);
      double sum = 0;
      for (int v = 0; v < height; ++v)
        if (rows[(size_t)v] > 0)
          for (int u = 0; u < width; ++u)
            sum += rows[(size_t)v] * columns[(size_t)u] * source[(size_t)(v * width + u)];
      result.push_back(sum);
    }
  }
  return result;
}

struct Sizes {
  int width, height, to_width, to_height;
};

constexpr Sizes kSizes[] = {{40, 30, 17, 11}, {17, 11, 40, 30}, {33, 7, 16, 21}, {1, 1, 5, 4},
                            {5, 9, 1, 1},     {50, 3, 1, 60},   {300, 2, 2, 2},  {31, 31, 31, 30}};

}  // namespace

TEST(Resample, TriangleIsThatOfFloatLoops) {
  for (const Sizes& sizes : kSizes) {
    // The crop lies inside of a larger picture, of which nothing may shine through.
    const int margin = 3, whole_width = sizes.width + 2 * margin,
              whole_height = sizes.height + 2 * margin;
    const Bytes pixels = noise((int64_t)3 * whole_width * whole_height, 21);
    for (int channels : {1, 3})
      for (int mirror : {0, 1}) {
        auto wanted = request(channels, sizes.to_width, sizes.to_height);
        wanted.crop_x = wanted.crop_y = margin;
        wanted.crop_width = sizes.width;
        wanted.crop_height = sizes.height;
        wanted.mirror = mirror;
        Bytes found;
        ASSERT_EQ(decode(ppm(whole_width, whole_height, pixels), wanted, found), DN_OK);
        for (int c = 0; c < channels; ++c) {
          std::vector<double> plane;
          for (int y = 0; y < sizes.height; ++y)
            for (int x = 0; x < sizes.width; ++x) {
              const uint8_t* pixel =
                  &pixels[(size_t)(3 * ((y + margin) * whole_width + x + margin))];
              plane.push_back(channels == 3 ? pixel[c]
                                            : std::floor(0.299 * pixel[0] + 0.587 * pixel[1] +
                                                         0.114 * pixel[2] + 0.5));
            }
          const auto expected =
              triangle(plane, sizes.width, sizes.height, sizes.to_width, sizes.to_height);
          for (int y = 0; y < sizes.to_height; ++y)
            for (int x = 0; x < sizes.to_width; ++x) {
              const int from = mirror ? sizes.to_width - 1 - x : x;
              ASSERT_NEAR(found[(size_t)((c * sizes.to_height + y) * sizes.to_width + x)],
                          // Luminance is rounded before, and may be rounded the other way here.
                          expected[(size_t)(y * sizes.to_width + from)], channels == 3 ? 0.6 : 1.6)
                  << sizes.width << " x " << sizes.height << " to " << sizes.to_width << " x "
                  << sizes.to_height << ": " << x << ", " << y;
            }
        }
      }
  }
}

TEST(Resample, WhatIsFlatStaysFlat) {
  for (const Sizes& sizes : kSizes)
    for (uint8_t value : {0, 1, 128, 254, 255}) {
      const Bytes pixels((size_t)(3 * sizes.width * sizes.height), value);
      Bytes found;
      ASSERT_EQ(decode(ppm(sizes.width, sizes.height, pixels),
                       request(3, sizes.to_width, sizes.to_height), found),
                DN_OK);
      EXPECT_EQ(found, Bytes(found.size(), value)) << sizes.width;
    }
}

TEST(Resample, NearestTakesThePixelAtTheCentre) {
  for (const Sizes& sizes : kSizes) {
    const Bytes pixels = noise((int64_t)3 * sizes.width * sizes.height, 22);
    auto wanted = request(3, sizes.to_width, sizes.to_height);
    wanted.filter = DN_IMAGE_NEAREST;
    Bytes found;
    ASSERT_EQ(decode(ppm(sizes.width, sizes.height, pixels), wanted, found), DN_OK);
    for (int y = 0; y < sizes.to_height; ++y)
      for (int x = 0; x < sizes.to_width; ++x) {
        const int u = (int)std::floor((x + 0.5) * sizes.width / sizes.to_width);
        const int v = (int)std::floor((y + 0.5) * sizes.height / sizes.to_height);
        for (int c = 0; c < 3; ++c)
          ASSERT_EQ(found[(size_t)((c * sizes.to_height + y) * sizes.to_width + x)],
                    pixels[(size_t)(3 * (v * sizes.width + u) + c)]);
      }
  }
}

TEST(Resample, LargeJpegsShrunkByTheDecoderAreAsThoseOfTheFilterAlone) {
  // Smooth, as large photographs are: what differs is only how the finest detail is taken away.
  const int width = 800, height = 610;
  Bytes pixels;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        pixels.push_back((uint8_t)(128 + 60 * std::sin(x * 0.02 + c) + 60 * std::cos(y * 0.03)));
  const Bytes file = jpeg_file(width, height, pixels);
  const Bytes whole = decoded(file, 3);
  Bytes all((size_t)(3 * width * height));
  for (size_t i = 0; i < all.size(); ++i) all[i] = whole[i % 3 * (all.size() / 3) + i / 3];
  for (int side : {190, 90, 40, 10})
    for (int offset : {0, 13}) {
      auto wanted = request(3, side, side);
      wanted.crop_x = wanted.crop_y = offset;
      wanted.crop_width = wanted.crop_height = 590;
      Bytes found, expected;
      ASSERT_EQ(decode(file, wanted, found), DN_OK);
      ASSERT_EQ(decode(ppm(width, height, all), wanted, expected), DN_OK);
      for (size_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found[i], expected[i], 3) << side << " " << offset << " " << i;
    }
}
