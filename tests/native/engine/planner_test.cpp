#include "engine/planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace {

int64_t aligned(int64_t bytes) {
  return (bytes + dn::kArenaAlignment - 1) / dn::kArenaAlignment * dn::kArenaAlignment;
}

// The most that is alive at any one step: no plan can need less.
int64_t lower_bound(const std::vector<dn::Lifetime>& buffers) {
  int64_t most = 0;
  for (const auto& at : buffers) {
    int64_t alive = 0;
    for (const auto& other : buffers)
      if (other.first <= at.first && at.first <= other.last) alive += aligned(other.bytes);
    most = std::max(most, alive);
  }
  return most;
}

void check_plan(const std::vector<dn::Lifetime>& buffers, const dn::ArenaPlan& plan) {
  ASSERT_EQ(plan.offsets.size(), buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % dn::kArenaAlignment, 0);
    EXPECT_LE(plan.offsets[i] + buffers[i].bytes, plan.peak_bytes);
    for (size_t j = 0; j < i; ++j) {
      const bool together =
          buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
      const bool overlap = plan.offsets[i] < plan.offsets[j] + buffers[j].bytes &&
                           plan.offsets[j] < plan.offsets[i] + buffers[i].bytes;
      EXPECT_FALSE(together && overlap) << "buffers " << j << " and " << i;
    }
  }
}

}  // namespace

TEST(Planner, EmptyPlanTakesNothing) {
  const dn::ArenaPlan plan = dn::plan_arena({});
  EXPECT_EQ(plan.peak_bytes, 0);
  EXPECT_EQ(plan.sum_bytes, 0);
}

TEST(Planner, AChainNeedsTwoNeighbours) {
  std::vector<dn::Lifetime> chain;
  for (int i = 0; i < 10; ++i) chain.push_back({1024, i, i + 1});
  const dn::ArenaPlan plan = dn::plan_arena(chain);
  check_plan(chain, plan);
  EXPECT_EQ(plan.peak_bytes, 2048);
  EXPECT_EQ(plan.sum_bytes, 10 * 1024);
}

TEST(Planner, BuffersAliveTogetherNeverOverlap) {
  std::mt19937 random(7);
  const auto below = [&](int n) { return (int)(random() % (unsigned)n); };
  for (int round = 0; round < 200; ++round) {
    std::vector<dn::Lifetime> buffers;
    const int steps = 1 + below(40);
    for (int i = below(60); i >= 0; --i) {
      const int first = below(steps);
      buffers.push_back({below(5000), first, first + below(steps - first)});
    }
    const dn::ArenaPlan plan = dn::plan_arena(buffers);
    check_plan(buffers, plan);
    EXPECT_GE(plan.peak_bytes, lower_bound(buffers));
    EXPECT_LE(plan.peak_bytes, plan.sum_bytes);
  }
}
