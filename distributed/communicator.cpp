#include "distributed/communicator.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "distributed/rows.h"

namespace trm {
namespace {

class SingleProcess final : public Communicator {
 public:
  SingleProcess() : Communicator(0, 1) {}
  void sum(const Tensor&, const char*) override {}
  void broadcast(const Tensor&, int, const char*) override {}
  void gather(const Tensor& mine, const Tensor& all, const char*) override { all.copy_from(mine); }
  std::vector<std::string> gather_texts(const std::string& mine, const char*) override { return {mine}; }
  int64_t agree(int64_t mine, const char*) override { return mine; }
};

}  // namespace

int64_t Communicator::agree(int64_t mine, const char* what) {
  int64_t largest = mine;
  for (const std::string& text : gather_texts(std::to_string(mine), what))
    largest = std::max<int64_t>(largest, std::stoll(text));
  return largest;
}

std::unique_ptr<Communicator> single_process() { return std::make_unique<SingleProcess>(); }

std::string shared_text(Communicator& communicator, const std::string& text, const char* what) {
  return communicator.gather_texts(communicator.first() ? text : "", what).front();
}

RowRange rows_of(int rank, int size, int64_t total) {
  if (total % size != 0)
    throw std::runtime_error("global_batch_size " + std::to_string(total) + " is not divisible by the " +
                             std::to_string(size) + " processes that share its rows: choose a multiple of " +
                             std::to_string(size) + ", or another number of processes");
  return {rank * (total / size), total / size, total};
}

}  // namespace trm
