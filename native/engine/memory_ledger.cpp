#include "engine/memory_ledger.h"

#include <algorithm>
#include <vector>

namespace dn {

LedgerRecord::LedgerRecord(LedgerRecord&& other) noexcept
    : ledger_(std::move(other.ledger_)), id_(other.id_) {}

LedgerRecord& LedgerRecord::operator=(LedgerRecord&& other) noexcept {
  std::swap(ledger_, other.ledger_);
  std::swap(id_, other.id_);
  return *this;
}

LedgerRecord::~LedgerRecord() {
  if (!ledger_) return;
  const std::lock_guard lock(ledger_->mutex_);
  const auto entry = ledger_->live_.find(id_);
  ledger_->count_.used_bytes -= entry->second.bytes;
  --ledger_->count_.live_count;
  ledger_->live_.erase(entry);
}

void LedgerRecord::rename(std::string purpose) {
  if (!ledger_) return;
  const std::lock_guard lock(ledger_->mutex_);
  ledger_->live_.at(id_).purpose = std::move(purpose);
}

LedgerRecord MemoryLedger::add(int64_t bytes, std::string purpose) {
  const std::lock_guard lock(mutex_);
  const int64_t id = count_.allocation_count;
  live_.emplace(id, Entry{bytes, std::move(purpose)});
  ++count_.allocation_count;
  ++count_.live_count;
  count_.used_bytes += bytes;
  count_.peak_bytes = std::max(count_.peak_bytes, count_.used_bytes);
  return {shared_from_this(), id};
}

MemoryCount MemoryLedger::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

std::string MemoryLedger::largest(int count) const {
  const std::lock_guard lock(mutex_);
  std::vector<const Entry*> entries;
  for (const auto& [id, entry] : live_) entries.push_back(&entry);
  // Equal ones: the oldest first.
  std::ranges::stable_sort(entries, std::ranges::greater{}, &Entry::bytes);
  std::string list;
  for (int i = 0; i < count && i < (int)entries.size(); ++i)
    list += text(i > 0 ? ", " : "", byte_text(entries[i]->bytes), " for ", entries[i]->purpose);
  return list.empty() ? "nothing" : list;
}

void MemoryLedger::refuse(const std::string& device, int64_t asked_bytes,
                          const std::string& purpose, int64_t available_bytes) const {
  // Asked and free come first: readers of the text look for the first two amounts.
  fail(DN_OUT_OF_MEMORY, "device '", device, "' was asked for ", byte_text(asked_bytes), "; ",
       byte_text(available_bytes), " are free, ", byte_text(count().used_bytes),
       " are used by its tensors and programs; asked for by ", purpose,
       "; the largest that it holds: ", largest(3));
}

std::string byte_text(int64_t bytes) {
  constexpr int64_t kKibi = 1 << 10, kMebi = 1 << 20;
  if (bytes < kKibi) return text(bytes, " bytes");
  if (bytes < kMebi) return text((bytes + kKibi - 1) / kKibi, " KiB");
  return text((bytes + kMebi - 1) / kMebi, " MiB");
}

}  // namespace dn
