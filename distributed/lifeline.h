#pragma once
// How the processes of a run find each other, exchange a few words, and notice that one of them is gone.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "distributed/launch.h"
#include "distributed/socket.h"

namespace trm {

/// What must be alike on all ranks: names and texts, compared line by line ("configuration", "data").
using Fingerprint = std::vector<std::pair<std::string, std::string>>;

/// A connection of every rank with rank 0 and a thread that watches it. Each side says every second where it is; who
/// closes without a word, is silent, or stays behind the others' collectives, is lost: then all ranks end.
class Lifeline {
 public:
  struct Options {
    double deadline = 300;  // seconds for all ranks to come
    double silence = 45;    // seconds without a word, or behind the others, after which a rank is lost
    /// Ends the process; called from the watching thread. `speaks`: it is for this process to tell the user.
    std::function<void(const std::string& message, bool speaks)> lost;
  };

  /// Deadlines from TRM_JOIN_TIMEOUT and TRM_RANK_TIMEOUT (seconds) where they are set.
  static Options options_of_environment();

  /// Waits for all ranks. Throws DistributedError naming the ranks that are missing, or what is not alike.
  /// `listener`: of rank 0, where it has one already; else it listens on launch.port.
  static std::unique_ptr<Lifeline> join(const Launch& launch, const Fingerprint& fingerprint, Options options,
                                        std::optional<Socket> listener = std::nullopt);

  /// Without finish(), this process failed: the others are told, and end too.
  ~Lifeline();

  const std::vector<std::string>& hosts() const { return hosts_; }
  /// Everybody's text, by rank.
  std::vector<std::string> gather(const std::string& mine);
  /// Waits for all, and takes leave: from here nobody is missed.
  void finish();

  void at_step(int64_t step) { step_ = step; }
  /// Around a collective. `what`: a literal.
  void enter(const char* what) {
    what_ = what;
    ++entered_;
  }
  void leave() { what_ = nullptr; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Peer {
    int rank = 0;
    Socket socket;
    Clock::time_point heard;
    int64_t step = 0, entered = 0;
    std::string what;
    bool left = false;
    std::deque<std::string> texts;
  };

  Lifeline(const Launch& launch, Options options);
  void gather_all(Socket& listener, const Fingerprint& fingerprint);
  void find_first(const Fingerprint& fingerprint);
  void start();
  void watch();
  bool take(Peer& peer);
  void beat();
  void check_silence();
  void check_stragglers();
  void lose(int rank, const std::string& how);
  void end_all(const std::string& message, bool speaks);
  std::string name_of(int rank) const;
  bool speaks_for_lost_first() const;

  Launch launch_;
  Options options_;
  std::vector<std::string> hosts_;
  std::vector<Peer> peers_;  // of rank 0: all others; of others: rank 0

  std::mutex mutex_;  // of peers' sockets and texts
  std::condition_variable news_;
  std::atomic<int64_t> step_{0}, entered_{0};
  std::atomic<const char*> what_{nullptr};
  std::atomic<bool> ending_{false}, finished_{false};
  int64_t least_entered_ = 0, most_entered_ = 0;
  Clock::time_point moved_;
  std::thread thread_;
};

/// "configuration differs: global_batch_size: 8 on rank 0, global_batch_size: 4 on rank 1"; empty where all is alike.
std::string difference(const Fingerprint& first, const Fingerprint& other, int rank);

}  // namespace trm
