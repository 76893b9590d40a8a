#include "conv_pool_plan.h"

#include <algorithm>
#include <limits>

namespace dn::cpu {

namespace {

constexpr size_t kAlign = 64;
constexpr int64_t kL1BlockBytes = 24 * 1024;  // half of a 48 KiB L1, an image block's share
constexpr int64_t kPatchBytes = 16 * 1024;
constexpr int64_t kMaxOffset = std::numeric_limits<int32_t>::max() / 2;
constexpr int64_t kMaxChunks = 16;

// Hands out 64-byte aligned pieces of the caller's scratch; with a null base it only counts.
class Carver {
 public:
  explicit Carver(void* base) : base_(static_cast<char*>(base)) {}
  template <typename T>
  T* take(int64_t count) {
    char* piece = base_ ? base_ + used_ : nullptr;
    used_ += (static_cast<size_t>(count) * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    return reinterpret_cast<T*>(piece);
  }
  size_t used() const { return used_; }

 private:
  char* base_;
  size_t used_ = 0;
};

// Whole cache lines, so that threads never share one.
int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

int64_t padded_h(const ConvPoolParams& p) {
  return p.height + p.pad_top + p.pad_bottom;
}
int64_t padded_w(const ConvPoolParams& p) {
  return p.width + p.pad_left + p.pad_right;
}

}  // namespace

ConvPoolLayout conv_pool_padded_layout(const ConvPoolParams& p) {
  const int64_t column = p.planar() ? 1 : 16;
  const int64_t row = padded_w(p) * column;
  const int64_t block = padded_h(p) * row;
  const int64_t blocks = p.planar() ? p.channels : p.channels / 16;
  return {block * blocks, block, row, column};
}

int64_t conv_pool_padded_floats(const ConvPoolParams& p) {
  return conv_pool_padded_layout(p).image;
}

const char* conv_pool_can_run(const ConvPoolParams& p, ConvPoolPass pass) {
  if (p.batch < 0 || p.channels < 1 || p.height < 1 || p.width < 1 || p.kernel_h < 1 ||
      p.kernel_w < 1 || p.pool_h < 1 || p.pool_w < 1)
    return "a size is not positive";
  if (p.pad_top < 0 || p.pad_left < 0 || p.pad_bottom < 0 || p.pad_right < 0)
    return "a padding is negative";
  if (!p.planar() && p.channels % 16 != 0) return "channels are neither <= 4 nor a multiple of 16";
  if (pass == ConvPoolPass::BackwardData && p.planar())
    return "backward_data needs channels that are a multiple of 16";
  if (p.out_channels < 16 || p.out_channels % 16 != 0)
    return "out_channels is not a multiple of 16";
  if (p.pool_h > 256 || p.pool_w > 256 || p.pool_h * p.pool_w > 256)
    return "the pooling window has more than 256 taps";
  if (p.conv_h() < p.pool_h || p.conv_w() < p.pool_w) return "the output is empty";
  if (p.x_layout.channel != 1 || (p.planar() && p.x_layout.column != 1))
    return "input vectors are not contiguous";
  if (conv_pool_padded_floats(p) > kMaxOffset) return "one image needs more than 30-bit offsets";
  return nullptr;
}

size_t conv_pool_scratch_bytes(const ConvPoolParams& p, ConvPoolPass pass, int threads) {
  if (pass == ConvPoolPass::Forward) return conv_pool_forward_scratch(p, threads, nullptr).bytes;
  return p.planar() ? conv_pool_planar_scratch(p, threads, nullptr).bytes
                    : conv_pool_block_scratch(p, threads, nullptr).bytes;
}

ConvPoolForwardScratch conv_pool_forward_scratch(const ConvPoolParams& p, int threads, void* base) {
  Carver carver(base);
  ConvPoolForwardScratch s{};
  const int64_t per_position = p.planar() ? p.channels : p.channels / 16;
  s.tap_offsets = carver.take<int64_t>(p.kernel_h * p.kernel_w * per_position);
  s.row_offsets = carver.take<int64_t>(p.pool_h * p.pool_w);
  // Two blocks of output channels for each position of a group.
  s.conv_stride = static_cast<size_t>(kConvPoolMaxTileRows * p.pool_h * p.pool_w * 32);
  s.conv = carver.take<float>(threads * static_cast<int64_t>(s.conv_stride));
  if (p.padded()) {
    s.image_stride = static_cast<size_t>(round_up(conv_pool_padded_floats(p), 16));
    s.image = carver.take<float>(threads * static_cast<int64_t>(s.image_stride));
  }
  s.bytes = carver.used();
  return s;
}

ConvPoolBlockScratch conv_pool_block_scratch(const ConvPoolParams& p, int threads, void* base) {
  Carver carver(base);
  ConvPoolBlockScratch s{};
  const int64_t image = conv_pool_padded_floats(p);
  const int64_t vectors = padded_h(p) * padded_w(p);  // of one block of input channels
  s.block_images =
      std::clamp<int64_t>(kL1BlockBytes / (vectors * 64), 1, std::max<int64_t>(p.batch, 1));
  // Offsets within a block of images must fit an entry.
  s.block_images = std::clamp<int64_t>(kMaxOffset / image, 1, s.block_images);
  s.entry_capacity = s.block_images * p.pooled_h() * p.pooled_w();
  s.taps = carver.take<float>(p.out_channels * p.channels * p.kernel_h * p.kernel_w);
  s.bias_sums = carver.take<float>(p.out_channels);
  s.images_stride = static_cast<size_t>(s.block_images * image);
  s.images = carver.take<float>(threads * static_cast<int64_t>(s.images_stride));
  s.entries_stride = static_cast<size_t>(kConvPoolChannelGroup * s.entry_capacity);
  s.entries = carver.take<ConvPoolEntry>(threads * static_cast<int64_t>(s.entries_stride));
  s.bytes = carver.used();
  return s;
}

ConvPoolPlanarScratch conv_pool_planar_scratch(const ConvPoolParams& p, int threads, void* base) {
  Carver carver(base);
  ConvPoolPlanarScratch s{};
  s.chunks = std::clamp<int64_t>(p.batch, 1, kMaxChunks);
  s.tap_pitch = round_up(p.kernel_w, 8);
  s.patch_h = p.pool_h + p.kernel_h - 1;
  s.patch_pitch = round_up(p.pool_w + p.kernel_w - 1, 8);
  s.sums_stride =
      static_cast<size_t>(round_up(p.out_channels * p.channels * p.kernel_h * s.tap_pitch, 16));
  s.image_stride =
      static_cast<size_t>(round_up(conv_pool_padded_floats(p) + kConvPoolRowSlack, 16));
  // Patches and gradients of a band stay in L1 together.
  s.band_rows = std::clamp<int64_t>(kPatchBytes / (p.pooled_w() * s.patch_h * s.patch_pitch * 4), 1,
                                    p.pooled_h());
  const int64_t windows = s.band_rows * p.pooled_w();
  s.patches_stride = static_cast<size_t>(round_up(windows * s.patch_h * s.patch_pitch + 32, 16));
  s.values_stride = static_cast<size_t>(p.out_channels * windows);
  s.sums = carver.take<float>(s.chunks * static_cast<int64_t>(s.sums_stride));
  s.bias_sums = carver.take<float>(s.chunks * p.out_channels);
  s.image = carver.take<float>(threads * static_cast<int64_t>(s.image_stride));
  s.patches = carver.take<float>(threads * static_cast<int64_t>(s.patches_stride));
  s.values = carver.take<float>(threads * static_cast<int64_t>(s.values_stride));
  s.lanes = carver.take<int32_t>(threads * static_cast<int64_t>(s.values_stride));
  s.bytes = carver.used();
  return s;
}

}  // namespace dn::cpu
