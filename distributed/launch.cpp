#include "distributed/launch.h"

#include <array>
#include <charconv>
#include <cstdlib>

#include "distributed/error.h"

namespace trm {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int number(const std::string& name, const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    throw DistributedError(name + "=" + text + ": a number from 0 on is needed");
  return value;
}

std::optional<int> number(const char* name) {
  const std::string text = variable(name);
  if (text.empty()) return std::nullopt;
  return number(name, text);
}

/// FNV-1a: the same on every machine.
uint32_t hash(const std::string& text) {
  uint32_t value = 2166136261u;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 16777619u;
  return value;
}

void set_master(Launch& launch, const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    throw DistributedError("--master " + text + ": HOST:PORT is needed, the address at which rank 0 can be reached");
  launch.master = text.substr(0, colon);
  if (launch.master.front() == '[' && launch.master.back() == ']')
    launch.master = launch.master.substr(1, launch.master.size() - 2);
  launch.port = number("--master's port", text.substr(colon + 1));
  if (launch.port < 1 || launch.port > 65535) throw DistributedError("--master " + text + ": a port is 1 to 65535");
}

/// A pair of names that belong together: "RANK", "WORLD_SIZE". Empty where neither asks for several processes.
std::optional<Launch> pair(Launch::By by, const char* rank_name, const char* size_name,
                           std::initializer_list<const char*> local_names) {
  const auto rank = number(rank_name), size = number(size_name);
  std::optional<int> local;
  for (const char* name : local_names)
    if (!local) local = number(name);
  if (!rank && !size && !local) return std::nullopt;
  const bool asked = rank.value_or(0) > 0 || size.value_or(1) > 1 || local.value_or(0) > 0;
  if (!asked) return std::nullopt;
  if (!rank || !size)
    throw DistributedError(std::string(rank ? size_name : rank_name) + " is not set, though " +
                           (rank   ? std::string(rank_name) + "=" + std::to_string(*rank)
                            : size ? std::string(size_name) + "=" + std::to_string(*size)
                                   : *local_names.begin() + std::string("=") + std::to_string(*local)) +
                           " is: a launcher sets both; without one, unset it");
  Launch launch;
  launch.by = by;
  launch.rank = *rank;
  launch.world_size = *size;
  launch.local_rank = local.value_or(*rank);
  if (launch.rank >= launch.world_size)
    throw DistributedError(std::string(rank_name) + "=" + std::to_string(launch.rank) + " and " + size_name + "=" +
                           std::to_string(launch.world_size) + ": ranks are 0 to " +
                           std::to_string(launch.world_size - 1));
  return launch;
}

/// MASTER_ADDR and MASTER_PORT, which anybody may set.
void master_of_environment(Launch& launch) {
  launch.master = variable("MASTER_ADDR");
  if (const auto port = number("MASTER_PORT")) launch.port = *port;
}

/// A port that the processes of a job find alike, where nobody said one.
int port_of(const std::string& job) { return 20000 + static_cast<int>(hash(job) % 20000); }

std::optional<Launch> by_flags(const LaunchFlags& flags) {
  if (!flags.rank && !flags.world_size && !flags.local_rank && !flags.master) return std::nullopt;
  if (!flags.rank || !flags.world_size)
    throw DistributedError(std::string(flags.rank ? "--world-size" : "--rank") +
                           " is missing: --rank, --world-size and --master HOST:PORT go together (and --local-rank)");
  Launch launch;
  launch.by = Launch::By::flags;
  launch.rank = *flags.rank;
  launch.world_size = *flags.world_size;
  launch.local_rank = flags.local_rank.value_or(*flags.rank);
  if (launch.world_size < 1 || launch.rank < 0 || launch.rank >= launch.world_size || launch.local_rank < 0)
    throw DistributedError("--rank " + std::to_string(launch.rank) + " --world-size " +
                           std::to_string(launch.world_size) + ": ranks are 0 to one less than their number");
  if (flags.master) set_master(launch, *flags.master);
  launch.run = "flags/" + variable("TRM_RUN_ID");
  if (launch.several() && launch.master.empty())
    throw DistributedError("--master HOST:PORT is missing: the address at which rank 0 can be reached");
  return launch;
}

std::optional<Launch> by_torchrun() {
  auto launch = pair(Launch::By::torchrun, "RANK", "WORLD_SIZE", {"LOCAL_RANK"});
  if (!launch) return launch;
  launch->local_size = number("LOCAL_WORLD_SIZE").value_or(0);
  master_of_environment(*launch);
  if (launch->master.empty() || launch->port == 0)
    throw DistributedError(
        "MASTER_ADDR or MASTER_PORT is not set, though RANK and WORLD_SIZE are: rank 0's address and port");
  // The agent of torchrun listens on MASTER_PORT itself.
  launch->port_near = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (launch->port_near) launch->port = launch->port >= 65500 ? launch->port - 400 : launch->port + 1;
  launch->run = "torchrun/" + variable("TORCHELASTIC_RUN_ID") + "/" + variable("TORCHELASTIC_RESTART_COUNT") + "/" +
                variable("MASTER_PORT") + "/" + variable("TRM_RUN_ID");
  return launch;
}

std::optional<Launch> by_open_mpi() {
  auto launch = pair(Launch::By::open_mpi, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                     {"OMPI_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK"});
  if (!launch) return launch;
  launch->local_size = number("OMPI_COMM_WORLD_LOCAL_SIZE").value_or(0);
  launch->run = "openmpi/" + variable("PMIX_NAMESPACE");
  master_of_environment(*launch);
  if (launch->master.empty() && launch->local_size == launch->world_size) launch->master = "127.0.0.1";
  if (launch->port == 0) {
    launch->port = port_of(launch->run);
    launch->port_near = true;
  }
  return launch;
}

std::optional<Launch> by_pmi() {
  auto launch = pair(Launch::By::mpi, "PMI_RANK", "PMI_SIZE", {"MPI_LOCALRANKID"});
  if (!launch) return launch;
  launch->local_size = number("MPI_LOCALNRANKS").value_or(0);
  launch->run = "pmi/" + variable("PMI_ID_NAME") + variable("HYDI_CONTROL_FD");
  master_of_environment(*launch);
  if (launch->master.empty() && launch->local_size == launch->world_size) launch->master = "127.0.0.1";
  return launch;
}

/// A shell in an allocation is one process: only in a step of several tasks.
std::optional<Launch> by_slurm() {
  const std::string step = variable("SLURM_STEP_ID").empty() ? variable("SLURM_STEPID") : variable("SLURM_STEP_ID");
  if (step.empty() || variable("SLURM_PROCID").empty()) return std::nullopt;
  const char* size = variable("SLURM_STEP_NUM_TASKS").empty() ? "SLURM_NTASKS" : "SLURM_STEP_NUM_TASKS";
  if (number(size).value_or(1) < 2) return std::nullopt;
  auto launch = pair(Launch::By::slurm, "SLURM_PROCID", size, {"SLURM_LOCALID"});
  if (!launch) return launch;
  const std::string job = variable("SLURM_JOB_ID") + "." + step;
  launch->run = "slurm/" + job;
  master_of_environment(*launch);
  if (launch->master.empty())
    launch->master = first_host(variable("SLURM_STEP_NODELIST").empty() ? variable("SLURM_JOB_NODELIST")
                                                                        : variable("SLURM_STEP_NODELIST"));
  if (launch->port == 0) {
    launch->port = port_of(job);
    launch->port_near = true;
  }
  return launch;
}

}  // namespace

