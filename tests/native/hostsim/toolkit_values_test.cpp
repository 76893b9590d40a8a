// The constants of the simulator's headers are those of the toolkit that this was built with.
#include "toolkit_values.h"

#include <gtest/gtest.h>

namespace simt {
namespace {

TEST(ToolkitValues, AreTheToolkits) {
  int count = 0;
  for (; kSimulatorValues[count].name; count++) {
    ASSERT_STREQ(kSimulatorValues[count].name, kToolkitValues[count].name);
    EXPECT_EQ(kSimulatorValues[count].value, kToolkitValues[count].value)
        << kSimulatorValues[count].name;
  }
  EXPECT_GT(count, 100);
}

}  // namespace
}  // namespace simt
