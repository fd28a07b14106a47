#include "logging/logging.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>

#include <iostream>
#include <stdexcept>

#include "text/printable.h"

namespace trm::logging {
namespace {

constexpr size_t kept_lines = 256;

class Terminal final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void send_notes_to(Notes where) {
    const std::lock_guard lock(mutex_);
    notes_ = where;
  }
  void before_lines(std::function<void()> act) {
    const std::lock_guard lock(mutex_);
    before_ = std::move(act);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (before_) before_();
    std::string line(message.payload.data(), message.payload.size());
    line += '\n';
    if (message.level < spdlog::level::warn && notes_ == Notes::standard_output) {
      std::cout << line << std::flush;
      return;
    }
    std::cout.flush();
    if (message.level >= spdlog::level::warn)
      line.insert(0, message.level == spdlog::level::err ? "error: " : "warning: ");
    std::cerr << line << std::flush;  // in one piece: other processes may write there too
  }
  void flush_() override {}

  Notes notes_ = Notes::standard_error;
  std::function<void()> before_;
};

struct Log {
  std::shared_ptr<Terminal> terminal = std::make_shared<Terminal>();
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> kept =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kept_lines);
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks =
      std::make_shared<spdlog::sinks::dist_sink_mt>(std::vector<spdlog::sink_ptr>{terminal, kept});
  spdlog::logger logger{"trm", sinks};
};

/// Never destroyed: there may be something to say while the program ends.
Log& log() {
  static auto* log = new Log;
  return *log;
}

/// Messages quote files and command lines: a terminal must not obey what stands there.
void tell(spdlog::level::level_enum level, const std::string& text) {
  const std::string shown = printable_message(text);
  log().logger.log(level, spdlog::string_view_t(shown));
}

}  // namespace

Level parse_level(const std::string& text) {
  if (text == "info") return Level::note;
  if (text == "warning") return Level::warning;
  if (text == "error") return Level::error;
  throw std::invalid_argument("takes info, warning or error, got '" + text + "'");
}

void send_notes_to(Notes where) { log().terminal->send_notes_to(where); }

void show_from(Level least) {
  log().terminal->set_level(least == Level::note      ? spdlog::level::info
                            : least == Level::warning ? spdlog::level::warn
                                                      : spdlog::level::err);
}

bool shows_notes() { return log().terminal->should_log(spdlog::level::info); }

void note(const std::string& text) { tell(spdlog::level::info, text); }
void warn(const std::string& text) { tell(spdlog::level::warn, text); }
void error(const std::string& text) { tell(spdlog::level::err, text); }

void before_lines(std::function<void()> act) { log().terminal->before_lines(std::move(act)); }

void append_to(const std::filesystem::path& file) {
  std::shared_ptr<spdlog::sinks::basic_file_sink_mt> sink;
  try {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
  } catch (const spdlog::spdlog_ex& error) {
    throw std::runtime_error("cannot write '" + file.string() + "': " + error.what());
  }
  sink->set_pattern("%Y-%m-%d %H:%M:%S %l: %v");
  Log& log = logging::log();
  log.logger.set_error_handler([&log, file](const std::string& why) {
    log.sinks->set_sinks({log.terminal});
    warn("cannot write '" + file.string() + "' (" + why + "): messages are missing there");
  });
  log.logger.flush_on(spdlog::level::info);
  std::vector<spdlog::sink_ptr> to{log.terminal, sink};
  try {
    for (const auto& message : log.kept->last_raw()) sink->log(message);
    sink->flush();
    log.sinks->set_sinks(to);
  } catch (const spdlog::spdlog_ex& error) {
    log.sinks->set_sinks({log.terminal});
    warn("cannot write '" + file.string() + "' (" + error.what() + "): messages are missing there");
  }
}

}  // namespace trm::logging
