// libtrm_nccl: sums and gathers between GPUs, enqueued on the device's one stream as ops are.
#include <cuda_runtime.h>
#include <nccl.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "device/backend.h"
#include "device/native_stream.h"
#include "distributed/collectives.h"
#include "distributed/error.h"

namespace trm {
namespace {

constexpr const char* hints =
    "; NCCL_DEBUG=INFO tells more, NCCL_SOCKET_IFNAME chooses the network interface, and in a container /dev/shm may "
    "be "
    "too small (docker run --shm-size=1g)";

void check(cudaError_t result, const char* what) {
  if (result != cudaSuccess) throw DistributedError(std::string(what) + " failed: " + cudaGetErrorString(result));
}

void check(ncclResult_t result, const char* what, ncclComm_t comm = nullptr) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  const char* last = ncclGetLastError(comm);
  throw DistributedError(std::string(what) + " failed: " + ncclGetErrorString(result) +
                         (last && *last ? std::string(" (") + last + ")" : "") + hints);
}

/// The user's own choice stands.
void set_default(const char* name, const char* value) { ::setenv(name, value, 0); }

cudaStream_t stream_of(Device device) {
  const auto* backend = dynamic_cast<const NativeStream*>(&Backend::of(device));
  if (!backend) throw DistributedError("NCCL sums memory of GPUs here, got " + to_string(device));
  return static_cast<cudaStream_t>(backend->stream());
}

class NcclCollectives final : public Collectives {
 public:
  NcclCollectives(const std::string& id, int rank, int size, Device device)
      : stream_(stream_of(device)), device_(device) {
    check(cudaSetDevice(device.index), "cudaSetDevice");
    ncclUniqueId unique{};
    if (id.size() != sizeof unique) throw DistributedError("NCCL's id has " + std::to_string(id.size()) + " bytes");
    std::memcpy(&unique, id.data(), sizeof unique);
    check(ncclCommInitRank(&comm_, size, unique, rank), "ncclCommInitRank");
    check(cudaMalloc(reinterpret_cast<void**>(&asked_), answers * sizeof(int64_t)), "cudaMalloc");
    check(cudaMallocHost(reinterpret_cast<void**>(&answered_), 2 * answers * sizeof(int64_t)), "cudaMallocHost");
    for (cudaEvent_t& event : done_) check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
  }
  /// Only after the last work; a process that fails ends without it.
  ~NcclCollectives() override {
    (void)cudaStreamSynchronize(stream_);
    for (cudaEvent_t event : done_) (void)cudaEventDestroy(event);
    (void)cudaFree(asked_);
    (void)cudaFreeHost(answered_);
    (void)ncclCommDestroy(comm_);
  }

  void sum(const Tensor& values) override {
    check(ncclAllReduce(values.address(), values.address(), static_cast<size_t>(values.elements()), ncclFloat32,
                        ncclSum, comm_, stream_),
          "ncclAllReduce", comm_);
  }
  void broadcast(const Tensor& values, int root) override {
    check(ncclBroadcast(values.address(), values.address(), values.bytes(), ncclUint8, root, comm_, stream_),
          "ncclBroadcast", comm_);
  }
  void gather(const Tensor& mine, const Tensor& all) override {
    check(ncclAllGather(mine.address(), all.address(), mine.bytes(), ncclUint8, comm_, stream_), "ncclAllGather",
          comm_);
  }

  /// The answer of `lag` calls ago, so that the host stays ahead of the device.
  int64_t agree_soon(int64_t mine) override {
    const auto slot = static_cast<size_t>(calls_ % answers);
    int64_t* said = answered_ + slot;
    *said = mine;  // its copy of `answers` calls ago is done: that answer was read
    check(cudaMemcpyAsync(asked_ + slot, said, sizeof(int64_t), cudaMemcpyHostToDevice, stream_), "cudaMemcpyAsync");
    check(ncclAllReduce(asked_ + slot, asked_ + slot, 1, ncclInt64, ncclMax, comm_, stream_), "ncclAllReduce", comm_);
    check(cudaMemcpyAsync(answered_ + answers + slot, asked_ + slot, sizeof(int64_t), cudaMemcpyDeviceToHost, stream_),
          "cudaMemcpyAsync");
    check(cudaEventRecord(done_[slot], stream_), "cudaEventRecord");
    if (++calls_ <= lag) return 0;
    const auto old = static_cast<size_t>((calls_ - 1 - lag) % answers);
    check(cudaEventSynchronize(done_[old]), "cudaEventSynchronize");
    return answered_[answers + old];
  }

  std::string description() const override {
    int version = 0;
    (void)ncclGetVersion(&version);
    const char* interface = std::getenv("NCCL_SOCKET_IFNAME");
    const auto set = [](const char* name) {
      const char* value = std::getenv(name);
      return value ? ", " + std::string(name) + "=" + value : std::string();
    };
    return "NCCL " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100) + " on " + to_string(device_) + set("NCCL_ALGO") + set("NCCL_PROTO") +
           set("NCCL_NVLS_ENABLE") + ", network interface " + (interface ? interface : "of NCCL's choice");
  }

 private:
  static constexpr uint64_t answers = 4, lag = 2;

  ncclComm_t comm_ = nullptr;
  cudaStream_t stream_;
  Device device_;
  int64_t *asked_ = nullptr, *answered_ = nullptr;  // of the device; page-locked: questions, then answers
  std::array<cudaEvent_t, answers> done_{};
  uint64_t calls_ = 0;
};

class Module final : public NcclModule {
 public:
  std::string new_id(bool deterministic) override {
    configure(deterministic);
    ncclUniqueId id{};
    check(ncclGetUniqueId(&id), "ncclGetUniqueId");
    return {reinterpret_cast<const char*>(&id), sizeof id};
  }
  std::string gpu(Device device) override {
    std::array<char, 64> id{};
    check(cudaDeviceGetPCIBusId(id.data(), static_cast<int>(id.size()), device.index), "cudaDeviceGetPCIBusId");
    return id.data();
  }
  std::unique_ptr<Collectives> collectives(const std::string& id, int rank, int size, Device device,
                                           bool deterministic) override {
    configure(deterministic);
    return std::make_unique<NcclCollectives>(id, rank, size, device);
  }

 private:
  /// Before NCCL's first call, which reads the environment.
  static void configure(bool deterministic) {
    if (!deterministic) return;
    set_default("NCCL_ALGO", "Ring");
    set_default("NCCL_PROTO", "Simple");
    set_default("NCCL_NVLS_ENABLE", "0");
  }
};

}  // namespace
}  // namespace trm

extern "C" trm::NcclModule* trm_nccl() {
  static auto* module = new trm::Module;  // never destroyed
  return module;
}
