#pragma once
#include <functional>
#include <string>
#include <vector>

#include "device/device.h"

namespace trm {

/// --nproc-per-node: starts `count` processes of this program on this machine with `arguments` (without argv[0]). On
/// cpu it becomes mpirun, and does not return; on cuda it starts them itself, passes signals on and waits. Returns the
/// exit status: 0 where all ended well. Throws DistributedError where they cannot be started.
int run_processes(int count, DeviceKind kind, const std::string& program, const std::vector<std::string>& arguments);

/// Becomes mpirun -n `count`; does not return. Throws DistributedError where there is no mpirun.
[[noreturn]] void become_mpirun(int count, const std::string& program, const std::vector<std::string>& arguments);

/// What `work` returns in a child process, so that this one opens no device. -1 where it failed.
int in_child(const std::function<int()>& work);

}  // namespace trm
