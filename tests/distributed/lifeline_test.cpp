// Ranks as threads that meet over TCP.
#include "distributed/lifeline.h"

#include <future>

#include "tests/data/folders.h"

namespace trm::testing {
namespace {

using namespace std::chrono_literals;

/// What became of one rank.
struct Rank {
  std::unique_ptr<Lifeline> line;
  std::string error;
};

struct Assembly {
  Fingerprint fingerprint{{"the configuration", "a: 1\nb: 2\n"}};
  double deadline = 20, silence = 20;
  std::mutex mutex;
  std::vector<std::pair<std::string, bool>> lost;
  std::condition_variable told;

  Lifeline::Options options() {
    return {deadline, silence, [this](const std::string& message, bool speaks) {
              const std::lock_guard lock(mutex);
              lost.emplace_back(message, speaks);
              told.notify_all();
            }};
  }
  Launch launch(int rank, int size, int port) {
    Launch l;
    l.by = Launch::By::flags;
    l.rank = rank;
    l.world_size = size;
    l.master = "localhost";
    l.port = port;
    l.run = "a run";
    return l;
  }
  Rank join(const Launch& launch, const Fingerprint& mine, std::optional<Socket> listener = std::nullopt) {
    Rank rank;
    try {
      rank.line = Lifeline::join(launch, mine, options(), std::move(listener));
    } catch (const std::runtime_error& error) {
      rank.error = error.what();
    }
    return rank;
  }
  /// All ranks; `change` may make one different.
  std::vector<Rank> join_all(int size, const std::function<void(Launch&, Fingerprint&)>& change = {}) {
    std::string why;
    auto listener = Socket::listen(0, why);
    EXPECT_TRUE(listener) << why;
    const int port = listener->port();
    std::vector<std::future<Rank>> coming;
    for (int rank = 0; rank < size; ++rank) {
      Launch l = launch(rank, size, port);
      Fingerprint mine = fingerprint;
      if (change) change(l, mine);
      if (l.rank >= l.world_size && l.rank > 0) continue;
      std::optional<Socket> mine_to_listen;
      if (rank == 0) mine_to_listen = std::move(listener);
      coming.push_back(std::async(
          std::launch::async, [this, l, mine, s = std::make_shared<std::optional<Socket>>(std::move(mine_to_listen))] {
            return join(l, mine, std::move(*s));
          }));
    }
    std::vector<Rank> all;
    for (auto& one : coming) all.push_back(one.get());
    return all;
  }
  std::vector<std::pair<std::string, bool>> wait_for_lost(size_t count, std::chrono::seconds most = 20s) {
    std::unique_lock lock(mutex);
    told.wait_for(lock, most, [&] { return lost.size() >= count; });
    return lost;
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Lifeline, RanksMeetAndExchangeTexts) {
  Assembly run;
  auto ranks = run.join_all(4);
  std::vector<std::future<std::vector<std::string>>> said;
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(ranks[i].line) << ranks[i].error;
    EXPECT_EQ(ranks[i].line->hosts(), std::vector<std::string>(4, host_name()));
    said.push_back(std::async(std::launch::async, [&, i] {
      ranks[i].line->gather("not this");
      auto all = ranks[i].line->gather(std::string(i * 100000, static_cast<char>('a' + i)));
      ranks[i].line->finish();
      return all;
    }));
  }
  for (auto& one : said) {
    const auto all = one.get();
    ASSERT_EQ(all.size(), 4u);
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(all[i], std::string(i * 100000, static_cast<char>('a' + i)));
  }
  ranks.clear();
  EXPECT_TRUE(run.lost.empty()) << run.lost[0].first;
}

TEST(Lifeline, DifferencesAreNamedOnAllRanks) {
  Assembly run;
  const auto ranks = run.join_all(3, [](Launch& l, Fingerprint& mine) {
    if (l.rank == 2) mine[0].second = "a: 1\n  b: 3\n";
  });
  for (const Rank& rank : {std::cref(ranks[0]), std::cref(ranks[2])}) {
    EXPECT_TRUE(has(rank.error, "rank 2 (" + host_name() +
                                    ") does not fit: the configuration differs: b: 2 on rank 0, b: 3 on rank 2"))
        << rank.error;
  }
  EXPECT_FALSE(ranks[1].error.empty());
  const auto sizes = run.join_all(2, [](Launch& l, Fingerprint&) {
    if (l.rank == 1) l.world_size = 3;
  });
  for (const Rank& rank : sizes) EXPECT_TRUE(has(rank.error, "told of 3 processes, rank 0 of 2")) << rank.error;
  const auto twice = run.join_all(3, [](Launch& l, Fingerprint&) {
    if (l.rank == 2) l.rank = 1;
  });
  EXPECT_TRUE(has(twice[0].error, "rank 1 (" + host_name() + ") came twice")) << twice[0].error;
}

TEST(Lifeline, MissingRanksAreListed) {
  Assembly run;
  run.deadline = 1;
  const auto ranks = run.join_all(4, [](Launch& l, Fingerprint&) {
    if (l.rank == 1 || l.rank == 3) l.world_size = 0;  // never comes
  });
  ASSERT_EQ(ranks.size(), 2u);
  for (const Rank& rank : ranks) EXPECT_TRUE(has(rank.error, "ranks 1, 3 of 4 did not come")) << rank.error;
  std::string why;
  auto free_port = Socket::listen(0, why);
  const int port = free_port->port();
  free_port->close();
  const Rank alone = run.join(run.launch(1, 2, port), run.fingerprint);
  EXPECT_TRUE(has(alone.error, "rank 1 did not reach rank 0 (localhost, port " + std::to_string(port))) << alone.error;
}

TEST(Lifeline, StrangersAndOtherRunsAreSentAway) {
  Assembly run;
  std::string why;
  auto listener = Socket::listen(0, why);
  const int port = listener->port();
  auto first = std::async(std::launch::async,
                          [&] { return run.join(run.launch(0, 2, port), run.fingerprint, std::move(listener)); });
  for (const std::string bytes : {"GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\xff\xff", "{}"}) {
    auto stranger = Socket::connect("127.0.0.1", port, in_seconds(5), why);
    ASSERT_TRUE(stranger) << why;
    stranger->send(1, bytes, in_seconds(5));
  }
  Launch other = run.launch(1, 2, port);
  other.run = "another run";
  Assembly short_run;
  short_run.deadline = 1;
  EXPECT_TRUE(has(short_run.join(other, run.fingerprint).error, "another run is there"));
  const Rank second = run.join(run.launch(1, 2, port), run.fingerprint);
  const Rank is_first = first.get();
  EXPECT_TRUE(is_first.line) << is_first.error;
  EXPECT_TRUE(second.line) << second.error;
}

TEST(Lifeline, APortThatIsTakenByAnotherIsPassedBy) {
  Assembly run;
  std::string why;
  auto taken = Socket::listen(0, why);  // as torchrun's agent: accepts, and never answers as a rank does
  Launch zero = run.launch(0, 2, taken->port()), one = run.launch(1, 2, taken->port());
  zero.port_near = one.port_near = true;
  std::jthread agent([&](std::stop_token stop) {
    while (!stop.stop_requested()) taken->accept(in_seconds(0.1));  // and closes at once
  });
  auto first = std::async(std::launch::async, [&] { return run.join(zero, run.fingerprint); });
  const Rank second = run.join(one, run.fingerprint);
  const Rank is_first = first.get();
  EXPECT_TRUE(is_first.line) << is_first.error;
  EXPECT_TRUE(second.line) << second.error;
}

TEST(Lifeline, ARankThatFailsEndsTheOthersWhoSayNothing) {
  Assembly run;
  auto ranks = run.join_all(3);
  ranks[2].line.reset();  // its error is said by itself
  for (const auto& [message, speaks] : run.wait_for_lost(2)) {
    EXPECT_TRUE(has(message, "rank 2 (" + host_name() + ") ended with an error")) << message;
    EXPECT_FALSE(speaks);
  }
  EXPECT_EQ(run.lost.size(), 2u);
}

TEST(Lifeline, WhoStaysBehindTheOthersIsLost) {
  Assembly run;
  run.silence = 1;
  auto ranks = run.join_all(3);
  for (Rank& rank : ranks) rank.line->at_step(12);
  for (int i = 0; i < 5; ++i)
    for (size_t rank = 0; rank < 3; ++rank) {
      if (rank == 1 && i == 4) continue;
      ranks[rank].line->enter("the sum of gradients");
      if (i < 4) ranks[rank].line->leave();
    }
  const auto lost = run.wait_for_lost(3);
  ASSERT_GE(lost.size(), 1u);
  int speaking = 0;
  for (const auto& [message, speaks] : lost) {
    speaking += speaks;
    EXPECT_TRUE(has(message, "rank 1 (" + host_name() +
                                 ") was lost at step 12, where others wait in the sum of gradients: it hangs"))
        << message;
  }
  EXPECT_EQ(speaking, 1) << "one message";
}

TEST(Lifeline, NobodyIsLostWhoIsOnlySlow) {
  Assembly run;
  run.silence = 0.5;
  auto ranks = run.join_all(2);
  for (Rank& rank : ranks) rank.line->enter("the sum of gradients");
  std::this_thread::sleep_for(1500ms);  // all wait, or all compute: an evaluation, a checkpoint
  EXPECT_TRUE(run.lost.empty()) << run.lost[0].first;
  auto finishing = std::async(std::launch::async, [&] { ranks[0].line->finish(); });
  ranks[1].line->finish();
  finishing.get();
}

}  // namespace
}  // namespace trm::testing
