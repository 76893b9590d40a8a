// Times kernels that could do the same work, on the device, before a program is fixed.
#pragma once

#include <functional>
#include <optional>

#include "engine/candidate.h"

namespace dn {

class Race {
 public:
  Race(Device& device, double budget_us) : device_(device), budget_us_(budget_us) {}

  bool has_time() const { return budget_us_ > 0; }

  // The layout in which a tensor is at hand or wanted; nothing: the kernel decides.
  using Present = std::function<std::optional<LayoutRef>(int tensor)>;
  // Microseconds that one run of the plan takes, changes of layout included, on memory of its own.
  double time(const Program& program, const KernelPlan& plan, const Present& present);

 private:
  Device& device_;
  double budget_us_;  // what is left
};

}  // namespace dn
