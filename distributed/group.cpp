#include "distributed/group.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "device/messages.h"
#include "distributed/collectives.h"
#include "distributed/error.h"

namespace trm {
namespace {

using nlohmann::json;

class Group final : public Communicator {
 public:
  Group(const Launch& launch, std::unique_ptr<Lifeline> line, std::unique_ptr<Collectives> engine, MpiModule* mpi)
      : Communicator(launch.rank, launch.world_size), line_(std::move(line)), engine_(std::move(engine)), mpi_(mpi) {}

  /// Without finish() this process failed: the others hear of it, and what the engine waits for may never come.
  ~Group() override {
    if (finished_) return;
    line_.reset();
    (void)engine_.release();
  }

  void sum(const Tensor& values, const char* what) override {
    require(values, DType::float32, what);
    in(what, [&] { engine_->sum(values); });
  }
  void broadcast(const Tensor& values, int root, const char* what) override {
    in(what, [&] { engine_->broadcast(values, root); });
  }
  void gather(const Tensor& mine, const Tensor& all, const char* what) override {
    if (all.bytes() != mine.bytes() * static_cast<size_t>(size()) || all.dtype() != mine.dtype())
      throw DistributedError(std::string(what) + ": " + describe(mine) + " of " + std::to_string(size()) +
                             " processes do not fit " + describe(all));
    in(what, [&] { engine_->gather(mine, all); });
  }
  std::vector<std::string> gather_texts(const std::string& mine, const char*) override { return line_->gather(mine); }
  int64_t agree_soon(int64_t mine, const char* what) override {
    int64_t answer = 0;
    in(what, [&] { answer = engine_->agree_soon(mine); });
    return answer;
  }
  void at_step(int64_t step) override { line_->at_step(step); }
  void finish() override {
    line_->finish();
    engine_.reset();
    if (mpi_) mpi_->finish();
    finished_ = true;
  }

 private:
  template <class Work>
  void in(const char* what, Work work) {
    line_->enter(what);
    work();
    line_->leave();
  }
  static void require(const Tensor& tensor, DType dtype, const char* what) {
    if (tensor.dtype() != dtype)
      throw DistributedError(std::string(what) + ": " + describe(tensor) + " cannot be summed, only " +
                             std::string(name_of(dtype)));
  }

  std::unique_ptr<Lifeline> line_;
  std::unique_ptr<Collectives> engine_;
  MpiModule* mpi_;
  bool finished_ = false;
};

/// Where this machine may be reached: its name, then its addresses.
std::vector<std::string> places() {
  std::vector<std::string> all{host_name()};
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return all;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> keeper(list, ::freeifaddrs);
  for (const ifaddrs* one = list; one; one = one->ifa_next) {
    if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) || (one->ifa_flags & IFF_LOOPBACK)) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (one->ifa_addr->sa_family == AF_INET)
      ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof text);
    else if (one->ifa_addr->sa_family == AF_INET6 &&
             !IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<sockaddr_in6*>(one->ifa_addr)->sin6_addr))
      ::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(one->ifa_addr)->sin6_addr, text, sizeof text);
    if (*text) all.emplace_back(text);
  }
  return all;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : ",") + part;
  return all;
}

/// MPI, where it started this process; null where it cannot be had and is not needed.
MpiModule* start_mpi(const Launch& launch, bool needed) {
  try {
    MpiModule& mpi = mpi_module();
    mpi.start();
    if (mpi.size() == launch.world_size && mpi.rank() == launch.rank) return &mpi;
    throw DistributedError("the launcher told of rank " + std::to_string(launch.rank) + " of " +
                           std::to_string(launch.world_size) + ", MPI of rank " + std::to_string(mpi.rank()) + " of " +
                           std::to_string(mpi.size()) + ": start with the mpirun of the " +
                           mpi.collectives()->description() +
                           " that this program was built with (with Slurm: srun --mpi=pmix)");
  } catch (const DistributedError&) {
    if (needed || launch.master.empty()) throw;
    return nullptr;
  }
}

