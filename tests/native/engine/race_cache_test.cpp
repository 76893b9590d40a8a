// Winners kept on disk: found again, by the right device only, whatever has happened to the file.
#include "engine/race_cache.h"

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "fake_device.h"
#include "program_builder.h"

namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_content(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// The winner as a new process would see it; "" when there is none.
std::string winner_of(const fs::path& folder, const std::string& key,
                      const std::string& device = "device") {
  const dn::RaceCache cache(folder, device);
  const std::string* winner = cache.winner(key);
  return winner ? *winner : "";
}

void keep(const fs::path& folder, const std::string& key, const std::string& winner,
          const std::string& device = "device") {
  dn::RaceCache cache(folder, device);
  cache.add(key, winner);
  cache.save();
}

fs::path file_in(const fs::path& folder) {
  return dn::RaceCache(folder, "device").file();
}

// What a candidate sees before anything is compiled.
class View final : public dn::CompileView {
 public:
  explicit View(const dn::Program& program) : program_(program) {}
  const dn::Program& program() const override { return program_; }
  dn::LayoutRef layout(int tensor) const override { return tensor == 1 ? layout_of_1 : nullptr; }
  bool free(int) const override { return false; }
  bool adjacent(std::span<const int>) const override { return true; }
  bool allow_tf32() const override { return tf32; }
  dn::LayoutRef layout_of_1;
  bool tf32 = false;

 private:
  const dn::Program& program_;
};

std::string key_of(const View& view, std::vector<int> operators = {0}) {
  const auto& candidates = view.program().device()->candidates().of_kind(DN_OPERATOR_POINTWISE);
  return dn::race_key(view, operators, candidates);
}

}  // namespace

TEST(RaceCache, HitsAndMisses) {
  const CacheFolder folder;
  keep(folder.path(), "key", "own:gemm");
  EXPECT_EQ(winner_of(folder.path(), "key"), "own:gemm");
  EXPECT_EQ(winner_of(folder.path(), "other key"), "");
  EXPECT_EQ(winner_of(folder.path(), "key", "other device"), "");
  keep(folder.path(), "key", "cublas:gemm", "other device");
  EXPECT_EQ(winner_of(folder.path(), "key"), "own:gemm");
  keep(folder.path(), "key", "cublas:gemm");
  EXPECT_EQ(winner_of(folder.path(), "key"), "cublas:gemm");
}

TEST(RaceCache, ADamagedFileCountsAsEmptyAndIsRebuilt) {
  const CacheFolder folder;
  keep(folder.path(), "key", "winner");
  const fs::path file = file_in(folder.path());
  const std::string whole = content_of(file);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] ^= 1;
    write_content(file, damaged);
    EXPECT_EQ(winner_of(folder.path(), "key"), "") << "byte " << i;
    write_content(file, whole.substr(0, i));
    EXPECT_EQ(winner_of(folder.path(), "key"), "") << "cut at " << i;
  }
  for (const std::string& foreign :
       {std::string(1 << 20, '\n'), std::string(3000, '\0'), whole + "more\n"}) {
    write_content(file, foreign);
    EXPECT_EQ(winner_of(folder.path(), "key"), "");
  }
  keep(folder.path(), "key", "again");
  EXPECT_EQ(winner_of(folder.path(), "key"), "again");
}

TEST(RaceCache, AFileOfAnotherDeviceOrVersionIsNotUsed) {
  const CacheFolder folder;
  keep(folder.path(), "key", "winner", "other device");
  fs::rename(dn::RaceCache(folder.path(), "other device").file(), file_in(folder.path()));
  EXPECT_EQ(winner_of(folder.path(), "key"), "");
  keep(folder.path(), "key", "winner");
  std::string content = content_of(file_in(folder.path()));
  const std::string version = "race cache 1 ";
  ASSERT_NE(content.find(version), std::string::npos);
  content.replace(content.find(version), version.size(), "race cache 2 ");
  write_content(file_in(folder.path()), content);
  EXPECT_EQ(winner_of(folder.path(), "key"), "");
}

