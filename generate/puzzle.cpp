#include "generate/puzzle.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "checkpoint/atomic_file.h"
#include "data/files.h"
#include "evaluation/arc_identifiers.h"
#include "evaluation/intervals.h"
#include "evaluation/search.h"
#include "generate/output.h"
#include "generate/puzzle_grid.h"
#include "generate/puzzle_page.h"
#include "runtime/programs.h"

namespace trm {
namespace {

using Clock = std::chrono::steady_clock;

std::string formatted(const char* pattern, auto... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// What can be said before the model is asked.
const char* fault_of(Answers answers) {
  return answers == Answers::none ? "has no solution" : answers == Answers::several ? "has several solutions" : nullptr;
}

SearchOptions search_options(const LoadedModel& loaded, const PuzzleKind& kind, const Options& options) {
  SearchOptions search = options.search;
  search.select = options.select.value_or(Select::q);
  const ModelConfig& config = loaded.model->config();
  search.rows = search_rows(config, loaded.model->device());
  search.trace = options.trace || options.html;
  if (!options.select && kind.name() == "arc") search.select = Select::vote;
  search.tidy = [&kind](std::span<const int32_t> answer) { return kind.tidy(answer); };
  return search;
}

int views_of(const PuzzleKind& kind, const Options& options) {
  return options.views.value_or(kind.name() == "arc" ? 8 : 1);
}

/// Ways to put each puzzle to the model: symmetries drawn from the seed, or for an ARC task of the training data those
/// that its augmentations have there, under their own identifiers.
std::vector<Question> questions_of(const std::vector<Puzzle>& puzzles, const LoadedModel& loaded,
                                   const PuzzleKind& kind, const Options& options) {
  std::vector<Question> questions;
  const int views = views_of(kind, options);
  const auto known = ArcIdentifiers::find(loaded.settings, kind);
  size_t found = 0;
  for (const Puzzle& puzzle : puzzles) {
    Question question{puzzle.tokens, {}};
    if (known && !options.puzzle_id) question.views = known->views_of(puzzle.tokens, views);
    found += !question.views.empty();
    if (question.views.empty())
      question.views =
          draw_views(kind, views, options.search.seed, static_cast<int32_t>(options.puzzle_id.value_or(0)));
    questions.push_back(std::move(question));
  }
  if (found > 0)
    note("Puzzle identifiers of " + std::to_string(found) + " of " + std::to_string(puzzles.size()) +
         " inputs are those of " + known->folder().string());
  return questions;
}

/// Of an answer: whether rules or a known answer can judge it.
bool can_judge(const Puzzle& puzzle, Answers answers) { return answers != Answers::unknown || !puzzle.answer.empty(); }

class Report {
 public:
  Report(const LoadedModel& loaded, const PuzzleKind& kind, const Options& options, const std::vector<Puzzle>& puzzles)
      : loaded_(loaded), kind_(kind), options_(options), puzzles_(puzzles), colour_(colour_wanted()) {}

  /// Says of puzzles what their rules say before a model is asked.
  void look_at_puzzles() {
    for (const Puzzle& puzzle : puzzles_) {
      answers_.push_back(kind_.solutions(puzzle.tokens).count);
      const char* fault = fault_of(answers_.back());
      none_ += answers_.back() == Answers::none;
      several_ += answers_.back() == Answers::several;
      if (!fault) continue;
      if (few())
        note(puzzle.name + " " + fault +
             (kind_.several_answers() && answers_.back() == Answers::several ? ", each of which is right." : "."));
    }
    if (!few() && none_ > 0) note(std::to_string(none_) + " of the puzzles have no solution.");
    if (!few() && several_ > 0) note(std::to_string(several_) + " of the puzzles have several solutions.");
  }

  void answer(size_t index, const Outcome& outcome) {
    const Puzzle& puzzle = puzzles_[index];
    const Attempt& chosen = outcome.attempts[outcome.chosen];
    if (options_.trace) write_answer(trace(puzzle, chosen));
    write_answer(colour_ && drawable(puzzle) ? draw_grid(kind_, puzzle, chosen.tokens, {}, true)
                                             : kind_.write(puzzle, chosen.tokens));
    const bool judged = can_judge(puzzle, answers_[index]);
    const std::string broken = judged ? kind_.broken_rule(puzzle, chosen.tokens) : "";
    judged_ += judged;
    right_ += judged && broken.empty();
    if (options_.html) page_.push_back({puzzle, chosen.trace, judged, broken});
    if (few()) say(puzzle, outcome, judged, broken);
  }

  void finish(double seconds) {
    if (puzzles_.size() > 1) {
      std::string line = "Answered " + with_commas(static_cast<int64_t>(puzzles_.size())) + " puzzles in " +
                         formatted("%.2f s (%.1f a second)", seconds, static_cast<double>(puzzles_.size()) / seconds);
      if (judged_ > 0) {
        const Interval interval = share_interval(right_, judged_);
        line += formatted(": %lld of %lld right, %.1f %% (95 %%: %.1f to %.1f)", static_cast<long long>(right_),
                          static_cast<long long>(judged_),
                          100.0 * static_cast<double>(right_) / static_cast<double>(judged_), 100 * interval.low,
                          100 * interval.high);
      }
      if (none_ > 0) line += "; " + std::to_string(none_) + " without a solution";
      if (several_ > 0 && !kind_.several_answers()) line += "; " + std::to_string(several_) + " with several";
      note(line + ".");
    }
    if (!options_.html) return;
    std::string title =
        kind_.describe() + " · " + loaded_.file.filename().string() + ", step " + with_commas(loaded_.step);
    if (title.starts_with("a ")) title[2] = static_cast<char>(std::toupper(title[2])), title.erase(0, 2);
    checkpoint::write_file(*options_.html, puzzle_page(kind_, title, page_));
    note("Page: " + *options_.html);
  }

 private:
  bool few() const { return puzzles_.size() <= 3; }
  bool drawable(const Puzzle& puzzle) const { return kind_.look(puzzle.tokens.front()).character != '?'; }

  std::string trace(const Puzzle& puzzle, const Attempt& attempt) const {
    std::string text;
    std::span<const int32_t> before = puzzle.tokens;
    for (size_t step = 0; step < attempt.trace.size(); ++step) {
      const TracedStep& now = attempt.trace[step];
      size_t changed = 0;
      for (size_t cell = 0; cell < now.tokens.size(); ++cell) changed += now.tokens[cell] != before[cell];
      text += formatted("step %zu: %zu changed, q_halt %.3f\n", step + 1, changed, static_cast<double>(now.q_halt));
      text +=
          drawable(puzzle) ? draw_grid(kind_, puzzle, now.tokens, before, colour_) : kind_.write(puzzle, now.tokens);
      text += "\n";
      before = now.tokens;
    }
    return text;
  }

  void say(const Puzzle& puzzle, const Outcome& outcome, bool judged, const std::string& broken) const {
    const Attempt& chosen = outcome.attempts[outcome.chosen];
    const bool compare = loaded_.model->config().compare_with_continue();
    const double q = compare ? chosen.q_halt - chosen.q_continue : chosen.q_halt;
    if (puzzles_.size() > 1) note(puzzle.name + ":");
    note(formatted("The model is %s (q_halt %.3f, probability of being right %.3f) after %d supervision steps.",
                   chosen.halts ? "confident" : "not confident", static_cast<double>(chosen.q_halt),
                   1 / (1 + std::exp(-q)), chosen.steps));
    if (outcome.attempts.size() > 1)
      note("It is the answer of " + std::to_string(outcome.votes) + " of " + std::to_string(outcome.attempts.size()) +
           " attempts.");
    if (judged)
      note(broken.empty() ? "The solution keeps the rules." : "The solution breaks the rules: " + broken + ".");
    if (outcome.attempts.size() == 1) return;
    std::vector<Attempt> others;
    for (const Attempt& attempt : outcome.attempts)
      if (attempt.tokens != chosen.tokens) others.push_back(attempt);
    if (others.empty()) return;
    const auto [second, votes] = choose(others, Select::vote, compare);
    std::string text = kind_.write(puzzle, others[second].tokens);
    text.pop_back();
    note("Second choice (" + std::to_string(votes) + " votes): " + text);
  }

  const LoadedModel& loaded_;
  const PuzzleKind& kind_;
  const Options& options_;
  const std::vector<Puzzle>& puzzles_;
  bool colour_;
  std::vector<Answers> answers_;
  int64_t none_ = 0, several_ = 0, judged_ = 0, right_ = 0;
  std::vector<PagePuzzle> page_;
};

}  // namespace

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
  if (options.puzzle_id.value_or(0) >= config.num_puzzle_identifiers)
    throw UsageError("--puzzle-id takes an integer from 0 to " + std::to_string(config.num_puzzle_identifiers - 1) +
                     " for this model, got '" + std::to_string(*options.puzzle_id) + "'");
  std::string name;
  const std::string text = puzzle_text(*options.puzzle, name);
  const std::vector<Puzzle> puzzles = kind.read(text, name);
  Report report(loaded, kind, options, puzzles);
  report.look_at_puzzles();

  Search search(*loaded.model, search_options(loaded, kind, options));
  const std::vector<Question> questions = questions_of(puzzles, loaded, kind, options);
  // Answers are written as they come, a part of the puzzles after the other.
  const size_t part = static_cast<size_t>(4 * search.rows());
  const auto start = Clock::now();
  for (size_t first = 0; first < questions.size(); first += part) {
    const size_t count = std::min(part, questions.size() - first);
    const auto outcomes = search.run(std::span(questions).subspan(first, count));
    for (size_t i = 0; i < count; ++i) report.answer(first + i, outcomes[i]);
  }
  report.finish(std::chrono::duration<double>(Clock::now() - start).count());
}

}  // namespace trm
