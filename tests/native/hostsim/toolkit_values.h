#pragma once

namespace simt {

struct NamedValue {
  const char* name;
  long long value;
};
// Every constant of the simulator's runtime_api.h; the end has no name.
extern const NamedValue kSimulatorValues[], kToolkitValues[];

}  // namespace simt
