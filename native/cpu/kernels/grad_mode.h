// What a kernel does with the values its output already holds.
#pragma once

namespace dn::cpu {

enum class GradMode {
  Overwrite,   // the output may hold anything, NaN included
  Accumulate,  // the result is added to the output
};

}  // namespace dn::cpu
