#pragma once
#include <cuda_runtime.h>

#include <functional>
#include <memory>

#include "device/backend.h"

namespace trm::cuda {

/// Records what `work` enqueues on `stream`; nothing executes. Work that waits for the device, or allocates on it
/// outside an arena, fails here.
std::unique_ptr<Graph> capture_graph(cudaStream_t stream, const std::function<void()>& work);

}  // namespace trm::cuda
