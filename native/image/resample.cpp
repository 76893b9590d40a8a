#include "image/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace dn::image {

namespace {

// Weights are Q14, so that 1 fits into 16 bits; what the vertical pass leaves is Q6 of a byte.
constexpr int kWeightBits = 14;
constexpr int kBetweenBits = 6;
constexpr int kVerticalShift = kWeightBits - kBetweenBits;
constexpr int kHorizontalShift = kWeightBits + kBetweenBits;
// Vectors may read this far behind a row.
constexpr int64_t kPadding = 32;
constexpr size_t kKeptBytes = size_t{16} << 20;

// A thread's work space, kept for its next picture unless it is large.
class Scratch {
 public:
  explicit Scratch(size_t bytes) {
    if (bytes > kept().size()) kept().resize(bytes);
  }
  ~Scratch() {
    if (kept().size() > kKeptBytes) std::vector<uint8_t>().swap(kept());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  uint8_t* data() const { return kept().data(); }

 private:
  static std::vector<uint8_t>& kept() {
    thread_local std::vector<uint8_t> bytes;
    return bytes;
  }
};

// sums[i] = sum over k of weights[k] * rows[k][i], Q6. Bytes and sums up to a multiple of 16 are touched.
void add_rows(const uint8_t* const* rows, const int16_t* weights, int64_t count, int64_t bytes,
              int16_t* sums) {
#if defined(__SSE2__)
  const __m128i zero = _mm_setzero_si128();
  const __m128i half = _mm_set1_epi32(1 << (kVerticalShift - 1));
  for (int64_t i = 0; i < bytes; i += 16) {
    __m128i sum[4] = {half, half, half, half};
    for (int64_t k = 0; k < count; k += 2) {
      int32_t both;
      std::memcpy(&both, weights + k, sizeof both);
      const __m128i weight = _mm_set1_epi32(both);
      const __m128i a = _mm_loadu_si128((const __m128i*)(rows[k] + i));
      const __m128i b = _mm_loadu_si128((const __m128i*)(rows[k + 1] + i));
      const __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
      sum[0] = _mm_add_epi32(sum[0], _mm_madd_epi16(_mm_unpacklo_epi8(low, zero), weight));
      sum[1] = _mm_add_epi32(sum[1], _mm_madd_epi16(_mm_unpackhi_epi8(low, zero), weight));
      sum[2] = _mm_add_epi32(sum[2], _mm_madd_epi16(_mm_unpacklo_epi8(high, zero), weight));
      sum[3] = _mm_add_epi32(sum[3], _mm_madd_epi16(_mm_unpackhi_epi8(high, zero), weight));
    }
    for (__m128i& value : sum) value = _mm_srai_epi32(value, kVerticalShift);
    _mm_storeu_si128((__m128i*)(sums + i), _mm_packs_epi32(sum[0], sum[1]));
    _mm_storeu_si128((__m128i*)(sums + i + 8), _mm_packs_epi32(sum[2], sum[3]));
  }
#else
  for (int64_t i = 0; i < bytes; ++i) {
    int32_t sum = 1 << (kVerticalShift - 1);
    for (int64_t k = 0; k < count; ++k) sum += weights[k] * rows[k][i];
    sums[i] = (int16_t)(sum >> kVerticalShift);
  }
#endif
}

// One pixel of four values, from Q6.
uint32_t color_at(const int16_t* pixels, const int16_t* weights, int64_t count) {
#if defined(__SSE2__)
  __m128i sum = _mm_set1_epi32(1 << (kHorizontalShift - 1));
  for (int64_t k = 0; k < count; k += 2) {
    int32_t both;
    std::memcpy(&both, weights + k, sizeof both);
    const __m128i two = _mm_loadu_si128((const __m128i*)(pixels + 4 * k));
    const __m128i pairs = _mm_unpacklo_epi16(two, _mm_srli_si128(two, 8));
    sum = _mm_add_epi32(sum, _mm_madd_epi16(pairs, _mm_set1_epi32(both)));
  }
  sum = _mm_srai_epi32(sum, kHorizontalShift);
  sum = _mm_packs_epi32(sum, sum);
  return (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
#else
  int32_t sum[4];
  for (int32_t& value : sum) value = 1 << (kHorizontalShift - 1);
  for (int64_t k = 0; k < count; ++k)
    for (int c = 0; c < 4; ++c) sum[c] += weights[k] * pixels[4 * k + c];
  uint8_t bytes[4];
  for (int c = 0; c < 4; ++c) bytes[c] = (uint8_t)(sum[c] >> kHorizontalShift);
  uint32_t all;
  std::memcpy(&all, bytes, sizeof all);
  return all;
#endif
}

uint8_t grey_at(const int16_t* pixels, const int16_t* weights, int64_t count) {
  int32_t sum = 1 << (kHorizontalShift - 1);
  for (int64_t k = 0; k < count; ++k) sum += weights[k] * pixels[k];
  return (uint8_t)(sum >> kHorizontalShift);
}

void put(uint32_t color, uint8_t* to, int64_t plane) {
  uint8_t bytes[4];
  std::memcpy(bytes, &color, sizeof bytes);
  to[0] = bytes[0];
  to[plane] = bytes[1];
  to[2 * plane] = bytes[2];
}

void copy(Rows& rows, Pixels pixels, int64_t width, int64_t height, const Placement& placement,
          uint8_t* planes, int64_t plane) {
  const Scratch scratch((size_t)(rows.row_bytes() + kPadding));
  for (int64_t j = 0; j < height; ++j) {
    rows.next(scratch.data());
    const uint8_t* from = scratch.data() + rows.offset();
    uint8_t* to = planes + placement.base + j * placement.row_step;
    for (int64_t i = 0; i < width; ++i, to += placement.column_step) {
      if (pixels == Pixels::Color) {
        uint32_t color;
        std::memcpy(&color, from + 4 * i, sizeof color);
        put(color, to, plane);
      } else {
        *to = from[i];
      }
    }
  }
}

}  // namespace

Taps::Taps(int64_t source, int64_t count, int64_t max_length)
    : source_(source),
      stride_((max_length + 1) / 2 * 2),
      first_((size_t)count),
      length_((size_t)count),
      weights_((size_t)(count * stride_)) {}

void Taps::set(int64_t i, int64_t first, const std::vector<double>& weights) {
  double total = 0;
  for (double weight : weights) total += weight;
  first_[(size_t)i] = first;
  length_[(size_t)i] = (int64_t)weights.size();
  // Differences of the rounded sums: they add up to 1 exactly, so that what is flat stays flat.
  double sum = 0;
  int before = 0;
  int16_t* to = &weights_[(size_t)(i * stride_)];
  for (double weight : weights) {
    sum += weight;
    const int rounded = (int)std::lround(sum / total * (1 << kWeightBits));
    *to++ = (int16_t)(rounded - before);
    before = rounded;
  }
}

Taps Taps::triangle(int64_t source, double begin, double extent, int64_t count) {
  const double scale = extent / (double)count;
  const double reach = std::max(scale, 1.0);  // where a weight has fallen to 0
  const auto longest = std::min(source, (int64_t)std::ceil(2 * reach) + 1);
  Taps taps(source, count, longest);
  taps.identity_ = begin == 0 && extent == (double)count && count == source;
  std::vector<double> weights;
  for (int64_t i = 0; i < count; ++i) {
    const double centre = begin + ((double)i + 0.5) * scale - 0.5;
    auto first = (int64_t)std::floor(centre - reach) + 1;
    auto last = (int64_t)std::ceil(centre + reach) - 1;
    first = std::clamp<int64_t>(first, 0, source - 1);
    last = std::clamp<int64_t>(last, first, std::min(source, first + longest) - 1);
    weights.clear();
    double total = 0;
    for (int64_t k = first; k <= last; ++k) {
      // Of positions that the begin or the end cuts, the part inside counts.
      const double inside = std::min((double)k + 1, begin + extent) - std::max((double)k, begin);
      const double near = 1 - std::abs((double)k - centre) / reach;
      weights.push_back(std::max(0.0, near) * std::clamp(inside, 0.0, 1.0));
      total += weights.back();
    }
    if (total <= 0) weights.assign(1, 1.0);
    taps.set(i, first, weights);
  }
  return taps;
}

Taps Taps::nearest(int64_t source, int64_t count) {
  Taps taps(source, count, 1);
  taps.identity_ = source == count;
  for (int64_t i = 0; i < count; ++i) taps.set(i, (2 * i + 1) * source / (2 * count), {1.0});
  return taps;
}

void resample(Rows& rows, Pixels pixels, const Taps& columns, const Taps& lines,
              const Placement& placement, uint8_t* planes, int64_t plane) {
  if (columns.identity() && lines.identity())
    return copy(rows, pixels, columns.count(), lines.count(), placement, planes, plane);

  // The rows of the picture that the next line needs, in a ring, and the sums over them.
  const int64_t values = columns.source() * pixel_bytes(pixels);
  const int64_t pitch = rows.row_bytes() + kPadding;
  const int64_t held = lines.max_length();
  const int64_t sum_bytes = (values + kPadding) * (int64_t)sizeof(int16_t);
  const Scratch scratch((size_t)(sum_bytes + held * pitch));
  auto* sums = reinterpret_cast<int16_t*>(scratch.data());
  // What stands behind a row has the weight 0.
  std::memset(sums, 0, (size_t)sum_bytes);
  uint8_t* ring = scratch.data() + sum_bytes;
  std::vector<const uint8_t*> window((size_t)held);
  int64_t read = 0;
  for (int64_t j = 0; j < lines.count(); ++j) {
    const int64_t first = lines.first(j), length = lines.length(j);
    for (; read < first + length; ++read) rows.next(ring + read % held * pitch);
    for (int64_t k = 0; k < held; ++k) {
      const int64_t row = std::min(first + k, first + length - 1);
      window[(size_t)k] = ring + row % held * pitch + rows.offset();
    }
    add_rows(window.data(), lines.weights(j), (length + 1) / 2 * 2, values, sums);
    uint8_t* to = planes + placement.base + j * placement.row_step;
    for (int64_t i = 0; i < columns.count(); ++i, to += placement.column_step) {
      const int16_t* from = sums + columns.first(i) * pixel_bytes(pixels);
      if (pixels == Pixels::Color) {
        put(color_at(from, columns.weights(i), columns.length(i)), to, plane);
      } else {
        *to = grey_at(from, columns.weights(i), columns.length(i));
      }
    }
  }
}

}  // namespace dn::image
