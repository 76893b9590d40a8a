// Runs a compiled program: the first time step by step, then as one CUDA graph.
#include <cstdlib>

#include "cuda/device.h"

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define DN_NVTX 1
#else
#define DN_NVTX 0
#endif

namespace dn::cuda {

namespace {

// A range that profilers show; costs nothing without one.
class Range {
 public:
#if DN_NVTX
  explicit Range(const char* name) {
    nvtxRangePushA(name);
  }
  ~Range() {
    nvtxRangePop();
  }
#else
  explicit Range(const char*) {}
#endif
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

std::string label(const Step& step) {
  return text("operator '", step.name, "' (kernel ", step.kernel, ", ", step.shape, ")");
}

class CudaRunner final : public Runner {
 public:
  CudaRunner(CudaDevice& device, const std::vector<Step>& steps)
      : device_(device), steps_(steps), check_steps_(std::getenv("DEEPNATIVE_CHECK_STEPS")) {}

  ~CudaRunner() override {
    ignore(cudaSetDevice(device_.index()));
    if (graph_) ignore(cudaGraphExecDestroy(graph_));
    for (cudaEvent_t event : events_) ignore(cudaEventDestroy(event));
  }

  void run() override {
    device_.faults().raise();
    if (check_steps_) return run_checked();
    if (!graph_) {
      // What fails always fails here, where it has a name; and kernels are loaded by the driver,
      // which must not happen during a capture.
      run_checked();
      return capture();
    }
    const Range range("program");
    device_.ordered("running a program",
                    [&] { DN_CUDA(cudaGraphLaunch(graph_, device_.stream())); });
  }

  void run_profiled(std::vector<double>& microseconds) override {
    device_.faults().raise();
    device_.ordered("profiling a program", [&] {
      while (events_.size() < steps_.size() + 1) {
        cudaEvent_t event = nullptr;
        DN_CUDA(cudaEventCreate(&event));
        events_.push_back(event);
      }
      DN_CUDA(cudaEventRecord(events_[0], device_.stream()));
    });
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Range range(steps_[i].name.c_str());
      device_.ordered(label(steps_[i]), [&] {
        steps_[i].run();
        DN_CUDA(cudaEventRecord(events_[i + 1], device_.stream()));
      });
    }
    device_.wait_for_all();
    for (size_t i = 0; i < steps_.size(); ++i) {
      float milliseconds = 0;
      DN_CUDA(cudaEventElapsedTime(&milliseconds, events_[i], events_[i + 1]));
      microseconds[i] += 1000.0 * milliseconds;
    }
  }

 private:
  void run_checked() {
    for (const Step& step : steps_) {
      const Range range(step.name.c_str());
      device_.ordered(label(step), [&] {
        step.run();
        DN_CUDA(cudaStreamSynchronize(device_.stream()));
      });
    }
    device_.settle();
  }

  void capture() {
    device_.ordered("capturing a program", [&] {
      cudaStream_t stream = nullptr;
      cudaGraph_t graph = nullptr;
      DN_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
      try {
        DN_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        {
          const CudaDevice::StreamScope scope(device_, stream);
          for (const Step& step : steps_) step.run();
        }
        DN_CUDA(cudaStreamEndCapture(stream, &graph));
        DN_CUDA(cudaGraphInstantiateWithFlags(&graph_, graph, 0));
      } catch (...) {
        if (!graph) ignore(cudaStreamEndCapture(stream, &graph));
        ignore(cudaGetLastError());
        if (graph) ignore(cudaGraphDestroy(graph));
        ignore(cudaStreamDestroy(stream));
        throw;
      }
      ignore(cudaGraphDestroy(graph));
      ignore(cudaStreamDestroy(stream));
      DN_CUDA(cudaGraphUpload(graph_, device_.stream()));
    });
  }

  CudaDevice& device_;
  const std::vector<Step>& steps_;
  bool check_steps_;
  cudaGraphExec_t graph_ = nullptr;
  std::vector<cudaEvent_t> events_;
};

}  // namespace

std::unique_ptr<Runner> make_runner(CudaDevice& device, const std::vector<Step>& steps) {
  return std::make_unique<CudaRunner>(device, steps);
}

}  // namespace dn::cuda
