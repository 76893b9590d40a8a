#include "cuda/vendor/dynamic_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace dn::cuda::vendor {

namespace {

constexpr const char* kFolders = "DEEPNATIVE_CUDA_LIBS";

void* open(const std::string& path) {
  return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
}

}  // namespace

DynamicLibrary::DynamicLibrary(std::initializer_list<const char*> names) {
  std::string problems, tried;
  bool system = true;
  const char* setting = std::getenv(kFolders);
  std::istringstream folders(setting ? setting : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (folder.empty()) continue;
    if (folder == "none") {
      system = false;
      break;
    }
    for (const char* name : names) {
      path_ = folder + "/" + name;
      std::error_code ignored;
      if (!std::filesystem::exists(path_, ignored)) continue;
      if ((handle_ = open(path_))) return;
      problems += text("; ", dlerror());
    }
  }
  for (const char* name : names) {
    tried += text(tried.empty() ? "" : ", ", name);
    if (!system) continue;
    path_ = name;
    if ((handle_ = open(path_))) return;
    // Of the library itself only its absence is expected; anything else says something.
    const std::string error = dlerror();
    if (error.find(text(name, ": cannot open shared object file: No such file")) != 0)
      problems += text("; ", error);
  }
  std::string places;
  if (setting && *setting) places = text("'", setting, "' (", kFolders, ")");
  if (system) places += text(places.empty() ? "" : " or ", "the system's library folders");
  fail(DN_UNSUPPORTED, "none of ", tried, " is in ", places, problems);
}

void* DynamicLibrary::require_symbol(const char* name) const {
  void* symbol = dlsym(handle_, name);
  if (!symbol) fail(DN_UNSUPPORTED, path_, " has no function ", name);
  return symbol;
}

void check_version(const DynamicLibrary& library, const char* product, const Version& found,
                   int oldest, int newest) {
  if (found.major < oldest || found.major > newest)
    fail(DN_UNSUPPORTED, library.path(), " is ", product, " ", found.str(), "; versions ", oldest,
         " to ", newest, " can be used");
}

}  // namespace dn::cuda::vendor
