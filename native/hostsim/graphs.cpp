// Capture of streams into graphs, and their replay.
#include <algorithm>
#include <map>

#include "runtime.h"

struct CUgraph_st {
  std::shared_ptr<const std::vector<simt::GraphNode>> nodes;
};

struct CUgraphExec_st {
  std::shared_ptr<const std::vector<simt::GraphNode>> nodes;
  simt::Ticket last;  // its launches come one after the other
};

namespace simt {

namespace {

std::set<cudaGraph_t>& graphs() {
  static std::set<cudaGraph_t>& instance = *new std::set<cudaGraph_t>;
  return instance;
}
std::set<cudaGraphExec_t>& execs() {
  static std::set<cudaGraphExec_t>& instance = *new std::set<cudaGraphExec_t>;
  return instance;
}

// Whether everything captured comes before `tail`.
bool all_joined(const std::vector<GraphNode>& nodes, std::vector<size_t> tail) {
  std::vector<bool> seen(nodes.size(), false);
  size_t count = 0;
  while (!tail.empty()) {
    size_t node = tail.back();
    tail.pop_back();
    if (seen[node]) continue;
    seen[node] = true;
    count++;
    tail.insert(tail.end(), nodes[node].after.begin(), nodes[node].after.end());
  }
  return count == nodes.size();
}

}  // namespace

std::shared_ptr<Replay> start_replay(std::shared_ptr<const std::vector<GraphNode>> nodes) {
  auto replay = std::make_shared<Replay>();
  size_t count = nodes->size();
  replay->remaining = count;
  replay->pending_count.resize(count);
  replay->followers.resize(count);
  for (size_t i = 0; i < count; i++) {
    const GraphNode& node = (*nodes)[i];
    replay->pending_count[i] = node.after.size();
    for (size_t before : node.after) replay->followers[before].push_back(i);
    if (node.after.empty()) replay->ready.push_back(i);
  }
  replay->nodes = std::move(nodes);
  return replay;
}

}  // namespace simt

using simt::Call;
using simt::StreamRef;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  Call call("cudaStreamBeginCapture");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (!stream) return call.fail(cudaErrorStreamCaptureUnsupported);
  if (target->capture) return call.fail(cudaErrorIllegalState);
  target->capture = std::make_shared<simt::Capture>();
  target->capture->origin = target.get();
  target->capture->mode = mode;
  target->capture->thread = std::this_thread::get_id();
  target->capture_tail.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  Call call("cudaStreamEndCapture");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (!graph) return call.fail(cudaErrorInvalidValue);
  *graph = nullptr;
  simt::CaptureRef capture = target->capture;
  if (!capture) return call.fail(cudaErrorIllegalState);
  if (capture->origin != target.get()) return call.fail(cudaErrorStreamCaptureUnmatched);
  if (capture->mode != cudaStreamCaptureModeRelaxed &&
      capture->thread != std::this_thread::get_id()) {
    return call.fail(cudaErrorStreamCaptureWrongThread);
  }
  for (const StreamRef& s : simt::streams()) {
    if (s->capture == capture) s->capture = nullptr;
  }
  if (capture->invalid) return call.fail(cudaErrorStreamCaptureInvalidated);
  if (!simt::all_joined(capture->nodes, target->capture_tail)) {
    return call.fail(cudaErrorStreamCaptureUnjoined);
  }
  *graph = new CUgraph_st{
      std::make_shared<const std::vector<simt::GraphNode>>(std::move(capture->nodes))};
  simt::graphs().insert(*graph);
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  Call call("cudaStreamIsCapturing");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (!status) return call.fail(cudaErrorInvalidValue);
  *status = !target->capture           ? cudaStreamCaptureStatusNone
            : target->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                       : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

// Only counts: nodes have no handles here.
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  Call call("cudaGraphGetNodes");
  if (call.failed()) return call.error();
  if (!simt::graphs().count(graph) || !count) return call.fail(cudaErrorInvalidValue);
  if (nodes) return call.fail(cudaErrorNotSupported);
  *count = graph->nodes->size();
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long) {
  Call call("cudaGraphInstantiate");
  if (call.failed()) return call.error();
  if (!exec || !simt::graphs().count(graph)) return call.fail(cudaErrorInvalidValue);
  *exec = new CUgraphExec_st{graph->nodes, {}};
  simt::execs().insert(*exec);
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags) {
  return cudaGraphInstantiateWithFlags(exec, graph, flags);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  Call call("cudaGraphUpload");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (!simt::execs().count(exec)) return call.fail(cudaErrorInvalidValue);
  return call.enqueue(target, {"cudaGraphUpload", {}});
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  Call call("cudaGraphLaunch");
  if (call.failed()) return call.error();
  StreamRef target = call.stream(stream);
  if (!target) return call.fail(cudaErrorInvalidResourceHandle);
  if (!simt::execs().count(exec)) return call.fail(cudaErrorInvalidValue);
  // A graph inside a graph is a thing of CUDA's that nothing here needs.
  if (target->capture) return call.fail(cudaErrorNotSupported);
  simt::Operation launch{
      "cudaGraphLaunch", {}, false, {exec->last}, simt::start_replay(exec->nodes)};
  cudaError_t error = call.enqueue(target, std::move(launch));
  if (error == cudaSuccess) exec->last = simt::last_of(target);
  return error;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  Call call("cudaGraphDestroy");
  if (call.failed()) return call.error();
  if (!simt::graphs().erase(graph)) return call.fail(cudaErrorInvalidValue);
  delete graph;
  return cudaSuccess;
}

// Launches that are queued still run.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  Call call("cudaGraphExecDestroy");
  if (call.failed()) return call.error();
  if (!simt::execs().erase(exec)) return call.fail(cudaErrorInvalidValue);
  delete exec;
  return cudaSuccess;
}
