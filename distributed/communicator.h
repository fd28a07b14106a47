#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/tensor.h"

namespace trm {

/// What the processes of one run say to each other. Data parallel: each process (rank) has the whole model on a device
/// of its own and a share of the rows. Every function here is called by all ranks alike, in the same order. Tensors are
/// contiguous, of the rank's device, and equal in shape and dtype on all ranks; work on them is enqueued as an op's is.
class Communicator {
 public:
  virtual ~Communicator() = default;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool alone() const { return size_ == 1; }
  /// The rank that writes files and speaks to the user.
  bool first() const { return rank_ == 0; }

  /// float32: the sum over all ranks in place of what each had; the same bits on each. `what` is for messages.
  virtual void sum(const Tensor& values, const char* what) = 0;
  /// What `root` has, on all.
  virtual void broadcast(const Tensor& values, int root, const char* what) = 0;
  /// all [size · n, …] = the ranks' mine [n, …], one behind the other.
  virtual void gather(const Tensor& mine, const Tensor& all, const char* what) = 0;

  /// Everybody's text, by rank; waits for all.
  virtual std::vector<std::string> gather_texts(const std::string& mine, const char* what) = 0;
  /// The largest of all ranks' numbers; waits for all.
  virtual int64_t agree(int64_t mine, const char* what);
  /// As agree, but nobody need wait: it may be the answer of a call some calls ago, the same for all ranks (0 before
  /// there is one). For what is asked at every step.
  virtual int64_t agree_soon(int64_t mine, const char* what) { return agree(mine, what); }

  /// The step that training is at, for messages about a rank that is lost.
  virtual void at_step(int64_t) {}
  /// Waits for all, and takes leave. Without it, this process's end is taken for a failure, and all others end.
  virtual void finish() {}

 protected:
  Communicator(int rank, int size) : rank_(rank), size_(size) {}

 private:
  int rank_, size_;
};

/// One process: everything is its own answer.
std::unique_ptr<Communicator> single_process();

/// What the first rank has to say, on all.
std::string shared_text(Communicator& communicator, const std::string& text, const char* what);

}  // namespace trm
