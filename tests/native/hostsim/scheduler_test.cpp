// How threads take turns, and what barriers and collectives give them.
#include <thread>

#include "simulator_test.h"

namespace simt {
namespace {

class SchedulerTest : public SimulatorTest {};

void index_kernel(unsigned* out) {
  unsigned thread =
      threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * static_cast<unsigned>(threadIdx.z));
  unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  unsigned* to = out + (block * blockDim.x * blockDim.y * blockDim.z + thread) * 6;
  to[0] = threadIdx.x;
  to[1] = threadIdx.y;
  to[2] = threadIdx.z;
  to[3] = blockIdx.x;
  to[4] = blockIdx.y;
  to[5] = blockIdx.z;
}

TEST_F(SchedulerTest, EveryThreadOfEveryBlockRuns) {
  for (Order order : {Order::Ascending, Order::Descending, Order::Random, Order::Pct}) {
    config().order = order;
    dim3 grid(3, 2, 2), block(5, 3, 4);
    DeviceBuffer<unsigned> out(std::vector<unsigned>(12 * 60 * 6, 99));
    ASSERT_EQ(launch_kernel(index_kernel, grid, block, 0, nullptr, out.data()), cudaSuccess);
    auto result = out.read();
    size_t i = 0;
    for (unsigned bz = 0; bz < 2; bz++) {
      for (unsigned by = 0; by < 2; by++) {
        for (unsigned bx = 0; bx < 3; bx++) {
          for (unsigned z = 0; z < 4; z++) {
            for (unsigned y = 0; y < 3; y++) {
              for (unsigned x = 0; x < 5; x++) {
                std::vector<unsigned> got(&result[i], &result[i] + 6);
                EXPECT_EQ(got, (std::vector<unsigned>{x, y, z, bx, by, bz}));
                i += 6;
              }
            }
          }
        }
      }
    }
  }
}

// Each thread notes when it came: a ticket of the whole grid.
void ticket_kernel(int* next, int* ticket) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  ticket[i] = atomicAdd(next, 1);
  __syncthreads();
  ticket[gridDim.x * blockDim.x + i] = atomicAdd(next, 1);
}

std::vector<int> tickets(uint64_t seed) {
  set_seed(seed);
  DeviceBuffer<int> next(std::vector<int>{0}), ticket(3 * 64 * 2);
  EXPECT_EQ(launch_kernel(ticket_kernel, 3, 64, 0, nullptr, next.data(), ticket.data()),
            cudaSuccess);
  return ticket.read();
}

TEST_F(SchedulerTest, TheSameSeedGivesTheSameSchedule) {
  for (Order order : {Order::Random, Order::Pct}) {
    config().order = order;
    EXPECT_EQ(tickets(5), tickets(5));
    EXPECT_NE(tickets(5), tickets(6));
  }
}

TEST_F(SchedulerTest, AscendingAndDescendingOrders) {
  config().order = Order::Ascending;
  auto ticket = tickets(1);
  for (int block = 0; block < 3; block++) {
    for (int i = 0; i < 64; i++) EXPECT_EQ(ticket[block * 64 + i], block * 128 + i);
  }
  config().order = Order::Descending;
  ticket = tickets(1);
  for (int block = 0; block < 3; block++) {
    for (int i = 0; i < 64; i++) EXPECT_EQ(ticket[block * 64 + i], (2 - block) * 128 + 63 - i);
  }
}

// With random priorities a warp may pass a barrier several times while another rests.
void rounds_kernel(int* progress, int* largest_lead) {
  int warp = static_cast<int>(threadIdx.x) / 32;
  for (int round = 0; round < 20; round++) {
    if (threadIdx.x % 32 == 0) {
      int mine = atomicAdd(&progress[warp], 1) + 1;
      atomicMax(largest_lead, mine - atomicAdd(&progress[1 - warp], 0));
    }
    __syncwarp();
  }
}

TEST_F(SchedulerTest, PriorityOrderLetsWarpsRunAhead) {
  DeviceBuffer<int> progress(std::vector<int>{0, 0}), lead(std::vector<int>{0});
  ASSERT_EQ(launch_kernel(rounds_kernel, 1, 64, 0, nullptr, progress.data(), lead.data()),
            cudaSuccess);
  EXPECT_GT(lead.read()[0], 5);
}

void predicate_kernel(int* out) {
  int t = static_cast<int>(threadIdx.x);
  int* to = out + t * 6;
  to[0] = __syncthreads_or(t == 70);
  to[1] = __syncthreads_or(0);
  to[2] = __syncthreads_and(t < 1000);
  to[3] = __syncthreads_and(t != 70);
  to[4] = __syncthreads_count(t % 3 == 0);
  to[5] = __syncthreads_count(2);
}

