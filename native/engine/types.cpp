#include "engine/types.h"

#include <bit>
#include <cmath>
#include <limits>
#include <ostream>

namespace dn {

namespace {
struct DTypeRow {
  DType dtype;
  int64_t bytes;
  const char* name;
};
constexpr DTypeRow kDTypes[] = {{DN_DTYPE_F32, 4, "float32"}, {DN_DTYPE_F64, 8, "float64"},
                                {DN_DTYPE_F16, 2, "float16"}, {DN_DTYPE_BF16, 2, "bfloat16"},
                                {DN_DTYPE_U8, 1, "uint8"},    {DN_DTYPE_I32, 4, "int32"},
                                {DN_DTYPE_I64, 8, "int64"}};

const DTypeRow& row_of(int32_t value) {
  for (const DTypeRow& row : kDTypes)
    if (row.dtype == value) return row;
  fail(DN_INVALID_ARGUMENT, "dtype ", value, " is not known; expected 1 (float32) to 7 (int64)");
}
}  // namespace

int64_t size_of(DType dtype) {
  return row_of(dtype).bytes;
}
const char* name_of(DType dtype) {
  return row_of(dtype).name;
}
DType check_dtype(int32_t value) {
  return row_of(value).dtype;
}

namespace {

uint16_t bfloat16_bits(float value) {
  const uint32_t word = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return (uint16_t)(word >> 16 | 0x40);  // stays a NaN when cut
  return (uint16_t)((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

uint16_t float16_bits(float value) {
  const auto sign = (uint16_t)(std::signbit(value) ? 0x8000 : 0);
  if (std::isnan(value)) return sign | 0x7e00;
  const float size = std::abs(value);
  if (size >= 65520.0f) return sign | 0x7c00;
  // In units of the last of 11 binary places, or of the smallest denormal number.
  const int exponent = size < 0x1p-14f ? -14 : std::ilogb(size);
  const auto digits = (uint32_t)std::nearbyint(std::ldexp(size, 10 - exponent));
  return (uint16_t)(sign | (((uint32_t)(exponent + 14) << 10) + digits));
}

template <typename T>
uint64_t integer_bits(float value) {
  using Limits = std::numeric_limits<T>;
  const double rounded = std::nearbyint((double)value);
  if (std::isnan(value)) return 0;
  // The largest int64 has no double of its own; the one above is already too large.
  if (rounded >= (double)Limits::max()) return (uint64_t)Limits::max();
  return (uint64_t)(rounded <= (double)Limits::min() ? Limits::min() : (T)rounded);
}

}  // namespace

uint64_t element_of(DType dtype, float value) {
  switch (dtype) {
    case DN_DTYPE_F32:
      return std::bit_cast<uint32_t>(value);
    case DN_DTYPE_F64:
      return std::bit_cast<uint64_t>((double)value);
    case DN_DTYPE_F16:
      return float16_bits(value);
    case DN_DTYPE_BF16:
      return bfloat16_bits(value);
    case DN_DTYPE_U8:
      return integer_bits<uint8_t>(value);
    case DN_DTYPE_I32:
      return integer_bits<int32_t>(value);
    case DN_DTYPE_I64:
      return integer_bits<int64_t>(value);
  }
  fail(DN_INTERNAL, "dtype ", (int)dtype);
}

Shape::Shape(int rank, const int64_t* dims) : rank_(rank) {
  require(rank >= 0 && rank <= DN_MAX_RANK, "rank is ", rank, ", expected 0 to ", DN_MAX_RANK);
  require(rank == 0 || dims != nullptr, "dims is null for rank ", rank);
  int64_t count = 1;
  for (int axis = 0; axis < rank; ++axis) {
    require(dims[axis] >= 0, "dimension ", axis, " is ", dims[axis], ", expected at least 0");
    dims_[axis] = dims[axis];
    require(!__builtin_mul_overflow(count, dims[axis] > 0 ? dims[axis] : 1, &count) &&
                count <= (int64_t{1} << 62),
            "the shape has more than 2^62 elements");
  }
}

int64_t Shape::numel() const {
  int64_t count = 1;
  for (int axis = 0; axis < rank_; ++axis) count *= dims_[axis];
  return count;
}

bool Shape::operator==(const Shape& other) const {
  if (rank_ != other.rank_) return false;
  for (int axis = 0; axis < rank_; ++axis)
    if (dims_[axis] != other.dims_[axis]) return false;
  return true;
}

std::string Shape::str() const {
  std::string out = "(";
  for (int axis = 0; axis < rank_; ++axis) out += (axis ? ", " : "") + std::to_string(dims_[axis]);
  return out + ")";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << shape.str();
}

}  // namespace dn