TEST(RaceCache, ProcessesThatWriteAtOnceLoseNothing) {
  const CacheFolder folder;
  constexpr int kProcesses = 4, kKeys = 40;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      dn::RaceCache cache(folder.path(), "device");
      for (int i = 0; i < kKeys; ++i) {
        cache.add(dn::text("key ", process, " ", i), dn::text("winner ", process, " ", i));
        cache.save();
        // What is on disk is whole at any time.
        if (winner_of(folder.path(), dn::text("key ", process, " ", i)).empty()) _exit(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  for (int process = 0; process < kProcesses; ++process)
    for (int i = 0; i < kKeys; ++i)
      EXPECT_EQ(winner_of(folder.path(), dn::text("key ", process, " ", i)),
                dn::text("winner ", process, " ", i));
}

TEST(RaceCache, AFolderThatCannotBeUsedIsNoError) {
  const CacheFolder folder;
  write_content(folder.path() / "file", "no folder");
  keep(folder.path() / "file" / "race", "key", "winner");
  EXPECT_EQ(winner_of(folder.path() / "file" / "race", "key"), "");
  fs::create_directories(file_in(folder.path()));  // where the file should be
  keep(folder.path(), "key", "winner");
  EXPECT_EQ(winner_of(folder.path(), "key"), "");
  keep("", "key", "winner");
  EXPECT_EQ(winner_of("", "key"), "");
  dn::RaceCache cache(folder.path() / "file", "device");
  cache.add("key", "winner");
  ASSERT_NE(cache.winner("key"), nullptr) << "in this process it is known all the same";
}

TEST(RaceCache, TheFolderFollowsTheEnvironment) {
  const CacheFolder folder;
  EXPECT_EQ(dn::RaceCache::default_folder(), folder.path() / "race");
  unsetenv("DEEPNATIVE_CACHE");
  const char* home = std::getenv("HOME");
  const std::string home_before = home ? home : "";
  setenv("XDG_CACHE_HOME", "/tmp/xdg", 1);
  setenv("HOME", "/tmp/home", 1);
  EXPECT_EQ(dn::RaceCache::default_folder(), "/tmp/xdg/deepnative/race");
  setenv("XDG_CACHE_HOME", "relative: to be ignored", 1);
  EXPECT_EQ(dn::RaceCache::default_folder(), "/tmp/home/.cache/deepnative/race");
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  EXPECT_EQ(dn::RaceCache::default_folder(), "");
  if (home) setenv("HOME", home_before.c_str(), 1);
}

TEST(RaceCache, TheDeviceIsNamedWithItsVersionsButNotItsNumber) {
  dn_device_info info{};
  std::strcpy(info.name, "cuda:0");
  std::strcpy(info.description, "GPU");
  std::strcpy(info.detail, "driver 1, cuBLAS 2");
  const std::string first = dn::race_device(info);
  std::strcpy(info.name, "cuda:1");
  EXPECT_EQ(dn::race_device(info), first);
  std::strcpy(info.detail, "driver 1, cuBLAS 3");
  EXPECT_NE(dn::race_device(info), first);
  std::strcpy(info.detail, "driver 1, cuBLAS 2");
  std::strcpy(info.description, "another GPU");
  EXPECT_NE(dn::race_device(info), first);
}

TEST(RaceCache, TheKeyHoldsWhatDecidesARaceAndNothingElse) {
  const auto device = std::make_shared<FakeDevice>(
      std::vector<FakeDevice::Contestant>{{"fake:a", 1, 0}, {"fake:b", 2, 0}});
  const auto program = scale_program(device);
  const View view(*program);
  const std::string key = key_of(view);
  for (const char* part : {"float32(4, 8)", "row-major", "fake:a fake:b", "Pointwise"})
    EXPECT_NE(key.find(part), std::string::npos) << key;

  const auto renamed = scale_program(device, {4, 8}, 2, "another name");
  EXPECT_EQ(key_of(View(*renamed)), key) << "names and addresses do not matter";
  const auto other_constant = scale_program(device, {4, 8}, 3);
  EXPECT_NE(key_of(View(*other_constant)), key);
  const auto other_shape = scale_program(device, {8, 4});
  EXPECT_NE(key_of(View(*other_shape)), key);
  EXPECT_NE(key_of(view, {0, 1}), key);
  View other_layout(*program);
  other_layout.layout_of_1 = std::make_shared<FakeLayout>(256);
  EXPECT_NE(key_of(other_layout), key);
  View tf32(*program);
  tf32.tf32 = true;
  EXPECT_NE(key_of(tf32), key);
  const auto fewer =
      std::make_shared<FakeDevice>(std::vector<FakeDevice::Contestant>{{"fake:a", 1, 0}});
  const auto on_fewer = scale_program(fewer);
  EXPECT_NE(key_of(View(*on_fewer)), key);
}

TEST(RaceCache, TheKeyHoldsTheAlignmentOfWrappedMemory) {
  const auto device =
      std::make_shared<FakeDevice>(std::vector<FakeDevice::Contestant>{{"fake:a", 1, 0}});
  alignas(256) static float memory[80];
  const auto key_at = [&](int offset) {
    dn::Program program(device, "test");
    const int x = program.bind(
        std::make_shared<dn::Tensor>(device, DN_DTYPE_F32, dn::Shape{4}, memory + offset, 64), "x");
    const int y =
        program.bind(std::make_shared<dn::Tensor>(device, DN_DTYPE_F32, dn::Shape{4}), "y");
    const dn_instruction copy[] = {{DN_OPCODE_INPUT, 0, 0, 0, 0}, {DN_OPCODE_OUTPUT, 0, 0, 0, 0}};
    const dn_pointwise_attributes attributes{sizeof attributes, 2, copy};
    program.add_operator(
        {sizeof(dn_operator), DN_OPERATOR_POINTWISE, "copy", &attributes, &x, &y, 1, 1});
    return key_of(View(program));
  };
  EXPECT_NE(key_at(0), key_at(1));
  EXPECT_NE(key_at(4), key_at(1));
  EXPECT_EQ(key_at(1), key_at(3)) << "both on 4 bytes";
}
