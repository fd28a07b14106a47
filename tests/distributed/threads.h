#pragma once
// Ranks as threads of the test, on the cpu.
#include <barrier>
#include <cstring>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "distributed/communicator.h"

namespace trm::testing {

/// What the ranks' communicators share.
struct Meeting {
  explicit Meeting(int size) : barrier(size), tensors(static_cast<size_t>(size)), texts(static_cast<size_t>(size)) {}
  std::barrier<> barrier;
  std::vector<Tensor> tensors;
  std::vector<std::string> texts;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(Meeting& meeting, int rank, int size) : Communicator(rank, size), meeting_(meeting) {}

  void sum(const Tensor& values, const char*) override {
    std::vector<float> total(static_cast<size_t>(values.elements()));
    meet(values, [&] {
      for (const Tensor& part : meeting_.tensors)
        for (size_t i = 0; i < total.size(); ++i) total[i] += part.data<float>()[i];
    });
    values.copy_from_host(total.data());
  }
  void broadcast(const Tensor& values, int root, const char*) override {
    meet(values, [&] {
      if (rank() != root) values.copy_from(meeting_.tensors[static_cast<size_t>(root)]);
    });
  }
  void gather(const Tensor& mine, const Tensor& all, const char*) override {
    meet(mine, [&] {
      for (int i = 0; i < size(); ++i)
        all.rows(i * mine.size(0), mine.size(0)).copy_from(meeting_.tensors[static_cast<size_t>(i)]);
    });
  }
  std::vector<std::string> gather_texts(const std::string& mine, const char*) override {
    meeting_.texts[static_cast<size_t>(rank())] = mine;
    meeting_.barrier.arrive_and_wait();
    auto all = meeting_.texts;
    meeting_.barrier.arrive_and_wait();
    return all;
  }

 private:
  void meet(const Tensor& mine, const std::function<void()>& act) {
    meeting_.tensors[static_cast<size_t>(rank())] = mine;
    meeting_.barrier.arrive_and_wait();
    act();
    meeting_.barrier.arrive_and_wait();
  }
  Meeting& meeting_;
};

/// Runs `work` as each of `size` ranks. It must not throw: the others would wait for ever.
inline void as_ranks(int size, const std::function<void(Communicator&)>& work) {
  Meeting meeting(size);
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      ThreadCommunicator communicator(meeting, rank, size);
      work(communicator);
    });
}

}  // namespace trm::testing
