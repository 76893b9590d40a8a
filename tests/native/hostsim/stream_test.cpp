// Streams, events, captures, graphs: when queued work runs, in which order, and what is refused.
#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "simulator_test.h"

namespace simt {
namespace {

class StreamTest : public SimulatorTest {
 protected:
  static std::vector<float> filled(float value) { return std::vector<float>(64, value); }
};

void note(void* entry) {
  ++*static_cast<int*>(entry);
}

TEST_F(StreamTest, NothingRunsBeforeSomeoneWaits) {
  Stream stream;
  int calls = 0;
  ASSERT_EQ(cudaLaunchHostFunc(stream, note, &calls), cudaSuccess);
  EXPECT_EQ(calls, 0);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(calls, 1);
}

TEST_F(StreamTest, QueriesLetTimePass) {
  Stream stream;
  Event event;
  EXPECT_EQ(cudaEventQuery(event), cudaSuccess);  // never recorded
  std::vector<int> calls(20);
  for (int& c : calls) ASSERT_EQ(cudaLaunchHostFunc(stream, note, &c), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(event, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);  // not ready is no error
  int queries = 0;
  while (cudaEventQuery(event) == cudaErrorNotReady) queries++;
  EXPECT_GT(queries, 2);
  EXPECT_LT(queries, 21);
  EXPECT_EQ(calls, std::vector<int>(20, 1));
  EXPECT_EQ(cudaStreamQuery(stream), cudaSuccess);
}

TEST_F(StreamTest, AStreamKeepsItsOrder) {
  for (int seed = 1; seed < 10; seed++) {
    set_seed(seed);
    Stream stream;
    DeviceBuffer<float> x(filled(1));
    affine(stream, x.data(), x.data(), 64, 2, 0);
    affine(stream, x.data(), x.data(), 64, 1, 5);
    affine(stream, x.data(), x.data(), 64, 3, 0);
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    EXPECT_EQ(x.read(), filled(21));
  }
}

// Two streams without events: every order is seen.
TEST_F(StreamTest, StreamsTakeTurnsAtRandom) {
  std::set<float> results;
  for (int seed = 1; seed < 40; seed++) {
    set_seed(seed);
    Stream a, b;
    DeviceBuffer<float> x(filled(1));
    affine(a, x.data(), x.data(), 64, 2, 0);
    affine(b, x.data(), x.data(), 64, 1, 5);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    results.insert(x.read()[0]);
  }
  EXPECT_EQ(results, (std::set<float>{7, 12}));
}

// What an event waits for is what was recorded last before the wait.
TEST_F(StreamTest, EventsOrderStreams) {
  for (int seed = 1; seed < 20; seed++) {
    set_seed(seed);
    Stream a, b;
    Event event;
    DeviceBuffer<float> x(filled(1)), y(filled(0));
    ASSERT_EQ(cudaStreamWaitEvent(b, event), cudaSuccess);  // never recorded: no wait
    affine(a, x.data(), x.data(), 64, 2, 0);
    ASSERT_EQ(cudaEventRecord(event, a), cudaSuccess);
    affine(a, x.data(), x.data(), 64, 2, 0);
    ASSERT_EQ(cudaEventRecord(event, a), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(b, event), cudaSuccess);
    affine(b, x.data(), y.data(), 64, 1, 0);
    ASSERT_EQ(cudaStreamSynchronize(b), cudaSuccess);
    EXPECT_EQ(y.read(), filled(4));
  }
}

TEST_F(StreamTest, EventsMeasureTime) {
  Stream stream;
  Event start(cudaEventDefault), end(cudaEventDefault), untimed;
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorInvalidResourceHandle);
  DeviceBuffer<float> x(filled(1));
  ASSERT_EQ(cudaEventRecord(start, stream), cudaSuccess);
  affine(stream, x.data(), x.data(), 64, 2, 0);
  ASSERT_EQ(cudaEventRecord(end, stream), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorNotReady);
  ASSERT_EQ(cudaEventSynchronize(end), cudaSuccess);
  ASSERT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaSuccess);
  EXPECT_GT(milliseconds, 0);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, untimed), cudaErrorInvalidResourceHandle);
}

TEST_F(StreamTest, HandlesAreChecked) {
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&event), cudaSuccess);
  int calls = 0;
  ASSERT_EQ(cudaLaunchHostFunc(stream, note, &calls), cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  ASSERT_EQ(cudaEventDestroy(event), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventRecord(event, nullptr), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventDestroy(event), cudaErrorInvalidResourceHandle);
  // What was queued in the destroyed stream still runs.
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(calls, 1);
}

TEST_F(StreamTest, HostFunctionsMayNotCallTheRuntime) {
  Stream stream;
  cudaError_t error = cudaSuccess;
  cudaLaunchHostFunc(
      stream, [](void* result) { *static_cast<cudaError_t*>(result) = cudaDeviceSynchronize(); },
      &error);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(error, cudaErrorNotPermitted);
}

