// Who holds how much of a device's memory: for the counts, and for errors that name the largest.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/error.h"

namespace dn {

struct MemoryCount {
  int64_t used_bytes = 0;
  int64_t peak_bytes = 0;
  int64_t available_bytes = 0;
  int64_t allocation_count = 0;
  int64_t live_count = 0;
};

class MemoryLedger;

// One live allocation; gone from the ledger when destroyed. An empty one records nothing.
class DN_API LedgerRecord {
 public:
  LedgerRecord() = default;
  LedgerRecord(LedgerRecord&& other) noexcept;
  LedgerRecord& operator=(LedgerRecord&& other) noexcept;
  ~LedgerRecord();
  void rename(std::string purpose);

 private:
  friend class MemoryLedger;
  LedgerRecord(std::shared_ptr<MemoryLedger> ledger, int64_t id)
      : ledger_(std::move(ledger)), id_(id) {}
  std::shared_ptr<MemoryLedger> ledger_;
  int64_t id_ = 0;
};

// Made by make_shared, because records may outlive the device. Any thread may use it.
class DN_API MemoryLedger : public std::enable_shared_from_this<MemoryLedger> {
 public:
  // purpose: "tensor 'w' float32 (64, 96)", "arena of program 'train'"
  LedgerRecord add(int64_t bytes, std::string purpose);
  // Without available_bytes, which only the device knows.
  MemoryCount count() const;
  // "40 MiB for tensor 'w' float32 (64, 96), 12 KiB for ...", largest first; "nothing" when empty.
  std::string largest(int count) const;
  // Throws DN_OUT_OF_MEMORY: what was asked and what for, what is free and used, and the largest.
  [[noreturn]] void refuse(const std::string& device, int64_t asked_bytes,
                           const std::string& purpose, int64_t available_bytes) const;

 private:
  friend class LedgerRecord;
  struct Entry {
    int64_t bytes;
    std::string purpose;
  };
  mutable std::mutex mutex_;
  std::map<int64_t, Entry> live_;  // by order of allocation
  MemoryCount count_;
};

// "40 MiB", rounded up.
DN_API std::string byte_text(int64_t bytes);

}  // namespace dn
