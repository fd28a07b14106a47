#include "device/cuda/graph.h"

#include "device/cuda/check.h"

namespace trm::cuda {
namespace {

class CudaGraph final : public Graph {
 public:
  CudaGraph(cudaGraphExec_t executable, cudaStream_t stream) : executable_(executable), stream_(stream) {}
  ~CudaGraph() override { (void)cudaGraphExecDestroy(executable_); }
  void replay() override {
    count_launch();
    TRM_CUDA(cudaGraphLaunch(executable_, stream_));
  }

 private:
  cudaGraphExec_t executable_;
  cudaStream_t stream_;
};

}  // namespace

std::unique_ptr<Graph> capture_graph(cudaStream_t stream, const std::function<void()>& work) {
  cudaGraph_t graph = nullptr;
  // Relaxed: the arena may take its first segments while recording.
  TRM_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  try {
    work();
  } catch (...) {
    (void)cudaStreamEndCapture(stream, &graph);
    if (graph) (void)cudaGraphDestroy(graph);
    (void)cudaGetLastError();
    throw;
  }
  TRM_CUDA(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t executable = nullptr;
  const cudaError_t made = cudaGraphInstantiate(&executable, graph, 0);
  (void)cudaGraphDestroy(graph);
  check(made, "cudaGraphInstantiate");
  TRM_CUDA(cudaGraphUpload(executable, stream));
  return std::make_unique<CudaGraph>(executable, stream);
}

}  // namespace trm::cuda
