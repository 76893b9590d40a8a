// The arguments of a kernel whose operator has slots that may be absent.
#pragma once

#include "engine/candidate.h"

namespace dn {

class OptionalSlots {
 public:
  // Adds those that are there to the plan's inputs or outputs, all row-major.
  OptionalSlots(const std::vector<int>& ids, std::vector<Slot>& plan) {
    for (int id : ids) {
      place_.push_back(id >= 0 ? (int)plan.size() : -1);
      if (id >= 0) plan.push_back({id, nullptr});
    }
  }

  bool has(size_t slot) const { return slot < place_.size() && place_[slot] >= 0; }

  // The argument of the operator's slot, among Arguments.inputs or outputs; null where it is absent.
  template <typename T = float>
  T* get(void* const* arguments, size_t slot) const {
    return has(slot) ? static_cast<T*>(arguments[place_[slot]]) : nullptr;
  }

 private:
  std::vector<int> place_;
};

}  // namespace dn
