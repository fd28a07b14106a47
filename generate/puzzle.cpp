#include "generate/puzzle.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "data/files.h"
#include "evaluation/evaluation_step.h"
#include "generate/output.h"

namespace trm {

PuzzleAnswer solve(const Model& model, std::span<const int32_t> tokens, int32_t puzzle_id) {
  EvaluationStep step(model, 1);
  const std::vector<int32_t> no_labels(tokens.size(), -100);
  const StepResult result = step.run(tokens.data(), no_labels.data(), &puzzle_id).back().result;
  const auto q = result.q.to_vector<float>();
  PuzzleAnswer answer{result.preds.to_vector<int32_t>(), q.at(0), q.at(1), false};
  if (!std::isfinite(answer.q_halt))
    throw PuzzleError("the model gives no usable numbers (NaN or infinity): its weights or its precision are damaged");
  answer.halts = model.config().compare_with_continue() ? answer.q_halt > answer.q_continue : answer.q_halt > 0;
  return answer;
}

std::string puzzle_text(const std::string& option, std::string& name) {
  if (option == "-") {
    name = "standard input";
    return {std::istreambuf_iterator<char>(std::cin), {}};
  }
  std::error_code ignored;
  if (std::filesystem::exists(option, ignored)) {
    name = "'" + option + "'";
    return read_text_file(option);
  }
  const bool short_line = option.size() < 60 && option.find('\n') == std::string::npos;
  name = short_line ? "--puzzle '" + option + "' (there is no such file, so it is read as the puzzle)" : "--puzzle";
  return option;
}

std::unique_ptr<const PuzzleKind> kind_of(const LoadedModel& loaded) {
  const ModelConfig& config = loaded.model->config();
  return puzzle_kind(loaded.data.puzzle_kind.value_or(""), config.vocab_size, config.seq_len);
}

void answer_puzzles(const LoadedModel& loaded, const PuzzleKind& kind, const Options& options) {
  const ModelConfig& config = loaded.model->config();
  if (options.puzzle_id >= config.num_puzzle_identifiers)
    throw UsageError("--puzzle-id takes an integer from 0 to " + std::to_string(config.num_puzzle_identifiers - 1) +
                     " for this model, got '" + std::to_string(options.puzzle_id) + "'");
  std::string name;
  const std::string text = puzzle_text(*options.puzzle, name);
  for (const Puzzle& puzzle : kind.read(text, name)) {
    const auto start = std::chrono::steady_clock::now();
    const PuzzleAnswer answer = solve(*loaded.model, puzzle.tokens, static_cast<int32_t>(options.puzzle_id));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    write_answer(kind.write(puzzle, answer.tokens));

    const double q = config.compare_with_continue() ? answer.q_halt - answer.q_continue : answer.q_halt;
    char line[160];
    std::snprintf(line, sizeof line,
                  "The model is %s (q_halt %.3f, probability of being right %.3f) after %d supervision steps, %.2f s.",
                  answer.halts ? "confident" : "not confident", static_cast<double>(answer.q_halt),
                  1 / (1 + std::exp(-q)), config.halt_max_steps, seconds);
    note(line);
    if (kind.solutions(puzzle.tokens).count == Answers::unknown && puzzle.answer.empty()) continue;
    const std::string broken = kind.broken_rule(puzzle, answer.tokens);
    note(broken.empty() ? "The solution keeps the rules." : "The solution breaks the rules: " + broken + ".");
  }
}

}  // namespace trm
