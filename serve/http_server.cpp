// Routes over cpp-httplib. A thread of its pool serves a connection; it waits for the model's thread (Scheduler) and
// never touches the model.
#include <httplib.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "serve/access.h"
#include "serve/api_error.h"
#include "serve/responses.h"
#include "serve/scheduler.h"
#include "serve/server.h"

namespace trm::serve {
namespace {

using httplib::Request;
using httplib::Response;
using nlohmann::json;

constexpr size_t most_body_bytes = size_t{1} << 20;
constexpr auto patience = std::chrono::milliseconds(50);  // between looks at whether the client is still there

std::string text_of(const Request& request, const char* header) { return request.get_header_value(header); }

void answer_json(Response& response, const std::string& body) { response.set_content(body, "application/json"); }

/// A port that another server listens on is refused, not shared.
void reuse_address(socket_t socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

}  // namespace

class Server::Http {
 public:
  Http(const Served& served, const ServeOptions& options)
      : served_(served),
        options_(options),
        started_(std::time(nullptr)),
        scheduler_(served.model, served.tokenizer,
                   {.slots = options.slots, .queue = options.queue, .compile = served.compile}, metrics_) {
    const auto threads = static_cast<size_t>(options.slots + options.queue + 16);
    http_.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
    http_.set_payload_max_length(most_body_bytes);
    http_.set_keep_alive_timeout(5);
    http_.set_keep_alive_max_count(1000);
    http_.set_read_timeout(5);
    http_.set_write_timeout(30);
    http_.set_tcp_nodelay(true);
    http_.set_socket_options([this](socket_t socket) {
      reuse_address(socket);
      socket_ = socket;
    });
    set_routes();
    bind();
    listener_ = std::thread([this] {
      http_.listen_after_bind();
      ended_ = true;
    });
    // stop() has no effect on a server that does not accept yet.
    while (!http_.is_running() && !ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  ~Http() {
    scheduler_.drain();
    scheduler_.cancel_all();
    http_.stop();
    listener_.join();
  }

  int port() const { return port_; }

  void drain(double seconds) {
    scheduler_.drain();
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::unique_lock lock(under_way_mutex_);
    if (!under_way_changed_.wait_until(lock, until, [&] { return under_way_ == 0; })) scheduler_.cancel_all();
  }

 private:
  /// Counts an answer that is being made and written.
  class UnderWay {
   public:
    explicit UnderWay(Http& http) : http_(http) { add(1); }
    ~UnderWay() { add(-1); }
    UnderWay(const UnderWay&) = delete;

   private:
    void add(int64_t count) {
      const std::lock_guard lock(http_.under_way_mutex_);
      http_.under_way_ += count;
      http_.under_way_changed_.notify_all();
    }
    Http& http_;
  };

  void bind() {
    if (options_.port == 0) {
      port_ = http_.bind_to_any_port(options_.host);
    } else {
      port_ = http_.bind_to_port(options_.host, options_.port) ? options_.port : -1;
    }
    if (port_ <= 0)
      throw ServeError("cannot listen on " + options_.host + ", port " + std::to_string(options_.port) +
                       ": the port is taken or not permitted, or the host is none of this machine's addresses; see "
                       "--host and --port");
    // The library lets five connections wait to be accepted; of a burst of more, some would be reset.
    if (::listen(socket_, SOMAXCONN) != 0) throw ServeError("cannot listen on port " + std::to_string(port_));
  }

  /// Who may not ask is told so before anything is read of the request's body.
  void refuse_strangers(const Request& request) const {
    const std::string host = text_of(request, "Host");
    if (options_.api_key.empty() && is_loopback(options_.host) && !host_allowed(host, options_.origins))
      throw ApiError(403,
                     "the host '" + host +
                         "' is not this machine's: a server without a key answers only requests to "
                         "localhost (--cors-origins allows others)",
                     "", "host_not_allowed");
    const std::string origin = text_of(request, "Origin");
    if (!origin.empty() && !origin_allowed(origin, host, options_.origins))
      throw ApiError(403, "pages from '" + origin + "' may not ask this server; see --cors-origins", "",
                     "origin_not_allowed");
    if (request.method == "OPTIONS" || request.path == "/health" || request.path == "/v1/health") return;
    if (!options_.api_key.empty() && !authorized(text_of(request, "Authorization"), options_.api_key))
      throw ApiError(401, "a key is needed: Authorization: Bearer KEY", "", "invalid_api_key");
  }

  static void refuse(Response& response, const ApiError& error) {
    response.status = error.status;
    if (error.status == 429) response.set_header("Retry-After", "1");
    if (error.status == 401) response.set_header("WWW-Authenticate", "Bearer");
    answer_json(response, error_body(error));
  }

  using Work = void (Http::*)(const Request&, Response&);
  auto guarded(Work work) {
    return [this, work](const Request& request, Response& response) {
      try {
        (this->*work)(request, response);
      } catch (const ApiError& error) {
        refuse(response, error);
      } catch (const std::exception& error) {
        refuse(response, ApiError(500, error.what()));
      }
    };
  }

  void set_routes() {
    http_.set_pre_routing_handler([this](const Request& request, Response& response) {
      try {
        refuse_strangers(request);
      } catch (const ApiError& error) {
        refuse(response, error);
        return httplib::Server::HandlerResponse::Handled;
      }
      if (const std::string origin = text_of(request, "Origin"); !origin.empty()) {
        response.set_header("Access-Control-Allow-Origin", origin);
        response.set_header("Vary", "Origin");
      }
      return httplib::Server::HandlerResponse::Unhandled;
    });
    http_.set_error_handler([](const Request& request, Response& response) {
      if (!response.body.empty()) return;
      const int status = response.status;
      const std::string what = status == 404   ? "there is no " + request.method + " " + request.path + " here"
                               : status == 413 ? "the body is over " + std::to_string(most_body_bytes) + " bytes"
                                               : "the request cannot be understood";
      refuse(response, ApiError(status, what));
    });
    http_.set_exception_handler([](const Request&, Response& response, std::exception_ptr failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        refuse(response, ApiError(500, error.what()));
      } catch (...) {
        refuse(response, ApiError(500, "the request failed"));
      }
    });
    http_.set_logger([this](const Request& request, const Response& response) {
      const bool known = response.status != 404 || request.path.starts_with("/v1/models/");
      metrics_.request(known ? request.path.substr(0, request.path.find("/models/")) : "other", response.status);
    });
    for (const std::string base : {"", "/v1"}) {
      http_.Post(base + "/chat/completions", guarded(&Http::chat));
      http_.Post(base + "/completions", guarded(&Http::completions));
      http_.Get(base + "/models", guarded(&Http::models));
      http_.Get(base + "/models/(.*)", guarded(&Http::model));
      http_.Get(base + "/health", guarded(&Http::health));
      http_.Post(base + "/tokenize", guarded(&Http::tokenize));
      http_.Post(base + "/detokenize", guarded(&Http::detokenize));
    }
    if (options_.metrics) http_.Get("/metrics", guarded(&Http::tell_metrics));
    http_.Options(".*", [](const Request&, Response& response) {
      response.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
      response.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type");
      response.set_header("Access-Control-Max-Age", "600");
      response.status = 204;
    });
  }

  void chat(const Request& request, Response& response) {
    answer(read_chat(parse_body(request.body), served_), response);
  }
  void completions(const Request& request, Response& response) {
    answer(read_completion(parse_body(request.body), served_), response);
  }

  void answer(Question question, Response& response) {
    struct State {
      State(Http& http, const Question& question, std::shared_ptr<Ticket> asked)
          : under_way(http), ticket(std::move(asked)), answering(question, http.served_) {}
      ~State() { ticket->cancel(); }  // of no effect where it has ended
      UnderWay under_way;
      std::shared_ptr<Ticket> ticket;
      Answering answering;
      std::vector<Piece> pieces;
    };
    const bool stream = question.stream;
    Job job = question.job;
    const auto state = std::make_shared<State>(*this, question, scheduler_.submit(std::move(job)));
    if (stream) {
      response.set_header("Cache-Control", "no-cache");
      response.set_chunked_content_provider(
          "text/event-stream", [state, opened = false](size_t, httplib::DataSink& sink) mutable {
            const auto write = [&](const std::string& events) {
              return events.empty() || sink.write(events.data(), events.size());
            };
            if (!std::exchange(opened, true)) return write(state->answering.opening());
            const Ticket::Update update = state->ticket->wait(patience);
            for (const Piece& piece : update.pieces)
              if (!write(state->answering.event(piece))) return false;
            if (!update.ended) return sink.is_writable();
            if (!write(update.failure.empty() ? state->answering.closing(*state->ticket)
                                              : Answering::failure(update.failure)))
              return false;
            sink.done();
            return true;
          });
      return;
    }
    // The status is known with the first token; from then on a client that leaves is noticed.
    Ticket::Update update;
    while (!update.ended && update.pieces.empty()) update = state->ticket->wait(std::chrono::seconds(1));
    if (!update.failure.empty()) throw ApiError(scheduler_.draining() ? 503 : 500, update.failure);
    state->pieces = std::move(update.pieces);
    if (update.ended) return answer_json(response, state->answering.body(state->pieces, *state->ticket));
    response.set_chunked_content_provider("application/json", [state](size_t, httplib::DataSink& sink) {
      const Ticket::Update more = state->ticket->wait(patience);
      state->pieces.insert(state->pieces.end(), more.pieces.begin(), more.pieces.end());
      if (!more.ended) return sink.is_writable();
      if (!more.failure.empty()) return false;  // the connection breaks off: half an answer is none
      const std::string body = state->answering.body(state->pieces, *state->ticket);
      if (!sink.write(body.data(), body.size())) return false;
      sink.done();
      return true;
    });
  }

  json describe_model() const {
    return {{"id", served_.name},
            {"object", "model"},
            {"created", started_},
            {"owned_by", "trm.cpp"},
            {"max_model_len", scheduler_.window()}};
  }
  void models(const Request&, Response& response) {
    answer_json(response, line_of({{"object", "list"}, {"data", json::array({describe_model()})}}));
  }
  void model(const Request& request, Response& response) {
    const std::string name = request.matches[1];
    if (name != served_.name)
      throw ApiError(404, "there is no model '" + name + "' here; this server has '" + served_.name + "'", "model",
                     "model_not_found");
    answer_json(response, line_of(describe_model()));
  }

  void health(const Request&, Response& response) {
    if (scheduler_.draining()) throw ApiError(503, "the server is shutting down", "", "shutting_down");
    answer_json(response, line_of({{"status", "ok"},
                                   {"slots", scheduler_.slots()},
                                   {"busy", scheduler_.busy()},
                                   {"queued", scheduler_.queued()}}));
  }

  void tokenize(const Request& request, Response& response) {
    answer_json(response, line_of({{"tokens", read_tokenize(parse_body(request.body), served_)}}));
  }
  void detokenize(const Request& request, Response& response) {
    const auto ids = read_detokenize(parse_body(request.body), served_);
    answer_json(response, line_of({{"content", served_.tokenizer.decode(ids)}}));
  }

  void tell_metrics(const Request&, Response& response) {
    response.set_content(metrics_.text(scheduler_.slots(), scheduler_.busy(), scheduler_.queued()),
                         "text/plain; version=0.0.4");
  }

  const Served served_;
  const ServeOptions options_;
  const int64_t started_;
  Metrics metrics_;
  int64_t under_way_ = 0;
  std::mutex under_way_mutex_;
  std::condition_variable under_way_changed_;
  Scheduler scheduler_;
  httplib::Server http_;
  socket_t socket_ = -1;
  int port_ = -1;
  std::atomic<bool> ended_ = false;  // the listener has
  std::thread listener_;
};

Server::Server(const Served& served, const ServeOptions& options) : http_(std::make_unique<Http>(served, options)) {}
Server::~Server() = default;
int Server::port() const { return http_->port(); }
void Server::drain(double seconds) { http_->drain(seconds); }

namespace {

int signal_pipe[2] = {-1, -1};

void on_signal(int) {
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = ::write(signal_pipe[1], &byte, 1);
}

}  // namespace

void serve(const Served& served, const ServeOptions& options, const std::function<void(const std::string&)>& say) {
  if (::pipe(signal_pipe) != 0) throw ServeError("no pipe for signals can be had");
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESETHAND;  // a second one ends at once
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  Server server(served, options);
  if (!is_loopback(options.host) && options.api_key.empty())
    say("Warning: --host " + options.host +
        " lets anyone who reaches this machine use the model: give --api-key, or "
        "leave --host out");
  say("Serving " + served.name + " on http://" +
      (options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]") + ":" +
      std::to_string(server.port()) + ", " + std::to_string(options.slots) + (options.slots == 1 ? " slot" : " slots") +
      ". Ctrl-C ends.");
  char byte = 0;
  while (::read(signal_pipe[0], &byte, 1) < 0 && errno == EINTR) {
  }
  say("Shutting down: what is under way has 30 seconds.");
  server.drain(30);
}

}  // namespace trm::serve
