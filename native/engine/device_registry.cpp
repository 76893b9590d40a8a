#include "engine/device_registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "engine/image.h"
#include "engine/library_folder.h"

namespace dn {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "libdeepnative_";
constexpr const char* kSuffix = ".so";

// One device, or one plug-in that cannot be used.
struct Entry {
  const DevicePlugin* plugin = nullptr;
  int index = 0;
  std::string kind;
  std::string reason;  // why there is no plug-in
};

void copy_text(char* destination, size_t size, const std::string& source) {
  std::strncpy(destination, source.c_str(), size - 1);
  destination[size - 1] = 0;
}

// GNU OpenMP reads its settings when it is loaded, with the first device that uses it. By default
// its threads wait by spinning for some ten milliseconds, which beside any other busy process keeps
// the core from the very thread that is waited for. With this many turns (some hundred
// microseconds, more than passes between two kernels) they go to sleep instead. The user's own settings stay.
class SpinBriefly {
 public:
  SpinBriefly() : active_(!std::getenv(kSpinCount) && !std::getenv("OMP_WAIT_POLICY")) {
    if (active_) setenv(kSpinCount, "3000", 0);
  }
  ~SpinBriefly() {
    if (active_) unsetenv(kSpinCount);
  }
  SpinBriefly(const SpinBriefly&) = delete;
  SpinBriefly& operator=(const SpinBriefly&) = delete;

 private:
  static constexpr const char* kSpinCount = "GOMP_SPINCOUNT";
  bool active_;
};

void load(const fs::path& path, const std::string& kind, std::vector<Entry>& entries) {
  Entry entry;
  entry.kind = kind;
  const auto refuse = [&](std::string reason) {
    entry.reason = std::move(reason);
    entries.push_back(entry);
  };
  const SpinBriefly spin;
  // Never unloaded: OpenMP's and oneDNN's threads outlive any device.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return refuse(dlerror());
  const auto function = reinterpret_cast<DevicePluginFunction>(dlsym(library, kDevicePluginSymbol));
  if (!function) return refuse(text(path.string(), " exports no ", kDevicePluginSymbol));
  entry.plugin = function();
  if (entry.plugin->abi_version != DN_ABI_VERSION) {
    const int found = entry.plugin->abi_version;
    entry.plugin = nullptr;
    return refuse(
        text(path.string(), " has interface version ", found, ", expected ", DN_ABI_VERSION));
  }
  for (entry.index = 0; entry.index < entry.plugin->count(); ++entry.index)
    entries.push_back(entry);
}

const std::vector<Entry>& all_entries() {
  static const std::vector<Entry> entries = [] {
    std::vector<Entry> found;
    std::vector<fs::path> files;
    std::error_code ignored;
    for (const auto& file : fs::directory_iterator(library_folder(), ignored))
      files.push_back(file.path());
    std::ranges::sort(files);
    for (const fs::path& path : files) {
      const std::string name = path.filename().string();
      if (name == text("lib", kImageLibrary, kSuffix)) continue;
      if (name.starts_with(kPrefix) && name.ends_with(kSuffix))
        load(path,
             name.substr(std::strlen(kPrefix),
                         name.size() - std::strlen(kPrefix) - std::strlen(kSuffix)),
             found);
    }
    return found;
  }();
  return entries;
}

}  // namespace

int device_count() {
  return (int)all_entries().size();
}

void describe_device(int index, dn_device_info& info) {
  const auto& entries = all_entries();
  require(index >= 0 && index < (int)entries.size(), "device index is ", index, ", expected 0 to ",
          (int)entries.size() - 1);
  const Entry& entry = entries[index];
  info = {};
  info.struct_size = sizeof info;
  if (entry.plugin) {
    entry.plugin->describe(entry.index, info);
  } else {
    copy_text(info.name, sizeof info.name, entry.kind);
    copy_text(info.detail, sizeof info.detail, entry.reason);
  }
}

std::shared_ptr<Device> open_device(const std::string& name, const dn_device_options& options) {
  std::string known;
  for (int index = 0; index < device_count(); ++index) {
    dn_device_info info;
    describe_device(index, info);
    known += text(known.empty() ? "" : ", ", info.name);
    // "cuda" is short for "cuda:0".
    if (name != info.name && name + ":0" != info.name) continue;
    if (!info.available) fail(DN_UNSUPPORTED, "device '", name, "' cannot be used: ", info.detail);
    const Entry& entry = all_entries()[index];
    return entry.plugin->open(entry.index, options);
  }
  fail(DN_NOT_FOUND, "there is no device '", name, "'; known: ",
       known.empty()
           ? text("none (no ", kPrefix, "*", kSuffix, " in ", library_folder().string(), ")")
           : known);
}

}  // namespace dn