TEST_F(SchedulerTest, BarriersWithPredicates) {
  DeviceBuffer<int> out(96 * 6);
  ASSERT_EQ(launch_kernel(predicate_kernel, 1, 96, 0, nullptr, out.data()), cudaSuccess);
  auto result = out.read();
  for (int t = 0; t < 96; t++) {
    EXPECT_NE(result[t * 6], 0);
    EXPECT_EQ(result[t * 6 + 1], 0);
    EXPECT_NE(result[t * 6 + 2], 0);
    EXPECT_EQ(result[t * 6 + 3], 0);
    EXPECT_EQ(result[t * 6 + 4], 32);
    EXPECT_EQ(result[t * 6 + 5], 96);
  }
}

void static_arrays_kernel(int* out) {
  DN_SHARED(char, small, [3]);
  DN_SHARED(double, wide, [2][5]);
  DN_SHARED(int, more, [7]);
  DN_DYN_SHARED(float, dynamic);
  if (threadIdx.x) return;
  auto address = [](const void* p) { return reinterpret_cast<uintptr_t>(p); };
  out[0] = address(small) % 16 == 0 && address(wide) % 16 == 0 && address(more) % 16 == 0 &&
           address(dynamic) % 16 == 0;
  out[1] = static_cast<int>(sizeof small + sizeof wide + sizeof more);
  small[2] = 1;
  wide[1][4] = 2;
  more[6] = 3;
  dynamic[0] = 4;
  out[2] = small[2] == 1 && wide[1][4] == 2 && more[6] == 3 && dynamic[0] == 4;
}

TEST_F(SchedulerTest, SharedArraysAreAlignedAndApart) {
  DeviceBuffer<int> out(3);
  ASSERT_EQ(launch_kernel(static_arrays_kernel, 1, 32, 100, nullptr, out.data()), cudaSuccess);
  EXPECT_EQ(out.read(), (std::vector<int>{1, 3 + 80 + 28, 1}));
}

// A thread that spins until another of its block has done something lets it go on.
void spin_kernel(int* flag, int* out) {
  if (threadIdx.x == 0) {
    while (atomicCAS(flag, 1, 2) != 1) {
    }
    out[0] = 7;
  } else if (threadIdx.x == 33) {
    __nanosleep(10);
    atomicExch(flag, 1);
  }
}

TEST_F(SchedulerTest, SpinningThreadsYield) {
  for (Order order : {Order::Ascending, Order::Descending, Order::Random}) {
    config().order = order;
    DeviceBuffer<int> flag(std::vector<int>{0}), out(1);
    ASSERT_EQ(launch_kernel(spin_kernel, 1, 64, 0, nullptr, flag.data(), out.data()), cudaSuccess);
    EXPECT_EQ(out.read()[0], 7);
  }
}

void deep_kernel(int* out) {
  volatile char local[100000];  // of the 256 KiB that a thread has
  local[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = local[threadIdx.x];
}

TEST_F(SchedulerTest, ThreadsHaveStacksOfTheirOwn) {
  DeviceBuffer<int> out(64);
  ASSERT_EQ(launch_kernel(deep_kernel, 1, 64, 0, nullptr, out.data()), cudaSuccess);
  EXPECT_EQ(out.read(), std::vector<int>(64, 1));
}

// A struct by value, a kernel template, a block of the greatest size.
struct Params {
  const float* from;
  float* to;
  float scale[40];
};
template <int kStride>
void params_kernel(const Params p) {
  unsigned i = threadIdx.x * kStride;
  p.to[i] = p.from[i] * p.scale[i % 40];
}

TEST_F(SchedulerTest, ArgumentsAreCopiedAtTheLaunch) {
  std::vector<float> values(1024);
  for (int i = 0; i < 1024; i++) values[i] = static_cast<float>(i);
  DeviceBuffer<float> from(values), to(1024);
  Params p{from.data(), to.data(), {}};
  for (int i = 0; i < 40; i++) p.scale[i] = static_cast<float>(i);
  ASSERT_EQ(launch_kernel(params_kernel<1>, 1, 1024, 0, nullptr, p), cudaSuccess);
  p = {};
  auto result = to.read();
  for (int i = 0; i < 1024; i++) EXPECT_EQ(result[i], values[i] * static_cast<float>(i % 40));
}

TEST_F(SchedulerTest, CountsWhatItDoes) {
  Statistics before = statistics();
  tickets(1);
  Statistics after = statistics();
  EXPECT_EQ(after.blocks - before.blocks, 3u);
  EXPECT_EQ(after.threads - before.threads, 3u * 64u);
  EXPECT_EQ(after.barriers - before.barriers, 3u);
  EXPECT_GT(after.switches, before.switches);
}

// Any thread of the process may launch and wait.
TEST_F(SchedulerTest, ManyHostThreads) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int n = 0; n < 4; n++) {
    threads.emplace_back([n, &wrong] {
      Stream stream;
      for (int round = 0; round < 20; round++) {
        DeviceBuffer<float> x(std::vector<float>(100, static_cast<float>(n))), y(100);
        affine(stream, x.data(), y.data(), 100, 2, static_cast<float>(round));
        cudaStreamSynchronize(stream);
        wrong[n] += y.read() != std::vector<float>(100, static_cast<float>(2 * n + round));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace simt
