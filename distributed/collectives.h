#pragma once
// What the modules libtrm_mpi and libtrm_nccl implement and export.
#include <cstdint>
#include <memory>
#include <string>

#include "device/tensor.h"

namespace trm {

/// An engine behind Communicator's tensors: the same calls, checked.
class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual void sum(const Tensor& values) = 0;
  virtual void broadcast(const Tensor& values, int root) = 0;
  virtual void gather(const Tensor& mine, const Tensor& all) = 0;
  /// See Communicator::agree_soon.
  virtual int64_t agree_soon(int64_t mine) = 0;
  /// "MPI (Open MPI 4.1.4)": transport and version, and what is known of the interface.
  virtual std::string description() const = 0;
};

/// Processes that MPI started.
class MpiModule {
 public:
  virtual ~MpiModule() = default;
  /// MPI_Init; before anything else here. Throws DistributedError.
  virtual void start() = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// What rank 0 says, on all.
  virtual std::string share(const std::string& text) = 0;
  virtual std::unique_ptr<Collectives> collectives() = 0;
  /// MPI_Finalize, when all are done.
  virtual void finish() = 0;
};
using MpiEntry = MpiModule* (*)();
inline constexpr const char* mpi_entry_name = "trm_mpi";

class NcclModule {
 public:
  virtual ~NcclModule() = default;
  /// Of the first rank, for all. `deterministic`: see collectives().
  virtual std::string new_id(bool deterministic) = 0;
  /// What tells one GPU of a machine from another: its PCI bus id.
  virtual std::string gpu(Device device) = 0;
  /// All ranks call it together. `deterministic`: ring, simple protocol, no NVLS. Throws DistributedError.
  virtual std::unique_ptr<Collectives> collectives(const std::string& id, int rank, int size, Device device,
                                                   bool deterministic) = 0;
};
using NcclEntry = NcclModule* (*)();
inline constexpr const char* nccl_entry_name = "trm_nccl";

/// The modules, opened at first use. Throw DistributedError saying why there is none, and what to install.
MpiModule& mpi_module();
NcclModule& nccl_module();

}  // namespace trm
