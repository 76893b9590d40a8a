// The race of candidates: the fastest wins when a race is asked for, and only then.
#include <fstream>

#include "fake_device.h"
#include "program_builder.h"

namespace {

using Contestants = std::vector<FakeDevice::Contestant>;

// The kernels of the two steps of scale_program; changes of layout are left out.
std::vector<std::string> compiled_kernels(const std::shared_ptr<FakeDevice>& device,
                                          int race_milliseconds = 1000) {
  const auto program = scale_program(device);
  dn_compile_options options{};
  options.struct_size = sizeof options;
  options.race_milliseconds = race_milliseconds;
  program->compile(options);
  std::vector<std::string> kernels;
  for (const dn::Step& step : program->compiled()->steps)
    if (step.kind != 0) kernels.push_back(step.kernel);
  return kernels;
}

using Names = std::vector<std::string>;

int64_t file_count(const std::filesystem::path& folder) {
  int64_t count = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder))
    count += file.path().extension() == ".txt";
  return count;
}

}  // namespace

TEST(Race, TheFastestWinsOnlyWhenAsked) {
  const CacheFolder folder;
  const auto device = std::make_shared<FakeDevice>(
      Contestants{{"fake:slow", 1, 400}, {"fake:fast", 2, 20}, {"fake:middle", 3, 150}});
  EXPECT_EQ(compiled_kernels(device, 0), (Names{"fake:slow", "fake:slow"}));
  EXPECT_EQ(device->contestant(0).runs, 0) << "no race: nothing runs before the program does";
  EXPECT_EQ(file_count(folder.path()), 0);
  EXPECT_EQ(compiled_kernels(device), (Names{"fake:fast", "fake:fast"}));
  EXPECT_EQ(file_count(folder.path()), 1);
  EXPECT_EQ(compiled_kernels(device, 0), (Names{"fake:slow", "fake:slow"}))
      << "what a race found changes nothing where none is asked for";
}

TEST(Race, AKnownWinnerIsNotTimedAgain) {
  const CacheFolder folder;
  const Contestants contestants{{"fake:slow", 1, 400}, {"fake:fast", 2, 20}};
  EXPECT_EQ(compiled_kernels(std::make_shared<FakeDevice>(contestants)),
            (Names{"fake:fast", "fake:fast"}));
  const auto device = std::make_shared<FakeDevice>(contestants);
  EXPECT_EQ(compiled_kernels(device), (Names{"fake:fast", "fake:fast"}));
  EXPECT_EQ(device->contestant(0).runs + device->contestant(1).runs, 0);
}

TEST(Race, ADamagedCacheIsRebuilt) {
  const CacheFolder folder;
  const Contestants contestants{{"fake:slow", 1, 400}, {"fake:fast", 2, 20}};
  compiled_kernels(std::make_shared<FakeDevice>(contestants));
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path()))
    if (file.path().extension() == ".txt") std::ofstream(file.path()) << "nonsense";
  const auto again = std::make_shared<FakeDevice>(contestants);
  EXPECT_EQ(compiled_kernels(again), (Names{"fake:fast", "fake:fast"}));
  EXPECT_GT(again->contestant(0).runs, 0);
  const auto known = std::make_shared<FakeDevice>(contestants);
  EXPECT_EQ(compiled_kernels(known), (Names{"fake:fast", "fake:fast"}));
  EXPECT_EQ(known->contestant(0).runs, 0);
}

TEST(Race, NewContestantsMeanANewRace) {
  const CacheFolder folder;
  compiled_kernels(
      std::make_shared<FakeDevice>(Contestants{{"fake:a", 1, 400}, {"fake:b", 2, 150}}));
  const auto device = std::make_shared<FakeDevice>(
      Contestants{{"fake:a", 1, 400}, {"fake:b", 2, 150}, {"fake:c", 3, 20}});
  EXPECT_EQ(compiled_kernels(device), (Names{"fake:c", "fake:c"}));
}

TEST(Race, ANewLibraryMeansANewRace) {
  const CacheFolder folder;
  Contestants contestants{{"fake:own", 1, 150}, {"fake:library", 2, 400}};
  contestants[1].version = "1.0";
  EXPECT_EQ(compiled_kernels(std::make_shared<FakeDevice>(contestants)),
            (Names{"fake:own", "fake:own"}));
  contestants[1].version = "2.0";
  contestants[1].microseconds = 20;
  EXPECT_EQ(compiled_kernels(std::make_shared<FakeDevice>(contestants)),
            (Names{"fake:library", "fake:library"}));
}

TEST(Race, CostlyCandidatesAreAskedOnlyWhereTheyAreNeeded) {
  const CacheFolder folder;
  FakeDevice::Contestant library{"fake:library", 0, 20};
  library.costly = true;
  const auto device = std::make_shared<FakeDevice>(Contestants{{"fake:own", 1, 150}, library});
  EXPECT_EQ(compiled_kernels(device, 0), (Names{"fake:own", "fake:own"}));
  EXPECT_EQ(device->contestant(1).questions, 0);
  EXPECT_EQ(compiled_kernels(device), (Names{"fake:library", "fake:library"}));
  device->contestant(0).refuses = true;
  EXPECT_EQ(compiled_kernels(device, 0), (Names{"fake:library", "fake:library"}));
}

