#include "device/module.h"

#include <dlfcn.h>

#include <filesystem>

#include "distributed/collectives.h"
#include "distributed/error.h"

namespace trm {
namespace {

void* entry_of(const std::string& name, const char* entry, const std::string& purpose, const std::string& cure) {
  const auto path = module_path(name);
  const std::string file = path.filename().string();
  if (!std::filesystem::exists(path))
    throw DistributedError(purpose + ", and this build of trm.cpp has none (" + file + " is not installed): " + cure);
  // MPI's own plug-ins look for its symbols.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!module) throw DistributedError(purpose + ", and it cannot be loaded here: " + dlerror() + "; " + cure);
  void* found = dlsym(module, entry);
  if (!found) throw DistributedError(file + " is no module of this version: it has no " + entry);
  return found;
}

}  // namespace

MpiModule& mpi_module() {
  static MpiModule* module = reinterpret_cast<MpiEntry>(
      entry_of("mpi", mpi_entry_name, "several processes on cpu need MPI",
               "install Open MPI (scripts/install_packages.sh --distributed) and build again"))();
  return *module;
}

NcclModule& nccl_module() {
  static NcclModule* module =
      reinterpret_cast<NcclEntry>(entry_of("nccl", nccl_entry_name, "several processes on cuda need NCCL",
                                           "install NCCL (libnccl2, libnccl-dev) and build again"))();
  return *module;
}

}  // namespace trm
