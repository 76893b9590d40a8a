#include "engine/candidate.h"

namespace dn {

Kernel::~Kernel() = default;
Candidate::~Candidate() = default;
CompileView::~CompileView() = default;

void CandidateRegistry::add(std::unique_ptr<Candidate> candidate) {
  const size_t kind = candidate->kind();
  if (by_kind_.size() <= kind) by_kind_.resize(kind + 1);
  by_kind_[kind].push_back(candidate.get());
  all_.push_back(std::move(candidate));
}

const std::vector<const Candidate*>& CandidateRegistry::of_kind(int kind) const {
  static const std::vector<const Candidate*> none;
  return kind >= 0 && kind < (int)by_kind_.size() ? by_kind_[kind] : none;
}

std::vector<std::string> CandidateRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& candidate : all_) names.push_back(candidate->name());
  return names;
}

}  // namespace dn
