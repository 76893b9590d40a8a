// Checks of what callers of the C interface hand in.
#pragma once

#include "engine/error.h"

namespace dn {

template <typename T>
T& checked(T* pointer, const char* name) {
  require(pointer != nullptr, name, " is null");
  return *pointer;
}

// A struct of the caller's, whose size says which version of it the caller knows.
template <typename T>
T& checked_struct(T* pointer, const char* name) {
  checked(pointer, name);
  require(pointer->struct_size == (int32_t)sizeof(T), name, "->struct_size is ",
          pointer->struct_size, ", expected ", sizeof(T));
  return *pointer;
}

}  // namespace dn
