// The server over real sockets.
#include "serve/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "answering/answer.h"
#include "answering/prompt.h"
#include "tests/serve/tiny_served.h"

namespace trm::serve {
namespace {

using nlohmann::json;
using testing::served_model;
using testing::served_tokenizer;
using testing::tiny_served;

/// Whether `done` comes true within some seconds.
template <class Done>
bool soon(const Done& done, double seconds = 20) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < until) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

json question(const std::string& text, const json& fields = json::object()) {
  json body = {{"model", "tiny"},
               {"messages", json::array({json::object({{"role", "user"}, {"content", text}})})},
               {"seed", 5},
               {"max_tokens", 24}};
  body.update(fields);
  return body;
}

/// Ends only at the window: no marker is ever drawn.
json endless(const std::string& text) {
  json bias = json::object();
  for (const char* name : {markers::kEndAssistant, markers::kEndOfText})
    bias[std::to_string(*served_tokenizer().token_id(name))] = -100;
  return question(text, {{"max_tokens", 100000}, {"logit_bias", bias}, {"stream", true}});
}

struct Events {
  std::vector<json> chunks;
  bool done = false;
  std::string text() const {
    std::string all;
    for (const json& chunk : chunks)
      if (!chunk.at("choices").empty()) all += chunk["choices"][0].at("delta").value("content", "");
    return all;
  }
};

/// Every event is one data line of JSON, or [DONE] at the end.
Events read_events(const std::string& body) {
  Events events;
  for (size_t at = 0; at < body.size();) {
    const size_t end = body.find("\n\n", at);
    EXPECT_NE(end, std::string::npos) << body.substr(at);
    if (end == std::string::npos) break;
    const std::string event = body.substr(at, end - at);
    at = end + 2;
    EXPECT_TRUE(event.starts_with("data: ") && event.size() > 6) << event;
    EXPECT_FALSE(events.done) << "after [DONE]: " << event;
    if (event == "data: [DONE]")
      events.done = true;
    else
      events.chunks.push_back(json::parse(event.substr(6)));
  }
  return events;
}

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { start({}); }
  void start(ServeOptions options) {
    options.port = 0;
    server_.reset();
    server_ = std::make_unique<Server>(tiny_served(), options);
  }
  httplib::Client client() const {
    httplib::Client client("127.0.0.1", server_->port());
    client.set_read_timeout(60);
    return client;
  }
  httplib::Result post(const std::string& path, const json& body) const {
    return client().Post(path, body.dump(), "application/json");
  }
  std::string content(const json& body) const {
    const auto result = post("/v1/chat/completions", body);
    if (!result || result->status != 200) return "no answer";
    return json::parse(result->body)["choices"][0]["message"]["content"];
  }
  json health() const {
    const auto result = client().Get("/health");
    return result ? json::parse(result->body) : json();
  }
  int connection() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(server_->port()));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return socket;
  }
  static void send_text(int socket, const std::string& text) {
    EXPECT_EQ(::send(socket, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  static std::string request_text(const json& body) {
    const std::string text = body.dump();
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
           "Content-Length: " +
           std::to_string(text.size()) + "\r\n\r\n" + text;
  }

  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersAreThoseOfGenerate) {
  for (const uint64_t seed : {5, 6}) {
    AnswerOptions options = tiny_served().defaults;
    options.seed = seed;
    Answerer answerer(make_incremental_decoder(served_model(), false), served_tokenizer(), options);
    const Message message{Speaker::user, "the quick fox"};
    const auto prompt = prompt_of(served_tokenizer(), std::span(&message, 1), MarkersInText::read);
    const Answer expected = answerer.answer(prompt, [](std::string_view) {});
    const auto result = post("/v1/chat/completions", question("the quick fox", {{"seed", seed}}));
    ASSERT_TRUE(result);
    ASSERT_EQ(result->status, 200) << result->body;
    const json body = json::parse(result->body);
    EXPECT_EQ(body["choices"][0]["message"]["content"], expected.text);
    EXPECT_EQ(body["choices"][0]["finish_reason"], expected.end == AnswerEnd::length ? "length" : "stop");
    EXPECT_EQ(body["object"], "chat.completion");
    EXPECT_EQ(body["model"], "tiny");
    EXPECT_EQ(body["usage"]["prompt_tokens"], prompt.size());
    EXPECT_EQ(body["usage"]["completion_tokens"], expected.sampled);
    EXPECT_EQ(body["usage"]["total_tokens"], static_cast<int64_t>(prompt.size()) + expected.sampled);
  }
}

TEST_F(ServerTest, AnAnswerDoesNotDependOnItsNeighbours) {
  const json asked = question("the lazy dog", {{"max_tokens", 200}});
  const std::string alone = content(asked);
  EXPECT_FALSE(alone.empty());
  std::vector<std::thread> others;
  for (int i = 0; i < 7; ++i)
    others.emplace_back([&, i] {
      content(question("text " + std::string(static_cast<size_t>(3 * i), 'x'), {{"seed", i}, {"max_tokens", 150 + i}}));
    });
  EXPECT_EQ(content(asked), alone);
  for (std::thread& other : others) other.join();
}

TEST_F(ServerTest, StreamsAreEventsThatJoinToTheWholeAnswer) {
  json asked = question("jumps over", {{"max_tokens", 100}});
  const std::string whole = content(asked);
  asked["stream"] = true;
  asked["stream_options"] = {{"include_usage", true}};
  const auto result = post("/v1/chat/completions", asked);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/event-stream");
  const Events events = read_events(result->body);
  ASSERT_GE(events.chunks.size(), 3u);
  EXPECT_TRUE(events.done);
  EXPECT_EQ(events.text(), whole);
  EXPECT_EQ(events.chunks.front()["choices"][0]["delta"]["role"], "assistant");
  const size_t count = events.chunks.size();
  EXPECT_TRUE(events.chunks[count - 1]["choices"].empty());
  EXPECT_GT(events.chunks[count - 1]["usage"]["completion_tokens"], 0);
  EXPECT_TRUE(events.chunks[count - 2]["choices"][0]["finish_reason"].is_string());
  for (size_t i = 0; i + 1 < count; ++i) {
    EXPECT_TRUE(events.chunks[i]["usage"].is_null());
    EXPECT_EQ(events.chunks[i]["object"], "chat.completion.chunk");
    EXPECT_EQ(events.chunks[i]["id"], events.chunks[0]["id"]);
    if (i + 2 < count) {
      EXPECT_TRUE(events.chunks[i]["choices"][0]["finish_reason"].is_null());
    }
    if (i > 0 && i + 2 < count) {
      EXPECT_FALSE(events.chunks[i]["choices"][0]["delta"]["content"].empty());
    }
  }
}

TEST_F(ServerTest, CompletionsModelsAndTokens) {
  const auto completion = post("/v1/completions", {{"prompt", "the quick"}, {"max_tokens", 5}, {"logprobs", 2}});
  ASSERT_TRUE(completion);
  const json body = json::parse(completion->body);
  EXPECT_EQ(body["object"], "text_completion");
  EXPECT_TRUE(body["choices"][0]["text"].is_string());
  const json told = body["choices"][0]["logprobs"];
  ASSERT_FALSE(told["token_logprobs"].empty());
  EXPECT_LT(told["token_logprobs"][0], 0);
  EXPECT_EQ(told["top_logprobs"][0].size(), 2u);
  const json list = json::parse(client().Get("/v1/models")->body);
  EXPECT_EQ(list["data"][0]["id"], "tiny");
  EXPECT_EQ(json::parse(client().Get("/v1/models/tiny")->body)["id"], "tiny");
  EXPECT_EQ(client().Get("/v1/models/other")->status, 404);
  const json tokens = json::parse(post("/tokenize", {{"content", "the fox<|sep|>"}})->body);
  EXPECT_EQ(json::parse(post("/detokenize", tokens)->body)["content"], "the fox<|sep|>");
  const json read = json::parse(post("/tokenize", {{"content", "<|sep|>"}, {"add_special", true}})->body);
  EXPECT_EQ(read["tokens"].size(), 1u);
  EXPECT_EQ(json::parse(post("/chat/completions", question("x"))->body)["object"], "chat.completion");
}

TEST_F(ServerTest, LogitBiasAndStopStringsAreHeeded) {
  const int32_t token = served_tokenizer().encode("q")[0];
  const json fields = {{"logit_bias", {{std::to_string(token), 100}}}, {"temperature", 0}, {"max_tokens", 6}};
  EXPECT_EQ(content(question("x", fields)), "qqqqqq");
  json stopped = fields;
  stopped["stop"] = "qqq";
  const json body = json::parse(post("/v1/chat/completions", question("x", stopped))->body);
  EXPECT_EQ(body["choices"][0]["message"]["content"], "");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
}

TEST_F(ServerTest, ErrorsAreOpenAIs) {
  const auto error_of = [](const httplib::Result& result) { return json::parse(result->body).at("error"); };
  const auto bad = client().Post("/v1/chat/completions", "{", "application/json");
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->status, 400);
  EXPECT_EQ(error_of(bad)["type"], "invalid_request_error");
  const auto missing = client().Get("/nothing");
  EXPECT_EQ(missing->status, 404);
  EXPECT_TRUE(error_of(missing)["message"].is_string());
  EXPECT_EQ(client().Get("/metrics")->status, 404) << "not asked for";
  const std::string text(30000, 'z');
  const auto too_long = post("/v1/chat/completions", question(text));
  EXPECT_EQ(too_long->status, 400);
  EXPECT_NE(error_of(too_long)["message"].get<std::string>().find("2048"), std::string::npos);
  EXPECT_EQ(error_of(too_long)["code"], "context_length_exceeded");
  const auto huge = client().Post("/v1/chat/completions", std::string(2 << 20, ' '), "application/json");
  if (huge) {
    EXPECT_EQ(huge->status, 413);
    EXPECT_TRUE(error_of(huge)["message"].is_string());
  }
  EXPECT_EQ(post("/v1/chat/completions", question("still there"))->status, 200);
}

TEST_F(ServerTest, StrangersAreRefused) {
  const httplib::Headers rebound = {{"Host", "evil.example"}}, page = {{"Origin", "https://evil.example"}},
                         listed = {{"Origin", "https://chat.example"}};
  EXPECT_EQ(client().Get("/v1/models", rebound)->status, 403);
  EXPECT_EQ(client().Get("/v1/models", page)->status, 403);
  start({.api_key = "secret", .origins = {"https://chat.example"}, .metrics = true});
  EXPECT_EQ(client().Get("/v1/models")->status, 401);
  EXPECT_EQ(client().Get("/metrics")->status, 401);
  EXPECT_EQ(client().Get("/v1/models", {{"Authorization", "Bearer wrong"}})->status, 401);
  EXPECT_EQ(client().Get("/v1/models", {{"Authorization", "Bearer secret"}})->status, 200);
  EXPECT_EQ(client().Get("/health")->status, 200);
  const auto preflight = client().Options("/v1/chat/completions", listed);
  EXPECT_EQ(preflight->status, 204);
  EXPECT_EQ(preflight->get_header_value("Access-Control-Allow-Origin"), "https://chat.example");
  const auto metrics = client().Get("/metrics", {{"Authorization", "Bearer secret"}});
  EXPECT_NE(metrics->body.find("trm_slots 8\n"), std::string::npos) << metrics->body;
}

TEST_F(ServerTest, AFullQueueIsToldSoAndWhoLeavesMakesRoom) {
  start({.slots = 1, .queue = 1});
  const int first = connection(), second = connection();
  send_text(first, request_text(endless("first")));
  ASSERT_TRUE(soon([&] { return health()["busy"] == 1; }));
  send_text(second, request_text(endless("second")));
  ASSERT_TRUE(soon([&] { return health()["queued"] == 1; }));
  const auto third = post("/v1/chat/completions", question("third"));
  ASSERT_TRUE(third);
  EXPECT_EQ(third->status, 429);
  EXPECT_FALSE(third->get_header_value("Retry-After").empty());
  ::close(first);
  ::close(second);
  EXPECT_TRUE(soon([&] { return health()["busy"] == 0 && health()["queued"] == 0; }, 5));
  EXPECT_EQ(post("/v1/chat/completions", question("fourth"))->status, 200);
}

TEST_F(ServerTest, SixtyFourClientsOfWhichHalfLeave) {
  std::atomic<int> whole = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 64; ++i)
    clients.emplace_back([&, i] {
      if (i % 2) {
        const auto result = post("/v1/chat/completions", question("client " + std::to_string(i), {{"max_tokens", 8}}));
        EXPECT_TRUE(result) << httplib::to_string(result.error());
        whole += result && result->status == 200;
        if (result) {
          EXPECT_EQ(result->status, 200) << result->body;
        }
        return;
      }
      const int socket = connection();
      send_text(socket, request_text(endless("leaving")));
      char bytes[512];
      [[maybe_unused]] const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
      ::close(socket);
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(whole, 32);
  EXPECT_TRUE(soon([&] { return health()["busy"] == 0 && health()["queued"] == 0; }));
}

TEST_F(ServerTest, ASlowReaderStopsNobodyElse) {
  const int slow = connection();
  send_text(slow, request_text(endless("slow")));  // and nothing is read
  ASSERT_TRUE(soon([&] { return health()["busy"] == 1; }));
  EXPECT_NE(content(question("quick")), "no answer");
  ::close(slow);
}

TEST_F(ServerTest, DrainingEndsWhatRunsAndTakesNoMore) {
  std::string streamed;
  std::thread reader([&] {
    const auto result = post("/v1/chat/completions", endless("the last"));
    if (result) streamed = result->body;
  });
  ASSERT_TRUE(soon([&] { return health()["busy"] == 1; }));
  std::thread drain([&] { server_->drain(60); });
  EXPECT_TRUE(soon([&] {
    const auto result = post("/v1/chat/completions", question("too late"));
    return result && result->status == 503;
  }));
  reader.join();
  drain.join();
  const Events events = read_events(streamed);
  EXPECT_TRUE(events.done);
  EXPECT_EQ(events.chunks.back()["choices"][0]["finish_reason"], "length") << "the window's end";
}

TEST_F(ServerTest, NonsenseBreaksNothing) {
  const std::string endless_head =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n";
  for (const std::string& text :
       {std::string("\r\n\r\n"), std::string("GET\r\n\r\n"), std::string(1000, '\0'), std::string(100000, 'A'),
        std::string("GET / HTTP/1.1\r\nHost: localhost\r\nX: ") + std::string(20000, 'x') + "\r\n\r\n",
        std::string("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n{"),
        std::string(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        endless_head + "{", endless_head}) {
    const int socket = connection();
    ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    ::shutdown(socket, SHUT_WR);
    ::close(socket);
  }
  std::vector<int> lingering;
  for (int i = 0; i < 20; ++i) {  // half a request each, for as long as the server waits
    lingering.push_back(connection());
    send_text(lingering.back(), "POST /v1/chat/completions HTTP/1.1\r\nHost: local");
  }
  EXPECT_EQ(post("/v1/chat/completions", question("still there"))->status, 200);
  for (const int socket : lingering) ::close(socket);
  const auto form = client().Post("/v1/chat/completions", question("as a form").dump(), "text/plain");
  EXPECT_EQ(form->status, 200) << "any content type that is not a form";
}

TEST_F(ServerTest, APortThatIsTakenIsRefused) {
  EXPECT_THROW(Server(tiny_served(), {.port = server_->port()}), ServeError);
}

}  // namespace
}  // namespace trm::serve
