#include "top_k.h"

#include <algorithm>
#include <functional>

#include "simd.h"

namespace dn::cpu::DN_ISA {

namespace {

// A number whose order among int32 is that of the floats: NaN the largest, 0 equal to -0.
inline int32_t key_of(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return INT32_MAX;
  return value == 0 ? 0 : bits ^ ((bits >> 31) & INT32_MAX);
}

// The key and, below it, the place from the end: all are different, and the best is the largest.
inline uint64_t entry_of(int32_t key, int64_t place) {
  return (uint64_t)((uint32_t)key ^ 0x80000000u) << 32 | (uint32_t) ~(uint32_t)place;
}
inline int32_t key_in(uint64_t entry) {
  return (int32_t)((uint32_t)(entry >> 32) ^ 0x80000000u);
}

// Descending by the upper half alone, stable: entries come in the order of their places. Four passes
// over one byte each; a byte that all share needs none. Returns where the result is.
uint64_t* sort_entries(uint64_t* entries, uint64_t* other, int64_t count) {
  constexpr int64_t kFewEntries = 512;
  if (count <= kFewEntries) {
    std::sort(entries, entries + count, std::greater<>());
    return entries;
  }
  int64_t starts[4][256] = {};
  for (int64_t i = 0; i < count; ++i)
    for (int byte = 0; byte < 4; ++byte) ++starts[byte][entries[i] >> (32 + 8 * byte) & 255];
  for (int byte = 0; byte < 4; ++byte) {
    int64_t* start = starts[byte];
    if (start[entries[0] >> (32 + 8 * byte) & 255] == count) continue;
    int64_t before = 0;
    for (int digit = 255; digit >= 0; --digit) {
      const int64_t own = start[digit];
      start[digit] = before;
      before += own;
    }
    for (int64_t i = 0; i < count; ++i)
      other[start[entries[i] >> (32 + 8 * byte) & 255]++] = entries[i];
    std::swap(entries, other);
  }
  return entries;
}

// What may still be among the k best. An equal one that comes later is no better than what is there.
// Few are kept in order; of many the buffer is cut back to the k best whenever it is full.
class Best {
 public:
  Best(uint64_t* entries, int64_t k, int64_t count)
      : entries_(entries), k_(k), capacity_(k <= kOrdered ? k : std::min(count, 2 * k + 16)) {}

  bool open() const { return open_; }
  bool admits(int32_t key) const { return open_ || key > threshold_; }
  int32_t threshold() const { return threshold_; }
  int64_t size() const { return size_; }

  void add(int32_t key, int64_t place) {
    const uint64_t entry = entry_of(key, place);
    if (k_ <= kOrdered) {
      int64_t at = open_ ? size_++ : k_ - 1;  // the worst leaves
      for (; at > 0 && entries_[at - 1] < entry; --at) entries_[at] = entries_[at - 1];
      entries_[at] = entry;
      if (size_ == k_) close();
      return;
    }
    entries_[size_++] = entry;
    if (size_ < capacity_) return;
    std::nth_element(entries_, entries_ + k_ - 1, entries_ + size_, std::greater<>());
    size_ = k_;
    close();
  }

 private:
  static constexpr int64_t kOrdered = 32;

  void close() {
    threshold_ = key_in(entries_[k_ - 1]);
    open_ = false;
  }

  uint64_t* entries_;
  int64_t k_, capacity_, size_ = 0;
  int32_t threshold_ = 0;
  bool open_ = true;
};

void select(const float* x, int64_t count, int64_t k, bool largest, int32_t* indices,
            uint64_t* scratch) {
  const int32_t flip = largest ? 0 : -1;
  uint64_t *entries = scratch, *other = scratch + count + 16;
  if (4 * k >= count) {  // most of them: a sort of all
    for (int64_t i = 0; i < count; ++i) entries[i] = entry_of(key_of(x[i]) ^ flip, i);
    entries = sort_entries(entries, other, count);
  } else {
    Best best(entries, k, count);
    int64_t i = 0;
    for (; i < count && best.open(); ++i) best.add(key_of(x[i]) ^ flip, i);
    for (; i + kLanes <= count; i += kLanes) {
      const vf value = load(x + i);
      vi key = (vi)value;
      key = key ^ ((key >> 31) & INT32_MAX);
      key = value == 0.0f ? vi{} : key;
      key = value != value ? vi{} + INT32_MAX : key;
      key = key ^ flip;
      const vi better = key > best.threshold();
#if defined(__AVX512F__)
      unsigned mask = _mm512_movepi32_mask((__m512i)better);
#elif defined(__AVX2__)
      unsigned mask = (unsigned)_mm256_movemask_ps((__m256)better);
#else
      unsigned mask = 0;
      for (int lane = 0; lane < kLanes; ++lane) mask |= (unsigned)(better[lane] & 1) << lane;
#endif
      for (; mask != 0; mask &= mask - 1) {
        const int lane = __builtin_ctz(mask);
        const int32_t candidate = key_of(x[i + lane]) ^ flip;
        if (best.admits(candidate)) best.add(candidate, i + lane);
      }
    }
    for (; i < count; ++i) {
      const int32_t candidate = key_of(x[i]) ^ flip;
      if (best.admits(candidate)) best.add(candidate, i);
    }
    // No longer in the order of their places, on which the sort by bytes relies.
    std::sort(entries, entries + best.size(), std::greater<>());
  }
  for (int64_t i = 0; i < k; ++i) indices[i] = (int32_t) ~(uint32_t)entries[i];
}

}  // namespace

extern const TopKTable top_k_table;
const TopKTable top_k_table{select};

}  // namespace dn::cpu::DN_ISA
