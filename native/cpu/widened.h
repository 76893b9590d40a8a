// Kernels of float32 for data of 16 bits: what is read is widened before, what is written rounded behind.
#pragma once

#include "cpu/candidates.h"

namespace dn::cpu {

// A plan made as if all its tensors were float32, whose slots are all row-major. Those of 16 bits get float32
// arrays in the scratch memory; there is no other work in place.
KernelPlan widened(const CompileView& view, KernelPlan plan);

}  // namespace dn::cpu
