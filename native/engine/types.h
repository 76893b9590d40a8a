// Element types and shapes.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "engine/error.h"

namespace dn {

using DType = dn_dtype;

DN_API int64_t size_of(DType dtype);  // bytes of an element
DN_API const char* name_of(DType dtype);
DN_API DType check_dtype(int32_t value);
// The bits of a number as an element, in the low bytes: rounded to nearest even, saturated; NaN becomes
// 0 in integers.
DN_API uint64_t element_of(DType dtype, float value);

class DN_API Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape((int)dims.size(), dims.begin()) {}
  // Refuses ranks over DN_MAX_RANK, negative dimensions and element counts over 2^62.
  Shape(int rank, const int64_t* dims);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[axis]; }
  const int64_t* data() const { return dims_.data(); }
  int64_t numel() const;
  bool operator==(const Shape& other) const;
  std::string str() const;  // "(100, 32, 8, 8)"

 private:
  int rank_ = 0;
  std::array<int64_t, DN_MAX_RANK> dims_{};
};

DN_API std::ostream& operator<<(std::ostream& out, const Shape& shape);

}  // namespace dn
