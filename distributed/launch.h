#pragma once
// Which process of how many this one is, by the command line or by what a launcher put into the environment.
#include <optional>
#include <string>

#include "device/device.h"

namespace trm {

/// What the command line says: --rank --world-size --local-rank --master HOST:PORT --nproc-per-node.
struct LaunchFlags {
  std::optional<int> rank, world_size, local_rank, processes;
  std::optional<std::string> master;
};

struct Launch {
  enum class By { nobody, flags, torchrun, open_mpi, mpi, slurm };

  By by = By::nobody;
  int rank = 0, world_size = 1, local_rank = 0;
  int local_size = 0;  // processes on this machine; 0: not known
  std::string master;  // where rank 0 listens: host name or address, or several with commas between; empty: not known
  int port = 0;        // of the master
  bool port_near = false;  // the port may be taken: rank 0 listens on the first free one of a few from there on
  std::string run;         // the same for all processes of this run, another for others: their handshake compares it

  bool several() const { return world_size > 1; }
};

/// In this order: flags; RANK, WORLD_SIZE, LOCAL_RANK (torchrun); OMPI_COMM_WORLD_*; PMI_RANK, PMI_SIZE; SLURM_PROCID
/// in a step of several tasks; else one process. Throws DistributedError naming a variable or flag that is no number,
/// out of range, or alone where others belong to it.
Launch find_launch(const LaunchFlags& flags);

/// "rank 1 of 4 (local rank 1), by torchrun's RANK, WORLD_SIZE, LOCAL_RANK"
std::string to_string(const Launch& launch);

/// A launcher's rank variable that is in the environment ("LOCAL_RANK"), or empty.
std::string launcher_variable();

/// Throws DistributedError on the accelerator, where `several` or a launcher's variable asks for processes.
void refuse_launchers(DeviceKind kind, bool several);

/// The first host of a Slurm list: "node[07-09,12],other" is "node07".
std::string first_host(const std::string& list);

}  // namespace trm