TEST(Race, APreferredKernelGoesBeforeAllOthers) {
  const CacheFolder folder;
  Contestants contestants{{"fake:own", 1, 20}, {"library:a", 2, 150}, {"library:b", 3, 60}};
  contestants[1].costly = contestants[2].costly = true;
  const auto kernels = [&](const char* preferred, int race_milliseconds) {
    setenv("DEEPNATIVE_PREFER", preferred, 1);
    const auto names =
        compiled_kernels(std::make_shared<FakeDevice>(contestants), race_milliseconds);
    unsetenv("DEEPNATIVE_PREFER");
    return names;
  };
  EXPECT_EQ(kernels("library:", 0), (Names{"library:a", "library:a"}));
  EXPECT_EQ(kernels("library:b,unknown", 0), (Names{"library:b", "library:b"}));
  EXPECT_EQ(kernels("library:", 1000), (Names{"library:b", "library:b"}));
  EXPECT_EQ(kernels("unknown", 0), (Names{"fake:own", "fake:own"}));
  contestants[1].refuses = contestants[2].refuses = true;
  EXPECT_EQ(kernels("library:", 0), (Names{"fake:own", "fake:own"}));
}

TEST(Race, WithoutTimeThePreferredStaysAndNothingIsKept) {
  const CacheFolder folder;
  const auto device =
      std::make_shared<FakeDevice>(Contestants{{"fake:slow", 1, 2000}, {"fake:fast", 2, 20}});
  EXPECT_EQ(compiled_kernels(device, 1), (Names{"fake:slow", "fake:slow"}));
  EXPECT_EQ(device->contestant(1).runs, 0);
  EXPECT_EQ(file_count(folder.path()), 0);
}

TEST(Race, AChangeOfLayoutCounts) {
  const CacheFolder folder;
  FakeDevice::Contestant elsewhere{"fake:elsewhere", 2, 20};
  elsewhere.own_layout = true;
  const auto device = std::make_shared<FakeDevice>(Contestants{{"fake:here", 1, 150}, elsewhere});
  device->change_us = 400;
  // x may take any layout; what the first step writes has to be changed for the second.
  EXPECT_EQ(compiled_kernels(device), (Names{"fake:elsewhere", "fake:here"}));
}

TEST(Race, AKernelThatFailsIsOut) {
  const CacheFolder folder;
  FakeDevice::Contestant broken{"fake:broken", 2, 20};
  broken.failure = DN_VENDOR_ERROR;
  const auto device = std::make_shared<FakeDevice>(Contestants{{"fake:sound", 1, 150}, broken});
  EXPECT_EQ(compiled_kernels(device), (Names{"fake:sound", "fake:sound"}));
  EXPECT_GT(device->contestant(1).runs, 0);

  device->contestant(0).failure = DN_DEVICE_LOST;
  try {
    scale_program(device, {7})->compile({sizeof(dn_compile_options), 1000, 0, 0});
    FAIL() << "compiled on a lost device";
  } catch (const dn::Error& error) {
    EXPECT_EQ(error.status(), DN_DEVICE_LOST);
  }
}

TEST(Race, WithoutMemoryThePreferredStaysAndNothingIsKept) {
  const CacheFolder folder;
  FakeDevice::Contestant large{"fake:large", 2, 20};
  large.own_layout = true;
  const auto device = std::make_shared<FakeDevice>(Contestants{{"fake:slow", 1, 150}, large});
  device->room = 4 * 8 * 4;  // for the tensors, not for twice as much
  EXPECT_EQ(compiled_kernels(device), (Names{"fake:slow", "fake:slow"}));
  EXPECT_EQ(file_count(folder.path()), 0);
}

TEST(Race, OnTheCpuTheResultStaysRight) {
  const CacheFolder folder;
  auto device = open_cpu();
  const int64_t rows = 24, depth = 40, columns = 33;
  std::vector<float> a(rows * depth), b(depth * columns);
  for (size_t i = 0; i < a.size(); ++i) a[i] = (float)((i * 7919) % 13) - 6;
  for (size_t i = 0; i < b.size(); ++i) b[i] = (float)((i * 104729) % 7) - 3;
  std::string first_kernel;
  for (int round = 0; round < 2; ++round) {
    auto a_tensor = make_tensor(device.get(), {rows, depth}, a);
    auto b_tensor = make_tensor(device.get(), {depth, columns}, b);
    auto c_tensor = make_tensor(device.get(), {rows, columns});
    ProgramBuilder program(device.get());
    const int ids[] = {program.bind(a_tensor), program.bind(b_tensor), program.bind(c_tensor)};
    const dn_matmul_attributes product{sizeof product, 0, 0, 0, nullptr};
    ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &product, {ids[0], ids[1]}, {ids[2]}));
    const dn_compile_options options{sizeof options, 500, 0, 0};
    ASSERT_OK(dn_program_compile(program.get(), &options));
    ASSERT_OK(program.run());
    const std::vector<float> c = read(c_tensor.get(), rows * columns);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < depth; ++k) sum += (double)a[i * depth + k] * b[k * columns + j];
        ASSERT_EQ(c[i * columns + j], sum);  // small integers: exact
      }
    dn_report* handle = nullptr;
    ASSERT_OK(dn_program_report(program.get(), &handle));
    const Handle<dn_report> report(handle);
    dn_report_entry entry{};
    entry.struct_size = sizeof entry;
    ASSERT_OK(dn_report_get_entry(handle, 0, &entry));
    EXPECT_EQ(entry.candidate_count, 2);
    if (round == 0)
      first_kernel = entry.kernel;
    else
      EXPECT_EQ(entry.kernel, first_kernel) << "kept, so not left to chance";
  }
  EXPECT_TRUE(first_kernel == "own:gemm" || first_kernel == "onednn:matmul") << first_kernel;
  EXPECT_EQ(file_count(folder.path()), 1);
}
