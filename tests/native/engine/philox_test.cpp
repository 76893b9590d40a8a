#include "engine/philox.h"

#include <gtest/gtest.h>

// The known answers published with Random123 for philox4x32, 10 rounds.
TEST(Philox, PublishedVectors) {
  using Block = dn::PhiloxBlock;
  EXPECT_EQ(dn::philox({0, 0, 0, 0}, 0, 0),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(dn::philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffff, 0xffffffff),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(dn::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformStaysBelowOne) {
  EXPECT_EQ(dn::philox_uniform(0), 0.0f);
  EXPECT_EQ(dn::philox_uniform(0xffffffff), 1.0f - 0x1p-24f);
}
