#include "pretrain/processes.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "checkpoint/digest.h"
#include "device/selection.h"
#include "distributed/error.h"
#include "distributed/group.h"
#include "distributed/rows.h"
#include "distributed/socket.h"
#include "distributed/spawn.h"
#include "runtime/programs.h"
#include "settings/stored.h"

namespace trm {
namespace {

std::string& own_name() {
  static std::string name;
  return name;
}

/// Sizes, and so many examples spread over each set: contents of all would take long to read.
constexpr uint64_t examples_compared = 512;

std::string fingerprint_of(const Dataset& dataset) {
  std::string text =
      std::to_string(dataset.examples()) + " examples in " + std::to_string(dataset.groups()) + " groups";
  const auto length = static_cast<size_t>(dataset.metadata().seq_len);
  std::vector<int32_t> row(2 * length + 1);
  for (const ExampleSet& set : dataset.sets()) {
    std::vector<std::byte> contents;
    const uint64_t step = std::max<uint64_t>(1, set.examples() / examples_compared);
    for (uint64_t example = 0; example < set.examples(); example += step) {
      set.read_example(example, {row.data(), length}, {row.data() + length, length});
      row.back() = set.puzzle_identifiers[set.puzzle_of(example)];
      const auto bytes = std::as_bytes(std::span(row));
      contents.insert(contents.end(), bytes.begin(), bytes.end());
    }
    text += "\n" + set.name + " with contents " + std::to_string(checkpoint::hash_bytes(contents));
  }
  return text;
}

/// Without what may be another on each machine.
std::string comparable(Settings settings, const DataMetadata& data) {
  settings.data_paths.clear();
  settings.data_paths_test.clear();
  settings.num_workers.reset();
  settings.pin_memory.reset();
  return to_yaml(settings, data);
}

}  // namespace

std::string process_name() { return own_name(); }

std::optional<int> start_processes(const CommandLine& line, const std::string& program) {
  if (!line.launch.processes || !launcher_variable().empty()) return std::nullopt;
  const int count = *line.launch.processes;
  if (count < 1) throw DistributedError("--nproc-per-node " + std::to_string(count) + ": at least 1 is needed");
  if (count == 1) return std::nullopt;
  // Opened in a child: this process only waits, and takes no memory of a GPU.
  const int kind = in_child([&] { return static_cast<int>(select_device(line.device).device.kind); });
  if (kind < 0) return 1;
  refuse_launchers(static_cast<DeviceKind>(kind), true);
  return run_processes(count, static_cast<DeviceKind>(kind), program, line.arguments);
}

Launch find_process(const CommandLine& line, Device chosen, const std::string& program) {
  refuse_launchers(chosen.kind, false);
  const Launch launch = find_launch(line.launch);
  refuse_launchers(chosen.kind, launch.several());
  if (!launch.several()) {
    if (line.launch.processes.value_or(1) > 1)
      throw DistributedError("--nproc-per-node " + std::to_string(*line.launch.processes) + ", but " +
                             launcher_variable() +
                             " in the environment says that a launcher started this one process: "
                             "unset it");
    return launch;
  }
  own_name() = "rank " + std::to_string(launch.rank) + " (" + host_name() + "): ";
  if (launch.rank > 0) logging::show_from(logging::Level::error);
  if (chosen.kind == DeviceKind::cpu && launch.by == Launch::By::torchrun) {
    if (launch.local_size != launch.world_size)
      throw DistributedError(
          "torchrun on the cpus of several machines is not possible: there, processes are brought together by MPI; "
          "start with mpirun -n " +
          std::to_string(launch.world_size) + " --host HOST,…");
    if (launch.rank > 0) std::exit(0);
    logging::note("torchrun on cpu: its first process becomes mpirun, which starts all " +
                  std::to_string(launch.world_size) + "; its others end");
    become_mpirun(launch.world_size, program, line.arguments);
  }
  if (launch.local_size > 1) share_cores(launch.local_size);
  return launch;
}

Device device_of(const Launch& launch, Device chosen, const CommandLine& line) {
  const char* forced = std::getenv("TRM_DEVICE");
  const std::string named = line.device ? *line.device : forced ? forced : "";
  if (!launch.several() || chosen.kind != DeviceKind::cuda || named.find(':') != std::string::npos) return chosen;
  std::string why_not;
  const auto visible = static_cast<int>(platform_of(DeviceKind::cuda).devices(why_not).size());
  if (visible > 1) chosen.index = launch.local_rank % visible;
  return chosen;
}

std::unique_ptr<Communicator> join_others(const CommandLine& line, const Launch& launch, Device device,
                                          const Settings& settings, const TrainingData& data) {
  if (!launch.several()) return single_process();
  JoinOptions options;
  options.deterministic = line.deterministic;
  options.fingerprint = {{"the program", program_version()},
                         {"the configuration", comparable(settings, data.metadata)},
                         {"the training data", fingerprint_of(*data.train)},
                         {"the test data", data.test ? fingerprint_of(*data.test) : "none"}};
  options.lost = [](const std::string& message, bool speaks) {
    if (speaks) logging::error(message);
    std::_Exit(1);
  };
  return join(launch, device, std::move(options));
}

RunPlan plan_together(Communicator& communicator, const Settings& settings, const DataMetadata& data) {
  if (communicator.alone()) return plan_run(settings, data);
  RunPlan plan;
  if (communicator.first()) {
    (void)rows_of(0, communicator.size(), settings.global_batch_size);  // said once, before anything is written
    plan = plan_run(settings, data);
  }
  const nlohmann::json mine{{"folder", plan.folder.string()}, {"resume", plan.resume ? plan.resume->string() : ""}};
  const auto first = nlohmann::json::parse(shared_text(communicator, mine.dump(), "the plan of the run"));
  plan.folder = first.at("folder").get<std::string>();
  if (const std::string resume = first.at("resume"); !resume.empty()) plan.resume = resume;
  return plan;
}

}  // namespace trm
