// What comes out of each kind of file, compared with what the test put into it.
#include <cmath>
#include <thread>

#include "files.h"

namespace {

uint8_t luminance(int red, int green, int blue) {
  return (uint8_t)std::floor(0.299 * red + 0.587 * green + 0.114 * blue + 0.5);
}

uint8_t on_white(int value, int alpha) {
  return (uint8_t)std::lround((value * alpha + 255.0 * (255 - alpha)) / 255);
}

int largest_difference(const Bytes& a, const Bytes& b) {
  EXPECT_EQ(a.size(), b.size());
  int largest = 0;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

Bytes grey_of(const Bytes& planes) {
  const size_t count = planes.size() / 3;
  Bytes grey(count);
  for (size_t i = 0; i < count; ++i)
    grey[i] = luminance(planes[i], planes[count + i], planes[2 * count + i]);
  return grey;
}

constexpr int kWidth = 13, kHeight = 9, kPixels = kWidth * kHeight;

}  // namespace

TEST(Png, ColoursAndGreyAreAsStored) {
  const Bytes rgb = noise(3 * kPixels, 1), grey = noise(kPixels, 2);
  for (bool interlaced : {false, true}) {
    const Bytes color_file = interlaced ? interlaced_png_file(kWidth, kHeight, 2, 3, rgb)
                                        : png_file(kWidth, kHeight, 8, 2, rgb);
    EXPECT_EQ(decoded(color_file, 3), to_planes(rgb, 3));
    EXPECT_LE(largest_difference(decoded(color_file, 1), grey_of(to_planes(rgb, 3))), 1);
    const Bytes grey_file = interlaced ? interlaced_png_file(kWidth, kHeight, 0, 1, grey)
                                       : png_file(kWidth, kHeight, 8, 0, grey);
    EXPECT_EQ(decoded(grey_file, 1), grey);
    EXPECT_EQ(decoded(grey_file, 3), concat({grey, grey, grey}));
  }
}

TEST(Png, SixteenBitsAreScaled) {
  const Bytes rows = noise(2 * kPixels, 3);
  const Bytes found = decoded(png_file(kWidth, kHeight, 16, 0, rows), 1);
  for (size_t i = 0; i < kPixels; ++i)
    EXPECT_EQ(found[i], std::lround((rows[2 * i] * 256 + rows[2 * i + 1]) / 257.0)) << i;
  EXPECT_EQ(decoded(png_file(kWidth, kHeight, 16, 2, noise(6 * kPixels, 4)), 3).size(),
            (size_t)3 * kPixels);
}

TEST(Png, FewBitsAreScaled) {
  for (int bits : {1, 2, 4}) {
    const int row_bytes = (kWidth * bits + 7) / 8, most = (1 << bits) - 1;
    const Bytes rows = noise(row_bytes * kHeight, 5);
    const Bytes found = decoded(png_file(kWidth, kHeight, bits, 0, rows), 1);
    auto indices = request(1);
    indices.values = DN_IMAGE_INDICES;
    indices.filter = DN_IMAGE_NEAREST;
    Bytes stored;
    ASSERT_EQ(decode(png_file(kWidth, kHeight, bits, 0, rows), indices, stored), DN_OK);
    for (int y = 0; y < kHeight; ++y)
      for (int x = 0; x < kWidth; ++x) {
        const int bit = x * bits;
        const int value = rows[(size_t)(y * row_bytes + bit / 8)] >> (8 - bits - bit % 8) & most;
        EXPECT_EQ(found[(size_t)(y * kWidth + x)], value * 255 / most);
        EXPECT_EQ(stored[(size_t)(y * kWidth + x)], value);
      }
  }
}

TEST(Png, OpacityLiesOnWhite) {
  const Bytes rgba = noise(4 * kPixels, 6), grey_alpha = noise(2 * kPixels, 7);
  const Bytes color = decoded(png_file(kWidth, kHeight, 8, 6, rgba), 3);
  const Bytes grey = decoded(png_file(kWidth, kHeight, 8, 4, grey_alpha), 1);
  for (size_t i = 0; i < kPixels; ++i) {
    for (size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(color[c * kPixels + i], on_white(rgba[4 * i + c], rgba[4 * i + 3]), 1);
    EXPECT_NEAR(grey[i], on_white(grey_alpha[2 * i], grey_alpha[2 * i + 1]), 1);
  }
  const Bytes opaque{200, 100, 50, 255}, clear{200, 100, 50, 0};
  EXPECT_EQ(decoded(png_file(1, 1, 8, 6, opaque), 3), (Bytes{200, 100, 50}));
  EXPECT_EQ(decoded(png_file(1, 1, 8, 6, clear), 3), (Bytes{255, 255, 255}));
}

TEST(Png, PalettesAndTheirIndices) {
  const Bytes palette = png_chunk("PLTE", {10, 20, 30, 40, 50, 60, 70, 80, 90});
  const Bytes see_through = png_chunk("tRNS", {255, 0});
  const Bytes rows{0, 1, 2, 2, 1, 0};
  const Bytes file = png_file(3, 2, 8, 3, rows, concat({palette, see_through}));
  EXPECT_EQ(decoded(file, 3),
            (Bytes{10, 255, 70, 70, 255, 10, 20, 255, 80, 80, 255, 20, 30, 255, 90, 90, 255, 30}));
  dn_image_info info;
  ASSERT_EQ(probe(file, info), DN_OK);
  EXPECT_TRUE(info.indexed && info.alpha && info.channels == 3);
  auto indices = request(1);
  indices.values = DN_IMAGE_INDICES;
  indices.filter = DN_IMAGE_NEAREST;
  Bytes found;
  ASSERT_EQ(decode(file, indices, found), DN_OK) << dn_last_error();
  EXPECT_EQ(found, rows);
  EXPECT_REFUSED(decode(png_file(1, 1, 8, 2, {1, 2, 3}), indices, found), DN_INVALID_DATA,
                 "palette");
  EXPECT_REFUSED(decode(jpeg_file(8, 8, scene(8, 8, 3)), indices, found), DN_INVALID_DATA,
                 "indices");
}

TEST(Png, AnimatedOnesGiveTheStillPicture) {
  const Bytes rows = noise(3 * kPixels, 8);
  const Bytes animation = png_chunk("acTL", {0, 0, 0, 2, 0, 0, 0, 0});
  const Bytes file = png_file(kWidth, kHeight, 8, 2, rows, animation);
  dn_image_info info;
  ASSERT_EQ(probe(file, info), DN_OK);
  EXPECT_EQ(info.animated, 1);
  EXPECT_EQ(decoded(file, 3), to_planes(rows, 3));
}

TEST(Png, ChunksThatAreOfNoUseAreNotUnpacked) {
  // None of these holds what it should: a decoder that looked would complain or take memory.
  const Bytes rows = noise(3 * kPixels, 9);
  const Bytes extra = concat({png_chunk("zTXt", noise(100, 1)), png_chunk("iCCP", noise(200, 2)),
                              png_chunk("iTXt", noise(5000, 3)), png_chunk("gAMA", {1})});
  EXPECT_EQ(decoded(png_file(kWidth, kHeight, 8, 2, rows, extra), 3), to_planes(rows, 3));
}

TEST(Png, WhatIsWrittenIsReadBack) {
  for (int channels : {1, 3}) {
    const Bytes planes = noise((int64_t)channels * kPixels, 10);
    Bytes file(planes.size() + planes.size() / 100 + 16 * kHeight + 4096);
    int64_t written = 0;
    ASSERT_EQ(dn_image_encode_png(planes.data(), (int64_t)planes.size(), channels, kHeight, kWidth,
                                  file.data(), (int64_t)file.size(), &written),
              DN_OK)
        << dn_last_error();
    Bytes small((size_t)written - 1);
    EXPECT_REFUSED(dn_image_encode_png(planes.data(), (int64_t)planes.size(), channels, kHeight,
                                       kWidth, small.data(), (int64_t)small.size(), &written),
                   DN_INVALID_ARGUMENT, "too little");
    file.resize((size_t)written);
    EXPECT_EQ(decoded(file, channels), planes);
  }
}

TEST(Pnm, AllSixKinds) {
  const auto read = [](const std::string& text, int channels) {
    return decoded(text_bytes(text), channels);
  };
  EXPECT_EQ(read("P1 3 2 010\n1 0 1", 1), (Bytes{255, 0, 255, 0, 255, 0}));
  EXPECT_EQ(read("P2\n# made by hand\n3 # width\n1\n15\n0 7 15\n# end", 1), (Bytes{0, 119, 255}));
  EXPECT_EQ(read("P3 2 1 255 1 2 3 4 5 6 ", 3), (Bytes{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(read(std::string("P4 9 2\n") + "\x80\x80\x7f\xff", 1),
            (Bytes{0, 255, 255, 255, 255, 255, 255, 255, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(read("P5 2 1 65535 \x80" + std::string(1, '\0') + "\xff\xff", 1), (Bytes{128, 255}));
  EXPECT_EQ(read("P5 #x\r\n2 1 255 ab", 3), (Bytes{'a', 'b', 'a', 'b', 'a', 'b'}));
  EXPECT_EQ(read("P6 1 2 255\nabcdef", 3), (Bytes{'a', 'd', 'b', 'e', 'c', 'f'}));
}

TEST(Jpeg, ColoursAreCloseToWhatWasWritten) {
  const Bytes pixels = scene(61, 45, 3);
  for (bool progressive : {false, true}) {
    JpegOptions options;
    options.progressive = progressive;
    options.quality = 98;
    const Bytes file = jpeg_file(61, 45, pixels, options);
    EXPECT_LE(largest_difference(decoded(file, 3), to_planes(pixels, 3)), 16);
    EXPECT_LE(largest_difference(decoded(file, 1), grey_of(decoded(file, 3))), 8);
  }
}

TEST(Jpeg, InksWithAndWithoutAdobesMark) {
  // Flat, so that the compression keeps it: a quarter of cyan, half of yellow, a fifth of black.
  const Bytes inks{64, 0, 128, 51};
  for (J_COLOR_SPACE space : {JCS_CMYK, JCS_YCCK})
    for (bool adobe : {true, false}) {
      if (space == JCS_YCCK && !adobe) continue;  // only the mark tells it
      Bytes pixels;
      for (int i = 0; i < 16 * 16; ++i)
        for (uint8_t ink : inks) pixels.push_back(adobe ? (uint8_t)(255 - ink) : ink);
      JpegOptions options;
      options.values = 4;
      options.from = JCS_CMYK;
      options.to = space;
      options.adobe = adobe;
      options.quality = 100;
      const Bytes file = jpeg_file(16, 16, pixels, options);
      const Bytes color = decoded(file, 3), grey = decoded(file, 1);
      const double paper = (255 - 51) / 255.0;
      EXPECT_NEAR(color[0], (255 - 64) * paper, 2) << adobe;
      EXPECT_NEAR(color[256], 255 * paper, 2) << adobe;
      EXPECT_NEAR(color[512], (255 - 128) * paper, 2) << adobe;
      EXPECT_NEAR(grey[0], luminance(color[0], color[256], color[512]), 1);
    }
}

TEST(Jpeg, TurnedUpright) {
  const int width = 24, height = 16;
  const Bytes file = jpeg_file(width, height, scene(width, height, 3));
  const Bytes stored = decoded(file, 1);
  for (int turn = 1; turn <= 8; ++turn) {
    const Bytes turned = insert(file, 2, exif_segment(turn));
    dn_image_info info;
    ASSERT_EQ(probe(turned, info), DN_OK) << dn_last_error();
    EXPECT_EQ(info.orientation, turn);
    EXPECT_EQ(info.width, turn >= 5 ? height : width);
    const Bytes found = decoded(turned, 1);
    // The eight ways in which EXIF's table puts row 0 and column 0.
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const int right = width - 1 - x, below = height - 1 - y;
        const int at[8][2] = {{x, y}, {right, y}, {right, below}, {x, below},
                              {y, x}, {below, x}, {below, right}, {y, right}};
        ASSERT_EQ(found[(size_t)(at[turn - 1][1] * info.width + at[turn - 1][0])],
                  stored[(size_t)(y * width + x)])
            << turn << " " << x << " " << y;
      }
  }
}

TEST(Jpeg, CropsAreCutOutOfTheWholePicture) {
  const int width = 83, height = 71;
  std::vector<JpegOptions> kinds(7);
  kinds[1].across = 2;
  kinds[2].across = kinds[2].down = 2;
  kinds[3].progressive = true;
  kinds[3].across = kinds[3].down = 2;
  kinds[4].values = 1, kinds[4].from = kinds[4].to = JCS_GRAYSCALE;
  kinds[5].values = 4, kinds[5].from = kinds[5].to = JCS_CMYK;
  kinds[6].down = 2;
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    const Bytes file =
        jpeg_file(width, height, scene(width, height, kinds[kind].values), kinds[kind]);
    for (int channels : {1, 3}) {
      const Bytes whole = decoded(file, channels), draws = noise(4 * 60, 11);
      for (size_t i = 0; i < draws.size(); i += 4) {
        auto crop = request(channels);
        crop.crop_x = draws[i] % width;
        crop.crop_y = draws[i + 1] % height;
        crop.crop_width = 1 + draws[i + 2] % (width - crop.crop_x);
        crop.crop_height = 1 + draws[i + 3] % (height - crop.crop_y);
        Bytes found;
        ASSERT_EQ(decode(file, crop, found), DN_OK) << dn_last_error();
        size_t at = 0;
        for (int c = 0; c < channels; ++c)
          for (int y = 0; y < crop.crop_height; ++y)
            for (int x = 0; x < crop.crop_width; ++x)
              ASSERT_EQ(found[at++],
                        whole[(size_t)((c * height + crop.crop_y + y) * width + crop.crop_x + x)])
                  << "kind " << kind << ", crop " << crop.crop_width << " x " << crop.crop_height
                  << " at " << crop.crop_x << ", " << crop.crop_y << ": " << x << ", " << y;
      }
    }
  }
}

TEST(Images, ThreadsDoNotDisturbEachOther) {
  const Bytes jpeg = jpeg_file(97, 83, scene(97, 83, 3));
  const Bytes png = png_file(97, 83, 8, 2, noise(3 * 97 * 83, 12));
  auto small = request(3, 31, 17);
  Bytes expected[2];
  ASSERT_EQ(decode(jpeg, small, expected[0]), DN_OK);
  ASSERT_EQ(decode(png, small, expected[1]), DN_OK);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        Bytes found;
        const bool same = decode(i % 2 ? png : jpeg, small, found) == DN_OK;
        wrong[(size_t)t] += !same || found != expected[i % 2];
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}