Launch find_launch(const LaunchFlags& flags) {
  if (auto launch = by_flags(flags)) return *launch;
  if (auto launch = by_torchrun()) return *launch;
  if (auto launch = by_open_mpi()) return *launch;
  if (auto launch = by_pmi()) return *launch;
  if (auto launch = by_slurm()) return *launch;
  return {};
}

std::string to_string(const Launch& launch) {
  const auto by = [&] {
    switch (launch.by) {
      case Launch::By::flags:
        return "--rank and --world-size";
      case Launch::By::torchrun:
        return "RANK and WORLD_SIZE (torchrun)";
      case Launch::By::open_mpi:
        return "OMPI_COMM_WORLD_RANK and _SIZE (mpirun)";
      case Launch::By::mpi:
        return "PMI_RANK and PMI_SIZE (mpirun)";
      case Launch::By::slurm:
        return "SLURM_PROCID and SLURM_NTASKS (srun)";
      default:
        return "nobody";
    }
  }();
  return "rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.world_size) + " (local rank " +
         std::to_string(launch.local_rank) + "), told by " + by;
}

std::string launcher_variable() {
  constexpr std::array names{"LOCAL_RANK",
                             "RANK",
                             "OMPI_COMM_WORLD_LOCAL_RANK",
                             "OMPI_COMM_WORLD_RANK",
                             "MV2_COMM_WORLD_LOCAL_RANK",
                             "MPI_LOCALRANKID",
                             "PMI_RANK",
                             "PMIX_RANK"};
  for (const char* name : names)
    if (!variable(name).empty()) return name;
  return "";
}

void refuse_launchers(DeviceKind kind, bool several) {
  if (kind == DeviceKind::accelerator && (several || !launcher_variable().empty()))
    throw DistributedError(
        "Distributed training is not supported on the accelerator. Run a single process, or use CUDA for several "
        "GPUs.");
}

std::string first_host(const std::string& list) {
  const size_t end = list.find_first_of(",[");
  std::string host = list.substr(0, end);
  if (end == std::string::npos || list[end] == ',') return host;
  const size_t close = list.find(']', end);
  const std::string inside = list.substr(end + 1, close - end - 1);
  host += inside.substr(0, inside.find_first_of(",-"));
  if (close == std::string::npos) return host;
  const std::string behind = list.substr(close + 1);
  return host + behind.substr(0, behind.find(','));
}

}  // namespace trm
