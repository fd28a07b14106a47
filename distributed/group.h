#pragma once
#include <functional>
#include <memory>
#include <string>

#include "distributed/communicator.h"
#include "distributed/launch.h"
#include "distributed/lifeline.h"

namespace trm {

struct JoinOptions {
  Fingerprint fingerprint;    // what must be alike: configuration, data, program
  bool deterministic = true;  // NCCL: ring, simple protocol, no NVLS: equal bits for the same number of processes
  /// Where another rank is lost: ends this process, after telling the user where `speaks`.
  std::function<void(const std::string& message, bool speaks)> lost;
};

/// Brings the processes of a launch together on their devices: MPI on cpu, NCCL on cuda. Says by what, and how they
/// meet. Throws DistributedError where a rank is missing or does not fit, two have one GPU, or an engine is not
/// installed. One process: single_process().
std::unique_ptr<Communicator> join(const Launch& launch, Device device, JoinOptions options);

}  // namespace trm
