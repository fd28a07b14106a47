#pragma once
// One run in several processes: starting them, and what they must agree on before the first step.
#include <memory>
#include <optional>
#include <string>

#include "distributed/communicator.h"
#include "distributed/launch.h"
#include "pretrain/command_line.h"
#include "pretrain/resuming.h"
#include "pretrain/training_data.h"

namespace trm {

/// --nproc-per-node, where no launcher has started this process: starts the others, and returns their exit status, or
/// does not return. Nothing where there are none to start.
std::optional<int> start_processes(const CommandLine& line, const std::string& program);

/// Which process this is. Ranks but the first speak only of errors from here on, and every error says whose it is.
/// `chosen` decides what is possible: nothing on the accelerator, and on cpu torchrun's processes become mpirun's; then
/// rank 0 does not return, and the others end.
Launch find_process(const CommandLine& line, Device chosen, const std::string& program);

/// The GPU of a rank, where the user named none: its local rank, modulo those that are visible.
Device device_of(const Launch& launch, Device chosen, const CommandLine& line);

/// Throws DistributedError as join() does, also where configuration, data or program are not those of the first rank.
std::unique_ptr<Communicator> join_others(const CommandLine& line, const Launch& launch, Device device,
                                          const Settings& settings, const TrainingData& data);

/// The first rank's plan: the others write nothing, and resume from what it resumes from.
RunPlan plan_together(Communicator& communicator, const Settings& settings, const DataMetadata& data);

/// "rank 1 (host): " where errors are to have it, else "".
std::string process_name();

}  // namespace trm
