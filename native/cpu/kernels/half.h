// The two floating point types of 16 bits as kernels store them.
#pragma once

#include <cstdint>

namespace dn::cpu {

// The upper half of a float32.
struct BFloat16 {
  uint16_t bits;
};

// IEEE 754 binary16.
struct Float16 {
  uint16_t bits;
};

}  // namespace dn::cpu
