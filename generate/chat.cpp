#include "generate/chat.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <random>

#include "answering/answer.h"
#include "answering/dialogue.h"
#include "device/rules.h"
#include "generate/output.h"
#include "logging/logging.h"
#include "runtime/programs.h"
#include "serve/server.h"
#include "tokenizer/same_tokens.h"

namespace trm {
namespace {

/// Whether a vocabulary of `tokens` padded to a multiple of a power of two, as is common, has `padded` of them.
bool padded(int tokens, int padded) {
  for (int multiple = 8; multiple <= 1024; multiple *= 2)
    if (padded == (tokens + multiple - 1) / multiple * multiple) return true;
  return false;
}

Tokenizer open_tokenizer(const LoadedModel& loaded, const Options& options) {
  const std::string file = loaded.file.string();
  if (!options.tokenizer && loaded.tokenizer_json.empty())
    throw TokenizerError("'" + file +
                         "' holds no tokenizer: give the one that the model was trained with, --tokenizer FILE|FOLDER");
  Tokenizer tokenizer = options.tokenizer
                            ? Tokenizer::load(*options.tokenizer)
                            : Tokenizer::from_json(loaded.tokenizer_json, "the tokenizer in '" + file + "'");
  const int size = tokenizer.vocab_size(), expected = loaded.model->config().vocab_size;
  const std::string name =
      options.tokenizer ? "the tokenizer '" + *options.tokenizer + "'" : "the tokenizer in '" + file + "'";
  const std::string use_own = options.tokenizer && !loaded.tokenizer_json.empty()
                                  ? ", or leave --tokenizer out to use the checkpoint's own"
                                  : "";
  // The checkpoint's own may have fewer: the data's vocabulary was padded.
  const bool own = loaded.tokenizer_json.empty() ? padded(size, expected) : !options.tokenizer && size <= expected;
  const bool same =
      options.tokenizer && !loaded.tokenizer_json.empty() &&
      same_tokens(tokenizer, Tokenizer::from_json(loaded.tokenizer_json, "the tokenizer in '" + file + "'"));
  if (size != expected && !own && !same)
    throw TokenizerError(name + " has " + std::to_string(size) + " tokens, the model of '" + file +
                         "' was trained with " + std::to_string(expected) +
                         ": give the tokenizer that it was trained with" + use_own);
  if (options.tokenizer && !loaded.tokenizer_json.empty() && !same)
    throw TokenizerError(name + " is not that of '" + file +
                         "': the same ids mean different texts. Give the tokenizer that the model was trained with" +
                         use_own);
  if (size < expected)
    note("Note: the model has " + std::to_string(expected) + " tokens and the tokenizer " + std::to_string(size) +
         ": ids from " + std::to_string(size) + " on are padding and never drawn");
  return tokenizer;
}

/// Whether decoding may be captured.
bool compiles(const Model& model, const Options& options) {
  return compile_rule(model.device()).on && !options.op_report;
}

std::unique_ptr<Decoder> make_decoder(const Model& model, const Options& options) {
  const bool causal = !model.sees_future();
  if (options.decoding == Decoding::incremental && !causal)
    throw UsageError(
        "--decode incremental needs a causal model, and this one's arch.causal is false: a position depends on later "
        "ones; leave --decode out");
  if (options.decoding == Decoding::window || !causal) {
    if (!options.decoding) note("The model is not causal: the whole window is computed for every token.");
    return make_window_decoder(model);
  }
  return make_incremental_decoder(model, compiles(model, options));
}

void report(const Answer& answer, const Options& options, int64_t window, uint64_t seed) {
  std::string text;
  switch (answer.end) {
    case AnswerEnd::window:
      text = "The window of " + std::to_string(window) + " tokens is full: the answer stops here. ";
      break;
    case AnswerEnd::length:
      text = "Stopped after --max-new-tokens " + std::to_string(options.max_new_tokens) + ". ";
      break;
    default:
      break;
  }
  char speed[128];
  std::snprintf(speed, sizeof speed, "%lld %s, %.1f tokens/s", static_cast<long long>(answer.sampled),
                answer.sampled == 1 ? "token" : "tokens",
                static_cast<double>(answer.sampled) / std::max(answer.seconds, 1e-9));
  note("[" + text + speed + (options.sampling.temperature > 0 ? ", seed " + std::to_string(seed) : "") + "]");
}

/// Without the line end that echo and editors add.
std::string standard_input() {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

void converse(const std::function<void(const std::string&)>& answer, Dialogue& dialogue) {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (terminal) note("A line is a turn. /reset starts a new conversation, /quit or Ctrl-D ends it.");
  for (std::string line;;) {
    if (terminal) std::cerr << "> " << std::flush;
    if (!std::getline(std::cin, line)) break;
    if (line.ends_with('\r')) line.pop_back();
    if (line == "/quit" || line == "/exit") return;
    if (line == "/reset") {
      dialogue.reset();
      note("A new conversation.");
    } else if (line.find_first_not_of(" \t") != std::string::npos) {
      try {
        answer(line);
      } catch (const PromptError& error) {
        // The conversation goes on as it was.
        logging::error(error.what());
      }
    }
  }
  if (terminal) note("");
}

}  // namespace

void serve_prompts(const LoadedModel& loaded, const Options& options) {
  const Model& model = *loaded.model;
  if (model.sees_future())
    throw UsageError("--serve needs a causal model, and this one's arch.causal is false: answer with --prompt");
  const Tokenizer tokenizer = open_tokenizer(loaded, options);
  // A run is known by its folder, a file that was moved elsewhere by its own name.
  const std::string folder = loaded.file.parent_path().filename().string(), stem = loaded.file.stem().string();
  const serve::Served served{
      .model = model,
      .tokenizer = tokenizer,
      .name = stem.starts_with("step_") && !folder.empty() ? folder : stem,
      .defaults = {options.sampling, options.seed.value_or(0), options.max_new_tokens, options.stops, {}, -1},
      .fixed_seed = options.seed.has_value(),
      .compile = compiles(model, options)};
  serve::serve(served, options.server, [](const std::string& text) { note(text); });
}

void answer_prompts(const LoadedModel& loaded, const Options& options) {
  const Model& model = *loaded.model;
  const int64_t window = model.config().seq_len;
  const Tokenizer tokenizer = open_tokenizer(loaded, options);
  const auto dialogue = make_dialogue(tokenizer, window, std::min(options.max_new_tokens, window / 2), options.system);
  AnswerOptions how{
      options.sampling, options.seed.value_or(std::random_device{}()), options.max_new_tokens, options.stops, {}, -1};
  Answerer answerer(make_decoder(model, options), tokenizer, how);
  const auto answer = [&](const std::string& text) {
    const Dialogue::Prompt prompt = dialogue->ask(text);
    if (!prompt.note.empty()) note("Note: " + prompt.note + ".");
    const Answer given = answerer.answer(prompt.tokens, write_answer);
    write_answer("\n");
    dialogue->answered(given.tokens);
    report(given, options, window, how.seed);
  };
  if (options.interactive) return converse(answer, *dialogue);
  answer(options.prompt ? *options.prompt : standard_input());
}

}  // namespace trm
