#include "engine/race_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace dn {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "deepnative race cache 1 ";
constexpr std::streamsize kMaxBytes = 16 << 20;  // more has gathered over years: begun anew

// FNV-1a.
uint64_t hash(std::string_view bytes, uint64_t state = 0xcbf29ce484222325) {
  for (unsigned char byte : bytes) state = (state ^ byte) * 0x100000001b3;
  return state;
}

std::string hex(uint64_t value) {
  std::string digits(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  return digits;
}

// On one line, between tabs.
std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

// Excludes other processes, and other threads, while it lives.
class FileLock {
 public:
  explicit FileLock(const fs::path& path)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    held_ = file_ >= 0 && ::flock(file_, LOCK_EX) == 0;
  }
  ~FileLock() {
    if (file_ >= 0) ::close(file_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool held() const { return held_; }

 private:
  int file_;
  bool held_;
};

fs::path with_suffix(fs::path path, const char* suffix) {
  return path += suffix;
}

}  // namespace

RaceCache::RaceCache(const fs::path& folder, std::string device)
    : device_(one_line(std::move(device))) {
  if (folder.empty()) return;
  file_ = folder / (hex(hash(device_)) + ".txt");
  winners_ = read();
}

fs::path RaceCache::default_folder() {
  const auto from = [](const char* variable) -> fs::path {
    const char* value = std::getenv(variable);
    return value ? value : "";
  };
  if (const fs::path own = from("DEEPNATIVE_CACHE"); !own.empty()) return own / "race";
  if (const fs::path user = from("XDG_CACHE_HOME"); user.is_absolute())
    return user / "deepnative" / "race";
  if (const fs::path home = from("HOME"); home.is_absolute())
    return home / ".cache" / "deepnative" / "race";
  return {};
}

std::map<std::string, std::string> RaceCache::read() const {
  std::ifstream stream(file_, std::ios::binary | std::ios::ate);
  if (!stream || stream.tellg() < 0 || stream.tellg() > kMaxBytes) return {};
  std::string content((size_t)stream.tellg(), '\0');
  stream.seekg(0).read(content.data(), (std::streamsize)content.size());
  const size_t end = content.find('\n');
  if (!stream || end == std::string::npos) return {};
  const std::string body = content.substr(end + 1);
  if (content.substr(0, end) != kFormat + hex(hash(body))) return {};

  std::map<std::string, std::string> winners;
  std::istringstream lines(body);
  std::string line;
  if (!std::getline(lines, line) || line != device_) return {};
  while (std::getline(lines, line)) {
    const size_t tab = line.find('\t');
    if (tab != std::string::npos) winners[line.substr(tab + 1)] = line.substr(0, tab);
  }
  return winners;
}

const std::string* RaceCache::winner(const std::string& key) const {
  const auto found = winners_.find(key);
  return found == winners_.end() ? nullptr : &found->second;
}

void RaceCache::add(const std::string& key, const std::string& winner) {
  winners_[one_line(key)] = added_[one_line(key)] = one_line(winner);
}

void RaceCache::save() {
  if (file_.empty() || added_.empty()) return;
  std::error_code ignored;
  fs::create_directories(file_.parent_path(), ignored);
  const FileLock lock(with_suffix(file_, ".lock"));
  if (!lock.held()) return;
  winners_ = read();
  for (const auto& [key, winner] : added_) winners_[key] = winner;
  std::string body = device_ + "\n";
  for (const auto& [key, winner] : winners_) body += winner + "\t" + key + "\n";

  // Readers see the old file or the new one, never a part.
  const fs::path temporary = with_suffix(file_, ".new");
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  stream << kFormat << hex(hash(body)) << "\n" << body;
  stream.close();
  if (stream)
    fs::rename(temporary, file_, ignored);
  else
    fs::remove(temporary, ignored);
  added_.clear();
}

std::string race_device(const dn_device_info& info) {
  // Equal devices of one machine share what they find: "cuda", not "cuda:1".
  const std::string name = info.name;
  return text(name.substr(0, name.find(':')), "; ", info.description, "; capabilities ",
              info.capabilities, "; ", info.thread_count, " threads; ", info.detail, "; engine ",
              dn_version());
}

std::string race_key(const CompileView& view, std::span<const int> operators,
                     std::span<const Candidate* const> candidates) {
  std::ostringstream key;
  std::map<int, size_t> numbers;  // of tensors, in order of appearance
  const auto describe = [&](int id) {
    if (id < 0) {
      key << " -";
      return;
    }
    const auto [number, added] = numbers.emplace(id, numbers.size());
    key << " t" << number->second;
    if (!added) return;
    const TensorDeclaration& tensor = view.tensor(id);
    key << "=" << name_of(tensor.dtype) << tensor.shape << " "
        << (view.free(id) ? "free" : name_of(view.layout(id)));
    if (tensor.bound && tensor.bound->wrapped()) {
      const auto address = reinterpret_cast<uintptr_t>(tensor.bound->data());
      key << " aligned " << std::min<uintptr_t>(address & -address, 256);
    }
  };
  for (int index : operators) {
    const Operator& op = view.op(index);
    const auto expression = std::as_bytes(op.expression()), attributes = op.attribute_bytes();
    const auto chars = [](std::span<const std::byte> bytes) {
      return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    key << operator_name(op.kind()) << " " << hex(hash(chars(expression), hash(chars(attributes))))
        << ":";
    for (int id : op.inputs()) describe(id);
    key << " ->";
    for (int id : op.outputs()) describe(id);
    key << "; ";
  }
  if (view.allow_tf32()) key << "tf32; ";
  for (const Candidate* candidate : candidates) {
    const std::string version = candidate->version(view);
    key << candidate->name() << (version.empty() ? "" : "@") << version << " ";
  }
  return key.str();
}

}  // namespace dn
