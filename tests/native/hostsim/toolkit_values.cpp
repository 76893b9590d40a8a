// Compiled twice: with the simulator's headers and with the toolkit's.
#include "toolkit_values.h"

#include <cuda_runtime_api.h>

namespace simt {

#define SIMT_VALUE(name) {#name, static_cast<long long>(name)},
const NamedValue SIMT_VALUES[] = {
#include "toolkit_values.inc"
    {nullptr, 0}};

}  // namespace simt
