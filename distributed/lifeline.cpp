#include "distributed/lifeline.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "device/messages.h"
#include "distributed/error.h"

namespace trm {
namespace {

using nlohmann::json;

constexpr const char* magic = "trm.cpp distributed";
constexpr int protocol = 1, ports_tried = 16;
constexpr size_t most_hello = size_t{1} << 20;
constexpr double answer_seconds = 15;

enum Kind : uint8_t { hello = 1, accepted, refused, other_run, welcome, at, text, texts, failed, lost_rank, goodbye };

double seconds_of(const char* name, double otherwise) {
  const char* value = std::getenv(name);
  if (!value || !*value) return otherwise;
  char* end = nullptr;
  const double seconds = std::strtod(value, &end);
  if (*end || !(seconds > 0)) throw DistributedError(std::string(name) + "=" + value + ": seconds are needed");
  return seconds;
}

std::string ranks_text(const std::set<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (const int rank : ranks) text += (rank == *ranks.begin() ? "" : ", ") + std::to_string(rank);
  return text;
}

std::string seconds_text(double seconds) {
  std::ostringstream text;
  text << seconds << " s";
  return text.str();
}

json introduction(const Launch& launch, const Fingerprint& fingerprint) {
  return {{"magic", magic},      {"protocol", protocol}, {"run", launch.run},         {"world_size", launch.world_size},
          {"rank", launch.rank}, {"host", host_name()},  {"fingerprint", fingerprint}};
}

std::string packed(const std::vector<std::string>& all) {
  const auto bytes = json::to_cbor(json(all));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string difference(const Fingerprint& first, const Fingerprint& other, int rank) {
  const auto of = [&](const std::string& line, int at) {
    return (line.empty() ? std::string("nothing") : line) + " on rank " + std::to_string(at);
  };
  for (size_t i = 0; i < std::max(first.size(), other.size()); ++i) {
    const std::pair<std::string, std::string> a = i < first.size() ? first[i] : Fingerprint::value_type{},
                                              b = i < other.size() ? other[i] : Fingerprint::value_type{};
    if (a == b) continue;
    std::string found = (a.first.empty() ? b.first : a.first) + " differs";
    std::istringstream lines_a(a.second), lines_b(b.second);
    int shown = 0;
    for (std::string x, y; shown < 5;) {
      const bool more_a = static_cast<bool>(std::getline(lines_a, x)),
                 more_b = static_cast<bool>(std::getline(lines_b, y));
      if (!more_a && !more_b) break;
      if (!more_a) x.clear();
      if (!more_b) y.clear();
      if (x == y) continue;
      const auto trimmed = [](const std::string& line) {
        return line.substr(std::min(line.find_first_not_of(' '), line.size()));
      };
      found += (shown++ ? "; " : ": ") + of(trimmed(x), 0) + ", " + of(trimmed(y), rank);
    }
    return found;
  }
  return "";
}

Lifeline::Options Lifeline::options_of_environment() {
  Options options;
  options.deadline = seconds_of("TRM_JOIN_TIMEOUT", options.deadline);
  options.silence = seconds_of("TRM_RANK_TIMEOUT", options.silence);
  return options;
}

std::unique_ptr<Lifeline> Lifeline::join(const Launch& launch, const Fingerprint& fingerprint, Options options,
                                         std::optional<Socket> listener) {
  std::unique_ptr<Lifeline> line(new Lifeline(launch, std::move(options)));
  if (launch.rank > 0) {
    line->find_first(fingerprint);
  } else {
    std::string why;
    for (int port = launch.port, tried = 0; !listener && tried < (launch.port_near ? ports_tried : 1); ++port, ++tried)
      listener = Socket::listen(port, why);
    if (!listener)
      throw DistributedError("rank 0 cannot listen on port " + std::to_string(launch.port) + ": " + why +
                             "; choose another one (--master, MASTER_PORT)");
    line->gather_all(*listener, fingerprint);
  }
  line->start();
  return line;
}

Lifeline::Lifeline(const Launch& launch, Options options)
    : launch_(launch), options_(std::move(options)), hosts_(static_cast<size_t>(launch.world_size)) {}

void Lifeline::gather_all(Socket& listener, const Fingerprint& fingerprint) {
  hosts_[0] = host_name();
  std::set<int> missing;
  for (int rank = 1; rank < launch_.world_size; ++rank) missing.insert(rank);
  const Deadline end = in_seconds(options_.deadline);
  Deadline next_word = in_seconds(10);
  const auto refuse_all = [&](const std::string& why) {
    for (Peer& peer : peers_) peer.socket.send(refused, why, in_seconds(1));
    throw DistributedError(why);
  };
  bool stranger_said = false;
  while (!missing.empty()) {
    const auto now = Clock::now();
    if (now >= end)
      refuse_all(ranks_text(missing) + " of " + std::to_string(launch_.world_size) + " did not come to rank 0 (" +
                 hosts_[0] + ", port " + std::to_string(listener.port()) + ") within " +
                 seconds_text(options_.deadline) + ": were they started, and can they reach this port?");
    if (now >= next_word) {
      tell(MessageKind::note, "waiting for " + ranks_text(missing) + " of " + std::to_string(launch_.world_size) +
                                  " at port " + std::to_string(listener.port()));
      next_word = in_seconds(10);
    }
    auto socket = listener.accept(std::min(end, next_word));
    if (!socket) continue;
    const auto frame = socket->receive(in_seconds(5), most_hello);
    const json said = frame && frame->kind == hello ? json::parse(frame->bytes, nullptr, false) : json();
    if (!said.is_object() || said.value("magic", "") != magic) {
      if (!stranger_said)
        tell(MessageKind::warning, "something that is no rank of this run came to port " +
                                       std::to_string(listener.port()) + " and was sent away");
      stranger_said = true;
      continue;
    }
    if (said.value("run", "") != launch_.run) {
      socket->send(other_run, "", in_seconds(5));
      continue;
    }
    const int rank = said.value("rank", -1);
    const std::string who = "rank " + std::to_string(rank) + " (" + said.value("host", "?") + ")";
    std::string why;
    Fingerprint theirs;
    try {
      theirs = said.at("fingerprint").get<Fingerprint>();
    } catch (const json::exception&) {
      why = who + " does not say what it trains";
    }
    if (said.value("protocol", 0) != protocol)
      why = who + " speaks version " + std::to_string(said.value("protocol", 0)) +
            " of the handshake, rank 0 version " + std::to_string(protocol) + ": install the same program everywhere";
    else if (said.value("world_size", 0) != launch_.world_size)
      why = who + " was told of " + std::to_string(said.value("world_size", 0)) + " processes, rank 0 of " +
            std::to_string(launch_.world_size);
    else if (rank < 1 || rank >= launch_.world_size)
      why = who + ": ranks that come to rank 0 are 1 to " + std::to_string(launch_.world_size - 1);
    else if (!missing.contains(rank))
      why = who + " came twice: two processes have this rank, the other one on " + hosts_[static_cast<size_t>(rank)];
    else if (why.empty() && (why = difference(fingerprint, theirs, rank)).size() > 0)
      why = who + " does not fit: " + why;
    if (!why.empty()) {
      socket->send(refused, why, in_seconds(5));
      refuse_all(why);
    }
    socket->send(accepted, "", in_seconds(5));
    hosts_[static_cast<size_t>(rank)] = said.value("host", "?");
    missing.erase(rank);
    peers_.push_back({rank, std::move(*socket), Clock::now(), 0, 0, "", false, {}});
  }
  for (Peer& peer : peers_) peer.socket.send(welcome, packed(hosts_), in_seconds(10));
}

void Lifeline::find_first(const Fingerprint& fingerprint) {
  const Deadline end = in_seconds(options_.deadline);
  const std::string said = introduction(launch_, fingerprint).dump(-1, ' ', false, json::error_handler_t::replace);
  const std::string place =
      launch_.master + ", port " + std::to_string(launch_.port) + (launch_.port_near ? " and on" : "");
  std::string why = "nobody answers";
  std::vector<std::pair<std::string, int>> places;
  std::istringstream masters(launch_.master);
  for (std::string master; std::getline(masters, master, ',');)
    for (int near = 0; near < (launch_.port_near ? ports_tried : 1); ++near)
      places.emplace_back(master, launch_.port + near);
  while (Clock::now() < end) {
    for (const auto& [master, port] : places) {
      std::string failed_to;
      auto socket = Socket::connect(master, port, end, failed_to);
      if (!socket) {
        if (port == launch_.port) why = failed_to;
        continue;
      }
      socket->send(hello, said, in_seconds(5));
      const auto answer = socket->receive(std::min(end, in_seconds(answer_seconds)), most_hello);
      if (answer && answer->kind == refused) throw DistributedError("refused by rank 0: " + answer->bytes);
      if (answer && answer->kind == other_run) why = "another run is there (its id differs)";
      if (!answer || answer->kind != accepted) continue;
      // At its end rank 0 says who is missing.
      const auto all = socket->receive(end + std::chrono::seconds(5), most_hello);
      if (all && all->kind == refused) throw DistributedError("refused by rank 0: " + all->bytes);
      if (!all || all->kind != welcome)
        throw DistributedError("rank 0 (" + place + ") ended before all ranks had come");
      hosts_ = json::from_cbor(all->bytes).get<std::vector<std::string>>();
      peers_.push_back({0, std::move(*socket), Clock::now(), 0, 0, "", false, {}});
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  throw DistributedError("rank " + std::to_string(launch_.rank) + " did not reach rank 0 (" + place + ") within " +
                         seconds_text(options_.deadline) + ": " + why);
}

void Lifeline::start() {
  for (Peer& peer : peers_) peer.heard = Clock::now();
  moved_ = Clock::now();
  thread_ = std::thread([this] { watch(); });
}

Lifeline::~Lifeline() {
  ending_ = true;  // from here, what becomes of the others is not this process's affair
  if (!finished_) {
    const std::lock_guard lock(mutex_);
    for (Peer& peer : peers_) peer.socket.send(failed, "", in_seconds(1));
  }
  if (thread_.joinable()) thread_.join();
}

std::vector<std::string> Lifeline::gather(const std::string& mine) {
  std::unique_lock lock(mutex_);
  if (launch_.rank > 0) {
    Peer& first = peers_.front();
    first.socket.send(text, mine, in_seconds(options_.silence));
    news_.wait(lock, [&] { return !first.texts.empty(); });
    const std::string all = std::move(first.texts.front());
    first.texts.pop_front();
    return json::from_cbor(all).get<std::vector<std::string>>();
  }
  news_.wait(lock,
             [&] { return std::all_of(peers_.begin(), peers_.end(), [](const Peer& p) { return !p.texts.empty(); }); });
  std::vector<std::string> all(static_cast<size_t>(launch_.world_size));
  all[0] = mine;
  for (Peer& peer : peers_) {
    all[static_cast<size_t>(peer.rank)] = std::move(peer.texts.front());
    peer.texts.pop_front();
  }
  const std::string together = packed(all);
  for (Peer& peer : peers_) peer.socket.send(texts, together, in_seconds(options_.silence));
  return all;
}

void Lifeline::finish() {
  gather("");
  std::unique_lock lock(mutex_);
  finished_ = true;
  for (Peer& peer : peers_) {
    peer.socket.send(goodbye, "", in_seconds(1));
    ::shutdown(peer.socket.descriptor(), SHUT_WR);
  }
  news_.wait_for(lock, std::chrono::seconds(5),
                 [&] { return std::all_of(peers_.begin(), peers_.end(), [](const Peer& p) { return p.left; }); });
}

/// The thread: beats, and what comes in.
void Lifeline::watch() {
  const auto period = std::chrono::duration<double>(std::min(1.0, options_.silence / 10));
  auto next_beat = Clock::now();
  while (!ending_) {
    if (Clock::now() >= next_beat) {
      if (!finished_) beat();
      next_beat = Clock::now() + std::chrono::duration_cast<Clock::duration>(period);
    }
    std::vector<pollfd> waited;
    for (const Peer& peer : peers_) waited.push_back({peer.left ? -1 : peer.socket.descriptor(), POLLIN, 0});
    ::poll(waited.data(), waited.size(), 50);
    for (size_t i = 0; i < peers_.size(); ++i)
      if (waited[i].revents && !take(peers_[i])) {
        if (ending_ || finished_) {
          const std::lock_guard lock(mutex_);
          peers_[i].left = true;
          news_.notify_all();
        } else {
          lose(peers_[i].rank, "its connection closed without a word (it was killed, or crashed)");
        }
      }
    if (finished_) continue;
    check_silence();
    if (launch_.rank == 0) check_stragglers();
  }
}

/// False where the connection is closed.
bool Lifeline::take(Peer& peer) {
  const auto frame = peer.socket.receive(in_seconds(options_.silence));
  if (!frame) return false;
  peer.heard = Clock::now();
  if (frame->kind == at) {
    const json place = json::from_cbor(frame->bytes, true, false);
    if (!place.is_object()) return true;
    peer.step = place.value("step", int64_t{0});
    peer.entered = place.value("entered", int64_t{0});
    peer.what = place.value("what", "");
  } else if (frame->kind == text || frame->kind == texts) {
    const std::lock_guard lock(mutex_);
    peer.texts.push_back(frame->bytes);
    news_.notify_all();
  } else if (frame->kind == goodbye) {
    const std::lock_guard lock(mutex_);
    peer.left = true;
    news_.notify_all();
  } else if (frame->kind == failed) {
    end_all(name_of(peer.rank) + " ended with an error", false);
  } else if (frame->kind == lost_rank) {
    end_all(frame->bytes, false);
  }
  return true;
}

void Lifeline::beat() {
  const char* what = what_;
  const auto bytes =
      json::to_cbor(json{{"step", step_.load()}, {"entered", entered_.load()}, {"what", what ? what : ""}});
  const std::lock_guard lock(mutex_);
  for (Peer& peer : peers_)
    if (!peer.left) peer.socket.send(at, {bytes.begin(), bytes.end()}, in_seconds(1));
}

void Lifeline::check_silence() {
  for (const Peer& peer : peers_)
    if (!peer.left && Clock::now() - peer.heard > std::chrono::duration<double>(options_.silence))
      lose(peer.rank, "nothing was heard of it for " + seconds_text(options_.silence) +
                          " (it is stopped, or its machine or network is down)");
}

/// Who has entered fewer collectives than others, while nobody gets on, holds them up.
void Lifeline::check_stragglers() {
  int64_t least = entered_, most = entered_;
  for (const Peer& peer : peers_) {
    least = std::min(least, peer.entered);
    most = std::max(most, peer.entered);
  }
  if (least != least_entered_ || most != most_entered_ || least == most) moved_ = Clock::now();
  least_entered_ = least;
  most_entered_ = most;
  if (Clock::now() - moved_ <= std::chrono::duration<double>(options_.silence)) return;
  int rank = 0;
  for (const Peer& peer : peers_)
    if (peer.entered == least) rank = peer.rank;
  if (entered_ == least) rank = 0;
  lose(rank, "it hangs: for " + seconds_text(options_.silence) + " it has not come to where the others wait");
}

void Lifeline::lose(int rank, const std::string& how) {
  const char* what = what_;
  int64_t step = step_;
  std::string place = what ? what : "";
  for (const Peer& peer : peers_) {
    if (peer.rank == rank) continue;
    step = std::max(step, peer.step);
    if (place.empty()) place = peer.what;
  }
  const std::string message = name_of(rank) + " was lost at " +
                              (step > 0 ? "step " + std::to_string(step) : "the start") +
                              (place.empty() ? "" : ", where others wait in " + place) + ": " + how +
                              ". All processes end; the last checkpoint is whole, resume=auto goes on from it";
  end_all(message, launch_.rank == 0 || speaks_for_lost_first());
}

void Lifeline::end_all(const std::string& message, bool speaks) {
  if (ending_) return;
  {
    const std::lock_guard lock(mutex_);
    for (Peer& peer : peers_)
      if (!peer.left) peer.socket.send(lost_rank, message, in_seconds(1));
  }
  options_.lost(message, speaks);
  ending_ = true;
}

std::string Lifeline::name_of(int rank) const {
  return "rank " + std::to_string(rank) + " (" + hosts_[static_cast<size_t>(rank)] + ")";
}

/// Where rank 0 is lost, one on each machine tells it.
bool Lifeline::speaks_for_lost_first() const {
  for (int rank = 1; rank < launch_.rank; ++rank)
    if (hosts_[static_cast<size_t>(rank)] == hosts_[static_cast<size_t>(launch_.rank)]) return false;
  return true;
}

}  // namespace trm
