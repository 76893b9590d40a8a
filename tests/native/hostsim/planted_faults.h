// How planted mistakes are shown to be found.
//
// A fault shows as a wrong result for some seed, as an error of the device, or as the report of a
// sanitizer. Races show under ThreadSanitizer whatever the order is.
#pragma once

#include <functional>
#include <string>

#include "simulator_test.h"

namespace simt {

constexpr int kThreads = 128;
constexpr int kSeeds = 20;
constexpr int kRaceExit = 66;  // ThreadSanitizer's exit status after a report

enum class Kernel { Right, Planted };

class PlantedFaults : public SimulatorTest {
 protected:
  using Run = std::function<bool(Kernel)>;  // true: the result is right

  // A race, or another thing that depends on the order.
  static void expect_found(const Run& run) {
    for (int seed = 1; seed <= kSeeds; seed++) {
      set_seed(seed);
      ASSERT_TRUE(run(Kernel::Right)) << "without the mistake, seed " << seed;
    }
#if SIMT_TSAN
    EXPECT_EXIT(
        {
          run(Kernel::Planted);
          std::exit(0);
        },
        ::testing::ExitedWithCode(kRaceExit), "data race");
#else
    int found = 0;
    for (int seed = 1; seed <= kSeeds; seed++) {
      set_seed(seed);
      found += !run(Kernel::Planted);
    }
    RecordProperty("schedules_that_show_it", found);
    EXPECT_GT(found, 0) << "in no one of " << kSeeds << " schedules";
#endif
  }

  // What the simulator itself finds: an error of the device, with this text.
  static void expect_fault(cudaError_t expected, const std::string& text,
                           const std::function<cudaError_t(Kernel)>& launch) {
    config().fault_mode = FaultMode::StickyError;
    ASSERT_EQ(launch(Kernel::Right), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess) << last_fault();
    ASSERT_EQ(launch(Kernel::Planted), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), expected);
    EXPECT_NE(last_fault().find(text), std::string::npos) << last_fault();
    // It stays, for every call.
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, 16), expected);
    EXPECT_EQ(cudaGetLastError(), expected);
    EXPECT_EQ(cudaGetLastError(), expected);
    // And goes with the device's context.
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
    EXPECT_EQ(cudaMalloc(&memory, 16), cudaSuccess);
    EXPECT_EQ(cudaFree(memory), cudaSuccess);
  }

  // What AddressSanitizer reports in its build, and the simulator as a fault of the device elsewhere.
  static void expect_overrun(const std::string& text,
                             const std::function<cudaError_t(Kernel)>& launch) {
#if SIMT_ASAN
    ASSERT_EQ(launch(Kernel::Right), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_DEATH(
        {
          launch(Kernel::Planted);
          cudaDeviceSynchronize();
        },
        "AddressSanitizer");
    (void)text;
#else
    expect_fault(cudaErrorIllegalAddress, text, launch);
#endif
  }

  // Launches with one float in and out for each of `threads`.
  template <typename... P>
  static std::vector<float> results(void (*kernel)(const float*, float*, P...), int threads,
                                    P... more) {
    std::vector<float> values(threads);
    for (int i = 0; i < threads; i++) values[i] = static_cast<float>(i + 1);
    DeviceBuffer<float> in(values), out(values.size());
    EXPECT_EQ(launch_kernel(kernel, 1, threads, 0, nullptr, in.data(), out.data(), more...),
              cudaSuccess);
    return out.read();
  }
};

}  // namespace simt
