#pragma once
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "device/dtype.h"
#include "answering/sampling.h"
#include "evaluation/search.h"
#include "logging/logging.h"
#include "serve/server.h"

namespace trm {

/// A command line that cannot be understood; the message names the option.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Decoding : uint8_t { incremental, window };

struct Options {
  std::optional<std::string> checkpoint, device, fallback;
  std::optional<DType> dtype;
  std::optional<std::string> op_report;  // "": on the terminal; else the file of --op-report=json:FILE
  logging::Level log_level = logging::Level::note;
  bool list_devices = false, help = false, version = false;

  // Language models.
  std::optional<std::string> prompt, tokenizer;
  bool interactive = false;
  std::string system;
  int64_t max_new_tokens = 100;
  SamplingOptions sampling;
  std::optional<uint64_t> seed;
  std::vector<std::string> stops;
  std::optional<Decoding> decoding;
  bool serve = false;
  serve::ServeOptions server;
  std::vector<std::string> language_options;  // those given of this group, "--prompt"

  // Puzzle models.
  std::optional<std::string> puzzle;
  std::optional<int64_t> puzzle_id;
  bool trace = false;
  std::optional<std::string> html;  // the page to write
  std::optional<int> views;         // unset: by the kind of puzzle
  std::optional<Select> select;     // unset: q, of ARC vote
  SearchOptions search;             // steps, halt, rollouts, noise
  std::vector<std::string> puzzle_options;
};

/// Names may be written with _ for -. Throws UsageError.
Options parse_options(int argc, const char* const* argv);

/// The text of --help.
std::string usage();

}  // namespace trm
