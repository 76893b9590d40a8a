#include "engine/types.h"

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
