// What is held by whom, and the error that says so.
#include "engine/memory_ledger.h"

#include "program_builder.h"

TEST(MemoryLedger, CountsWhatLivesAndItsPeak) {
  const auto ledger = std::make_shared<dn::MemoryLedger>();
  EXPECT_EQ(ledger->largest(3), "nothing");
  dn::LedgerRecord a = ledger->add(1000, "a");
  {
    const dn::LedgerRecord b = ledger->add(2000, "b");
    EXPECT_EQ(ledger->count().used_bytes, 3000);
    EXPECT_EQ(ledger->count().live_count, 2);
  }
  EXPECT_EQ(ledger->count().used_bytes, 1000);
  EXPECT_EQ(ledger->count().peak_bytes, 3000);
  EXPECT_EQ(ledger->count().allocation_count, 2);
  EXPECT_EQ(ledger->count().live_count, 1);
  dn::LedgerRecord moved = std::move(a);
  moved.rename("z");
  EXPECT_EQ(ledger->largest(3), "1000 bytes for z");
}

TEST(MemoryLedger, ListsTheLargestOldestFirst) {
  const auto ledger = std::make_shared<dn::MemoryLedger>();
  const dn::LedgerRecord records[] = {ledger->add(1 << 10, "first"),
                                      ledger->add((5 << 20) + 1, "large"),
                                      ledger->add(1 << 10, "second"), ledger->add(1500, "middle")};
  EXPECT_EQ(ledger->largest(3), "6 MiB for large, 2 KiB for middle, 1 KiB for first");
}

TEST(MemoryLedger, ARecordMayOutliveTheDevice) {
  auto ledger = std::make_shared<dn::MemoryLedger>();
  dn::LedgerRecord record = ledger->add(1, "x");
  ledger.reset();
  record.rename("y");
}

TEST(MemoryLedger, AnImpossibleTensorsErrorNamesTheLargest) {
  auto device = open_cpu();
  auto weight = make_tensor(device.get(), {1024, 768});
  auto image = make_tensor(device.get(), {1024, 256}), unnamed = make_tensor(device.get(), {300});
  auto small = make_tensor(device.get(), {3});
  ProgramBuilder program(device.get());
  program.bind(weight, "conv1.weight");
  program.bind(image, "image");
  const int64_t dims[] = {int64_t{1} << 22, int64_t{1} << 20};
  dn_tensor* tensor = nullptr;
  ASSERT_EQ(dn_tensor_create(device.get(), DN_DTYPE_F64, 2, dims, &tensor), DN_OUT_OF_MEMORY);
  EXPECT_EQ(tensor, nullptr);
  const std::string error = dn_last_error();
  EXPECT_EQ(error.find("device 'cpu' was asked for 33554432 MiB; "), 0u) << error;
  EXPECT_NE(error.find(" MiB are free, 5 MiB are used"), std::string::npos) << error;
  EXPECT_NE(error.find("asked for by tensor float64 (4194304, 1048576)"), std::string::npos)
      << error;
  EXPECT_NE(error.find("the largest that it holds: 3 MiB for tensor 'conv1.weight' float32 "
                       "(1024, 768), 1 MiB for tensor 'image' float32 (1024, 256), "
                       "2 KiB for tensor float32 (300)"),
            std::string::npos)
      << error;
  // The device goes on.
  EXPECT_EQ(read(small.get(), 3), std::vector<float>(3));
}

TEST(MemoryLedger, AnArenaIsNamedByItsProgram) {
  auto device = open_cpu();
  auto state = make_tensor(device.get(), {2}, {}, DN_DTYPE_I64),
       sum = make_tensor(device.get(), {});
  ProgramBuilder program(device.get(), "huge");
  const int ids[] = {program.bind(state, "state"), program.bind(sum, "sum")};
  const int wide = program.transient({int64_t{1} << 42});
  dn_random_attributes random{};
  random.struct_size = sizeof random;
  random.distribution = DN_DISTRIBUTION_UNIFORM;
  random.b = 1;
  const dn_reduce_attributes reduce{sizeof reduce, DN_REDUCE_SUM, 1, 0};
  ASSERT_OK(program.add(DN_OPERATOR_RANDOM, &random, {ids[0]}, {wide, ids[0]}));
  ASSERT_OK(program.add(DN_OPERATOR_REDUCE, &reduce, {wide}, {ids[1]}));
  EXPECT_FAILS(program.compile(), DN_OUT_OF_MEMORY, "asked for by arena of program 'huge'");
  EXPECT_FAILS(program.run(), DN_INVALID_ARGUMENT, "is not compiled");
}
