// What races of kernels found, kept on disk from one process to the next.
#pragma once

#include <filesystem>
#include <map>

#include "engine/candidate.h"

namespace dn {

// The winners on one device. One file a device: a line with the format's version and a checksum of
// the rest, a line that names the device, then a line for each race. A file that is damaged, of
// another version or of another device counts as empty and is written anew; a folder that cannot
// be used means that nothing is kept. Neither is an error.
class DN_API RaceCache {
 public:
  // device: everything about it that decides a race. An empty folder keeps nothing.
  RaceCache(const std::filesystem::path& folder, std::string device);

  // $DEEPNATIVE_CACHE/race, else race in the user's cache folder; empty when there is none.
  static std::filesystem::path default_folder();
  const std::filesystem::path& file() const { return file_; }

  // The name of the candidate that won, or null.
  const std::string* winner(const std::string& key) const;
  void add(const std::string& key, const std::string& winner);
  // Joins what was added to what other processes have written since.
  void save();

 private:
  std::map<std::string, std::string> read() const;

  std::filesystem::path file_;
  std::string device_;
  std::map<std::string, std::string> winners_, added_;  // by key
};

// The device in words: kind, processor, capabilities, versions of its driver and libraries, and the
// engine's own.
DN_API std::string race_device(const dn_device_info& info);

// The question that a race answers: operators with their attributes, their tensors with dtype,
// shape, layout and alignment, and who takes part.
DN_API std::string race_key(const CompileView& view, std::span<const int> operators,
                            std::span<const Candidate* const> candidates);

}  // namespace dn
