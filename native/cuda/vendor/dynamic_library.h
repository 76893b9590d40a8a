// Libraries that may or may not be on the machine.
#pragma once

#include <initializer_list>
#include <string>

#include "engine/error.h"

namespace dn::cuda::vendor {

// Stays loaded until the process ends: such libraries keep threads and exit handlers of their own.
class DynamicLibrary {
 public:
  // The first of `names` that is found: in the folders that DEEPNATIVE_CUDA_LIBS lists (between
  // colons), then where the system looks, unless "none" ends the list. Throws DN_UNSUPPORTED with
  // what was tried.
  explicit DynamicLibrary(std::initializer_list<const char*> names);

  const std::string& path() const { return path_; }

  // Throws DN_UNSUPPORTED when the library has no such function.
  template <typename Function>
  void resolve(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(require_symbol(name));
  }

 private:
  void* require_symbol(const char* name) const;

  void* handle_ = nullptr;
  std::string path_;
};

// "12.4.2"
struct Version {
  int major = 0, minor = 0, patch = 0;
  std::string str() const { return text(major, ".", minor, ".", patch); }
};

// Throws DN_UNSUPPORTED unless oldest <= major <= newest.
void check_version(const DynamicLibrary& library, const char* product, const Version& found,
                   int oldest, int newest);

}  // namespace dn::cuda::vendor
