// Candidates that do one operator each: most of them.
#pragma once

#include "engine/candidate.h"

namespace dn {

// A candidate that does one operator.
struct SingleOperator {
  const char* name;  // "<library>:<algorithm>"
  int kind;
  int preference;  // lower first
  // Why it cannot do it; empty: it can. Null: it can do all.
  std::string (*refuse)(const CompileView& view, int op);
  KernelPlan (*plan)(const CompileView& view, int op);
};

class SingleOperatorCandidate final : public Candidate {
 public:
  explicit SingleOperatorCandidate(const SingleOperator& description) : d_(description) {}
  std::string name() const override { return d_.name; }
  int kind() const override { return d_.kind; }
  int preference() const override { return d_.preference; }
  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    if (d_.refuse) reason = d_.refuse(view, first);
    return reason.empty() ? std::vector<int>{first} : std::vector<int>{};
  }
  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    return d_.plan(view, operators[0]);
  }

 private:
  SingleOperator d_;
};

}  // namespace dn
