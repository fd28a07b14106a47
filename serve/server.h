#pragma once
// generate --serve: an HTTP server that speaks the OpenAI API.
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "answering/reply.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace trm::serve {

/// The server cannot be opened: no HTTP library in this build, a host or port that cannot be had.
struct ServeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct ServeOptions {
  std::string host = "127.0.0.1";
  int port = 8080;                     // 0: any that is free
  int64_t slots = 8, queue = 64;       // texts decoded at once; requests that wait for a slot
  std::string api_key{};               // "": none is asked for
  std::vector<std::string> origins{};  // of pages that may ask
  bool metrics = false;
};

/// What is served. Model and tokenizer must outlive the server.
struct Served {
  const Model& model;
  const Tokenizer& tokenizer;
  std::string name;         // the model's id
  AnswerOptions defaults;   // of fields that a request leaves out; the seed is drawn for each then
  bool fixed_seed = false;  // the defaults' seed instead
  bool compile = false;
};

class Server {
 public:
  /// Binds the port and starts to answer. Throws ServeError, OutOfMemory.
  Server(const Served& served, const ServeOptions& options);
  /// Ends at once.
  ~Server();
  int port() const;
  /// Takes no more work and lets what is under way end for so long; then cancels it.
  void drain(double seconds);

 private:
  class Http;
  std::unique_ptr<Http> http_;
};

/// Serves until SIGTERM or SIGINT, then drains for 30 seconds at most; a second signal ends at once. `say` is told
/// where the server listens and what a user should know of that.
void serve(const Served& served, const ServeOptions& options, const std::function<void(const std::string&)>& say);

}  // namespace trm::serve
