#include "pooling_scratch.h"

namespace dn::cpu {

size_t pooling_scratch_bytes(const PoolingParams& params) {
  // Counted from an address that is never used, so that no part of it looks null.
  alignas(64) static char origin[64];
  PoolingScratch scratch(origin);
  PoolingRows(params, scratch);
  return scratch.bytes();
}

}  // namespace dn::cpu
