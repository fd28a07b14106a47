#include <unistd.h>

#include <exception>
#include <iostream>
#include <new>

#include "device/op.h"
#include "device/selection.h"
#include "generate/chat.h"
#include "generate/options.h"
#include "generate/output.h"
#include "generate/puzzle.h"
#include "runtime/op_report.h"
#include "runtime/programs.h"

namespace trm {
namespace {

void report_ops(const std::string& file) {
  if (file.empty())
    std::cerr << op_report();
  else
    write_op_report(file);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

void say_what_was_loaded(const LoadedModel& loaded) {
  const ModelConfig& config = loaded.model->config();
  note("Model: " + loaded.file.string() + ", step " + with_commas(loaded.step) +
       (loaded.ema ? ", moving average of the weights (ema)" : "") + ", " + name_of(config.forward_dtype) + ", " +
       with_commas(config.seq_len) + " positions, vocabulary " + with_commas(config.vocab_size));
  for (const std::string& text : loaded.notes) note("Note: " + text);
}

/// Language models have a tokenizer, or were trained on chat data, or are causal; all others solve puzzles.
bool is_language_model(const LoadedModel& loaded) {
  return !loaded.tokenizer_json.empty() || loaded.settings.dataset_type == "chat" || loaded.model->config().causal;
}

void run(const Options& options) {
  logging::show_from(options.log_level);
  if (options.help) return write_answer(usage());
  if (options.version) return write_answer("generate " + program_version() + "\n");
  if (options.fallback) set_fallback(*options.fallback);
  if (options.list_devices) return write_answer(describe_devices());
  if (!options.checkpoint && options.op_report) {
    select_device(options.device);
    if (options.op_report->empty()) return write_answer(op_report());
    return write_op_report(*options.op_report);
  }
  if (!options.checkpoint)
    throw UsageError(
        "no checkpoint given: --checkpoint takes a checkpoint file (step_<n>.h5) or a run's folder; see generate "
        "--help");
  if (!options.puzzle && !options.prompt && !options.interactive && !options.serve && ::isatty(STDIN_FILENO) == 1)
    throw UsageError(
        "nothing to answer: give --prompt TEXT, --interactive, a text on standard input, or for a puzzle model "
        "--puzzle FILE|TEXT");

  const Selection selection = select_device(options.device);
  note((options.device ? "Using device: " : "Auto-detected device: ") + to_string(selection.device));
  dispatch_settings().timing = options.op_report.has_value();
  LoadOptions load;
  load.dtype = options.dtype;
  const LoadedModel loaded = load_model(*options.checkpoint, selection.device, load);
  say_what_was_loaded(loaded);

  const std::string file = "'" + loaded.file.string() + "'";
  if (is_language_model(loaded)) {
    if (!options.puzzle_options.empty())
      throw UsageError(joined(options.puzzle_options) + " cannot be used here: " + file +
                       " holds a language model, which takes --prompt TEXT, --interactive or a text on standard input");
    options.serve ? serve_prompts(loaded, options) : answer_prompts(loaded, options);
  } else {
    const auto kind = kind_of(loaded);
    const std::string takes = file + " holds a model for " + kind->describe() + ", which takes --puzzle FILE|TEXT";
    if (!options.language_options.empty())
      throw UsageError(joined(options.language_options) + " cannot be used here: " + takes);
    if (!options.puzzle) throw UsageError("no puzzle given: " + takes);
    answer_puzzles(loaded, *kind, options);
  }
  if (options.op_report) report_ops(*options.op_report);
}

}  // namespace
}  // namespace trm

int main(int argc, char** argv) {
  trm::start_messages(trm::logging::Notes::standard_error);
  try {
    trm::run(trm::parse_options(argc, argv));
    return 0;
  } catch (const std::bad_alloc&) {
    trm::logging::error("the memory of this machine does not suffice for this model");
  } catch (const std::exception& error) {
    trm::logging::error(error.what());
  }
  return 1;
}
