#include "engine/library_folder.h"

#include <deepnative.h>
#include <dlfcn.h>

namespace dn {

namespace fs = std::filesystem;

fs::path library_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&dn_version), &info) == 0 || !info.dli_fname) return {};
  std::error_code ignored;
  const fs::path path = fs::canonical(info.dli_fname, ignored);
  return path.empty() ? fs::path(info.dli_fname).parent_path() : path.parent_path();
}

}  // namespace dn