// A host function may wait for a thread that is about to call the runtime.
TEST_F(StreamTest, HostFunctionsRunWithoutTheRuntimesLock) {
  Stream stream;
  std::atomic<int> state{0};
  std::thread other([&] {
    while (state != 1) std::this_thread::yield();
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, 16), cudaSuccess);
    state = 2;
  });
  cudaLaunchHostFunc(
      stream,
      [](void* argument) {
        auto& shared = *static_cast<std::atomic<int>*>(argument);
        shared = 1;
        while (shared != 2) std::this_thread::yield();
      },
      &state);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  other.join();
  EXPECT_EQ(state, 2);
}

// ---- Capture.

class CaptureTest : public StreamTest {
 protected:
  static cudaError_t begin(cudaStream_t stream,
                           cudaStreamCaptureMode mode = cudaStreamCaptureModeThreadLocal) {
    return cudaStreamBeginCapture(stream, mode);
  }
  static cudaStreamCaptureStatus status(cudaStream_t stream) {
    cudaStreamCaptureStatus result{};
    EXPECT_EQ(cudaStreamIsCapturing(stream, &result), cudaSuccess);
    return result;
  }
};

TEST_F(CaptureTest, AGraphReplaysWithNewData) {
  Stream stream, side;
  Event fork, join;
  DeviceBuffer<float> x(filled(1)), y(filled(0)), z(filled(0));
  int calls = 0;
  ASSERT_EQ(begin(stream), cudaSuccess);
  EXPECT_EQ(status(stream), cudaStreamCaptureStatusActive);
  EXPECT_EQ(status(side), cudaStreamCaptureStatusNone);
  affine(stream, x.data(), x.data(), 64, 2, 0);
  ASSERT_EQ(cudaEventRecord(fork, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(side, fork), cudaSuccess);
  EXPECT_EQ(status(side), cudaStreamCaptureStatusActive);
  affine(stream, x.data(), y.data(), 64, 1, 1);
  affine(side, x.data(), z.data(), 64, 1, 2);
  ASSERT_EQ(cudaLaunchHostFunc(side, note, &calls), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(join, side), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(stream, join), cudaSuccess);
  affine(stream, z.data(), z.data(), 64, 10, 0);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(status(side), cudaStreamCaptureStatusNone);
  EXPECT_EQ(x.read(), filled(1)) << "capturing runs nothing";
  size_t nodes = 0;
  ASSERT_EQ(cudaGraphGetNodes(graph, nullptr, &nodes), cudaSuccess);
  EXPECT_EQ(nodes, 5u);
  cudaGraphExec_t exec = nullptr;
  ASSERT_EQ(cudaGraphInstantiateWithFlags(&exec, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);  // exec does not need it
  float expected = 1;
  for (int round = 1; round <= 10; round++) {
    set_seed(round);
    ASSERT_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    expected *= 2;
    EXPECT_EQ(y.read(), filled(expected + 1));
    EXPECT_EQ(z.read(), filled(10 * (expected + 2)));
    EXPECT_EQ(calls, round);
  }
  ASSERT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  EXPECT_EQ(cudaGraphLaunch(exec, stream), cudaErrorInvalidValue);
}

// Nodes that nothing orders run in any order.
TEST_F(CaptureTest, ReplayIsInARandomTopologicalOrder) {
  Stream stream, side;
  Event fork, join;
  DeviceBuffer<float> x(filled(1));
  ASSERT_EQ(begin(stream), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(fork, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(side, fork), cudaSuccess);
  affine(stream, x.data(), x.data(), 64, 2, 0);
  affine(side, x.data(), x.data(), 64, 1, 5);
  ASSERT_EQ(cudaEventRecord(join, side), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(stream, join), cudaSuccess);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
  std::set<float> results;
  for (int seed = 1; seed < 40; seed++) {
    set_seed(seed);
    std::vector<float> one = filled(1);
    ASSERT_EQ(cudaMemcpy(x.data(), one.data(), 256, cudaMemcpyHostToDevice), cudaSuccess);
    ASSERT_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    results.insert(x.read()[0]);
  }
  EXPECT_EQ(results, (std::set<float>{7, 12}));
  EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(CaptureTest, ForbidsWhatWaits) {
  void* memory = nullptr;
  float host = 0;
  DeviceBuffer<float> x(filled(1));
  struct Case {
    const char* name;
    std::function<cudaError_t(cudaStream_t)> call;
  };
  const Case cases[] = {
      {"cudaStreamSynchronize", [](cudaStream_t s) { return cudaStreamSynchronize(s); }},
      {"cudaStreamQuery", [](cudaStream_t s) { return cudaStreamQuery(s); }},
      {"cudaDeviceSynchronize", [](cudaStream_t) { return cudaDeviceSynchronize(); }},
      {"cudaMalloc", [&](cudaStream_t) { return cudaMalloc(&memory, 16); }},
      {"cudaFree", [&](cudaStream_t) { return cudaFree(x.data()); }},
      {"cudaMallocHost", [&](cudaStream_t) { return cudaMallocHost(&memory, 16); }},
      {"cudaMemcpy",
       [&](cudaStream_t) { return cudaMemcpy(&host, x.data(), 4, cudaMemcpyDeviceToHost); }},
  };
  for (const Case& c : cases) {
    Stream stream;
    ASSERT_EQ(begin(stream), cudaSuccess);
    EXPECT_EQ(c.call(stream), cudaErrorStreamCaptureUnsupported) << c.name;
    EXPECT_EQ(status(stream), cudaStreamCaptureStatusInvalidated) << c.name;
    EXPECT_EQ(affine(stream, x.data(), x.data(), 64, 1, 0), cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated) << c.name;
    EXPECT_EQ(graph, nullptr);
    EXPECT_EQ(status(stream), cudaStreamCaptureStatusNone);
    EXPECT_EQ(affine(stream, x.data(), x.data(), 64, 1, 0), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  }
}

TEST_F(CaptureTest, ModesSayWhomItConcerns) {
  Stream stream;
  void* memory = nullptr;
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(begin(stream, cudaStreamCaptureModeRelaxed), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  auto elsewhere = [&](cudaStreamCaptureMode mode) {
    EXPECT_EQ(begin(stream, mode), cudaSuccess);
    cudaError_t error = cudaSuccess;
    std::thread([&] { error = cudaMalloc(&memory, 16); }).join();
    cudaStreamEndCapture(stream, &graph);
    return error;
  };
  EXPECT_EQ(elsewhere(cudaStreamCaptureModeThreadLocal), cudaSuccess);
  EXPECT_EQ(elsewhere(cudaStreamCaptureModeGlobal), cudaErrorStreamCaptureUnsupported);
}

TEST_F(CaptureTest, IsRefusedWhereItCannotBe) {
  Stream stream, other, blocking(cudaStreamDefault);
  Event outside, inside;
  DeviceBuffer<float> x(filled(1));
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(begin(nullptr), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorIllegalState);

  // Twice; an event from outside.
  ASSERT_EQ(cudaEventRecord(outside, other), cudaSuccess);
  ASSERT_EQ(begin(stream), cudaSuccess);
  EXPECT_EQ(begin(stream), cudaErrorIllegalState);
  EXPECT_EQ(cudaStreamWaitEvent(stream, outside), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);

  // A captured event belongs to its capture; a capture ends in the stream where it began.
  ASSERT_EQ(begin(stream), cudaSuccess);
  affine(stream, x.data(), x.data(), 64, 1, 0);
  ASSERT_EQ(cudaEventRecord(inside, stream), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(inside), cudaErrorCapturedEvent);
  EXPECT_EQ(cudaEventSynchronize(inside), cudaErrorCapturedEvent);
  ASSERT_EQ(cudaStreamWaitEvent(other, inside), cudaSuccess);
  EXPECT_EQ(cudaStreamEndCapture(other, &graph), cudaErrorStreamCaptureUnmatched);
  cudaError_t error = cudaSuccess;
  std::thread([&] { error = cudaStreamEndCapture(stream, &graph); }).join();
  EXPECT_EQ(error, cudaErrorStreamCaptureWrongThread);
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);

  // Two captures may not meet.
  ASSERT_EQ(begin(stream), cudaSuccess);
  ASSERT_EQ(begin(other), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(inside, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(other, inside), cudaErrorStreamCaptureMerge);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaStreamEndCapture(other, &graph), cudaErrorStreamCaptureInvalidated);

  // The null stream would have to wait for a blocking stream that captures.
  ASSERT_EQ(begin(blocking), cudaSuccess);
  EXPECT_EQ(affine(nullptr, x.data(), x.data(), 64, 1, 0), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(cudaStreamEndCapture(blocking, &graph), cudaErrorStreamCaptureInvalidated);
}

// A kernel of a graph that fails stops the rest, and the device.
TEST_F(CaptureTest, AFaultInAGraph) {
  Stream stream;
  DeviceBuffer<float> x(filled(1));
  ASSERT_EQ(begin(stream), cudaSuccess);
  affine(stream, x.data(), x.data(), 64, 2, 0);
  affine(stream, x.data(), x.data(), 64, 2, 0);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
  fail_next("affine", cudaErrorLaunchFailure);
  EXPECT_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaGraphLaunch(exec, stream), cudaErrorLaunchFailure);
  clear_faults();
  EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

}  // namespace
}  // namespace simt