/// Rank 0 listens on a free port, and MPI tells the others where.
std::unique_ptr<Lifeline> meet_by_mpi(MpiModule& mpi, Launch launch, const Fingerprint& fingerprint,
                                      const Lifeline::Options& options) {
  std::optional<Socket> listener;
  std::string told;
  if (launch.rank == 0) {
    std::string why;
    listener = Socket::listen(0, why);
    if (listener)
      told = json{{"places", places()}, {"port", listener->port()}, {"run", std::to_string(std::random_device{}())}}
                 .dump();
    mpi.share(told);
    if (!listener) throw DistributedError("rank 0 cannot listen on any port: " + why);
  } else {
    told = mpi.share("");
    if (told.empty()) throw DistributedError("rank 0 cannot listen on any port");
  }
  const json place = json::parse(told);
  auto hosts = place.at("places").get<std::vector<std::string>>();
  if (hosts.front() == host_name()) hosts.insert(hosts.begin(), "127.0.0.1");
  launch.master = joined(hosts);
  launch.port = place.at("port");
  launch.port_near = false;
  launch.run = place.at("run");
  return Lifeline::join(launch, fingerprint, options, std::move(listener));
}

void refuse_one_gpu_for_two(Lifeline& line, const std::string& gpu) {
  std::map<std::string, size_t> taken;
  const auto all = line.gather(gpu);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const auto [there, fresh] = taken.try_emplace(line.hosts()[rank] + " " + all[rank], rank);
    if (!fresh)
      throw DistributedError("ranks " + std::to_string(there->second) + " and " + std::to_string(rank) +
                             " are on one GPU, " + all[rank] + " of " + line.hosts()[rank] +
                             ": start no more processes on a machine than it has GPUs, and let each see its own "
                             "(CUDA_VISIBLE_DEVICES)");
  }
}

std::string hosts_text(const std::vector<std::string>& hosts) {
  std::map<std::string, int> counts;
  for (const std::string& host : hosts) ++counts[host];
  std::string text;
  for (const auto& [host, count] : counts) text += (text.empty() ? "" : ", ") + host + ": " + std::to_string(count);
  return text;
}

}  // namespace

std::unique_ptr<Communicator> join(const Launch& launch, Device device, JoinOptions options) {
  if (!launch.several()) return single_process();
  refuse_launchers(device.kind, true);
  const bool cuda = device.kind == DeviceKind::cuda;
  const bool by_mpi = launch.by == Launch::By::open_mpi || launch.by == Launch::By::mpi;
  if (!cuda && !by_mpi && launch.by != Launch::By::slurm)
    throw DistributedError("on cpu, processes are brought together by MPI: start with mpirun -n " +
                           std::to_string(launch.world_size) + ", or --nproc-per-node");
  NcclModule* nccl = cuda ? &nccl_module() : nullptr;  // said before anybody waits
  MpiModule* mpi = by_mpi || !cuda ? start_mpi(launch, !cuda) : nullptr;

  Lifeline::Options line_options = Lifeline::options_of_environment();
  line_options.lost = std::move(options.lost);
  options.fingerprint.emplace_back("device", cuda ? "cuda" : "cpu");
  std::unique_ptr<Lifeline> line = mpi ? meet_by_mpi(*mpi, launch, options.fingerprint, line_options)
                                       : Lifeline::join(launch, options.fingerprint, line_options);
  std::unique_ptr<Collectives> engine;
  if (cuda) {
    refuse_one_gpu_for_two(*line, nccl->gpu(device));
    const std::string mine = launch.rank == 0 ? nccl->new_id(options.deterministic) : "";
    const std::string id = mpi ? mpi->share(mine) : line->gather(mine).front();
    engine = nccl->collectives(id, launch.rank, launch.world_size, device, options.deterministic);
  } else {
    engine = mpi->collectives();
  }
  tell(MessageKind::note, "Distributed: " + std::to_string(launch.world_size) + " processes (" +
                              hosts_text(line->hosts()) + "), " + to_string(launch) + "; " + engine->description());
  return std::make_unique<Group>(launch, std::move(line), std::move(engine), mpi);
}

}  // namespace trm
