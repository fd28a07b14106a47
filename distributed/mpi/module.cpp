// libtrm_mpi: sums and gathers of host memory by whatever MPI it was built with.
#include <mpi.h>

#include <algorithm>
#include <limits>
#include <string>

#include "distributed/collectives.h"
#include "distributed/error.h"

namespace trm {
namespace {

/// Counts are int: longer tensors go in parts.
constexpr int64_t most_at_once = int64_t{1} << 28;

void check(int result, const char* what) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw DistributedError(std::string(what) + " failed: " + std::string(text, static_cast<size_t>(length)));
}

void require_host(const Tensor& tensor) {
  if (tensor.device().kind != DeviceKind::cpu)
    throw DistributedError("MPI sums host memory here, got " + describe(tensor));
}

class MpiCollectives final : public Collectives {
 public:
  void sum(const Tensor& values) override {
    require_host(values);
    auto* data = values.data<float>();
    for (int64_t first = 0; first < values.elements(); first += most_at_once)
      check(MPI_Allreduce(MPI_IN_PLACE, data + first, count(values.elements() - first), MPI_FLOAT, MPI_SUM,
                          MPI_COMM_WORLD),
            "MPI_Allreduce");
  }
  void broadcast(const Tensor& values, int root) override {
    require_host(values);
    auto* data = static_cast<char*>(values.address());
    const auto bytes = static_cast<int64_t>(values.bytes());
    for (int64_t first = 0; first < bytes; first += most_at_once)
      check(MPI_Bcast(data + first, count(bytes - first), MPI_BYTE, root, MPI_COMM_WORLD), "MPI_Bcast");
  }
  void gather(const Tensor& mine, const Tensor& all) override {
    require_host(mine);
    if (static_cast<int64_t>(mine.bytes()) > most_at_once)
      throw DistributedError("rows of " + std::to_string(mine.bytes()) + " bytes are too many for one MPI_Allgather");
    const int bytes = static_cast<int>(mine.bytes());
    check(MPI_Allgather(mine.address(), bytes, MPI_BYTE, all.address(), bytes, MPI_BYTE, MPI_COMM_WORLD),
          "MPI_Allgather");
  }
  int64_t agree_soon(int64_t mine) override {
    int64_t largest = mine;
    check(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD), "MPI_Allreduce");
    return largest;
  }
  std::string description() const override {
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(text, &length);
    const std::string all(text, static_cast<size_t>(length));
    return "MPI (" + all.substr(0, all.find_first_of(",\n")) + ")";
  }

 private:
  static int count(int64_t left) { return static_cast<int>(std::min(left, most_at_once)); }
};

class Module final : public MpiModule {
 public:
  void start() override {
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string share(const std::string& text) override {
    int64_t length = static_cast<int64_t>(text.size());
    check(MPI_Bcast(&length, 1, MPI_INT64_T, 0, MPI_COMM_WORLD), "MPI_Bcast");
    std::string shared = rank_ == 0 ? text : std::string(static_cast<size_t>(length), '\0');
    check(MPI_Bcast(shared.data(), static_cast<int>(length), MPI_CHAR, 0, MPI_COMM_WORLD), "MPI_Bcast");
    return shared;
  }
  std::unique_ptr<Collectives> collectives() override { return std::make_unique<MpiCollectives>(); }
  void finish() override { MPI_Finalize(); }

 private:
  int rank_ = 0, size_ = 1;
};

}  // namespace
}  // namespace trm

extern "C" trm::MpiModule* trm_mpi() {
  static auto* module = new trm::Module;  // never destroyed
  return module;
}
