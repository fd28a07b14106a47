#include "evaluation/searched_batch.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>

#include "evaluation/row_scores.h"

namespace trm {
namespace {

SearchOptions options_of(const Settings& settings, const ModelConfig& config, Device device) {
  static const std::map<std::string, Select> selects = {
      {"first", Select::first}, {"q", Select::q}, {"vote", Select::vote}, {"residual", Select::residual}};
  SearchOptions options;
  options.steps = settings.eval_steps.value_or(0);
  options.rollouts = settings.eval_rollouts;
  options.noise = settings.eval_noise;
  options.select = selects.at(settings.eval_select);
  options.halt = options.select == Select::first;
  options.seed = static_cast<uint64_t>(settings.seed);
  options.rows = search_rows(config, device);
  return options;
}

/// The predictions and q of all rows after a step, from those of the real ones.
EvaluatedStep step_of(const Batch& batch, const std::vector<const std::vector<int32_t>*>& answers,
                      const std::vector<float>& q, Device device) {
  std::vector<int32_t> preds(batch.rows * batch.seq_len);
  for (size_t row = 0; row < answers.size(); ++row)
    std::copy(answers[row]->begin(), answers[row]->end(),
              preds.begin() + static_cast<std::ptrdiff_t>(row * batch.seq_len));
  std::vector<float> all(q);
  all.resize(2 * batch.rows);
  const auto rows = static_cast<int64_t>(batch.rows);
  EvaluatedStep step;
  step.result.preds = Tensor::from(preds, {rows, static_cast<int64_t>(batch.seq_len)}, device);
  step.result.q = Tensor::from(all, {rows, 2}, device);
  return step;
}

Tensor sums_of(const Batch& batch, const EvaluatedStep& last, const std::vector<Outcome>& outcomes) {
  std::vector<float> sums(Metric::count);
  const auto q = last.result.q.to_vector<float>();
  for (const RowScore& score : score_rows(batch, last.result.preds.to_vector<int32_t>())) {
    const Outcome& outcome = outcomes[score.row];
    sums[Metric::rows] += 1;
    sums[Metric::accuracy] += static_cast<float>(score.accuracy());
    sums[Metric::exact_accuracy] += score.exact();
    sums[Metric::q_halt_accuracy] += (q[2 * score.row] >= 0) == score.exact();
    sums[Metric::steps] += static_cast<float>(outcome.attempts[outcome.chosen].steps);
    sums[Metric::valid_tokens] += static_cast<float>(score.valid);
  }
  for (const int loss : {Metric::lm_loss, Metric::counted_q_halt_loss, Metric::counted_q_continue_loss})
    sums[static_cast<size_t>(loss)] = std::numeric_limits<float>::quiet_NaN();
  return Tensor::from(sums, {Metric::count});
}

}  // namespace

BatchRunner search_batches(const Model& model, std::shared_ptr<const PuzzleKind> kind, const Settings& settings) {
  if (!kind) throw std::invalid_argument("a search is for puzzles");
  SearchOptions options = options_of(settings, model.config(), model.device());
  options.tidy = [kind](std::span<const int32_t> answer) { return kind->tidy(answer); };
  const int views = settings.eval_views;
  const uint64_t seed = options.seed;
  return [&model, kind, options, views, seed](const Batch& batch, const Reads& reads) {
    std::vector<Question> questions;
    for (size_t row = 0; row < batch.real_rows; ++row) {
      const auto input = batch.input_row(row);
      questions.push_back(
          {{input.begin(), input.end()}, draw_views(*kind, views, seed, batch.puzzle_identifiers[row])});
    }
    SearchOptions own = options;
    own.trace = reads.every_step;
    Search search(model, own);
    const auto outcomes = search.run(questions);
    const int depth = reads.every_step ? search.steps() : 1;
    std::vector<EvaluatedStep> steps;
    for (int step = 0; step < depth; ++step) {
      std::vector<const std::vector<int32_t>*> answers;
      std::vector<float> q;
      for (const Outcome& outcome : outcomes) {
        const Attempt& attempt = outcome.attempts[outcome.chosen];
        const bool last = step + 1 == depth || attempt.trace.empty();
        const TracedStep* traced =
            last ? nullptr : &attempt.trace[std::min(static_cast<size_t>(step), attempt.trace.size() - 1)];
        answers.push_back(traced ? &traced->tokens : &attempt.tokens);
        q.insert(q.end(), {traced ? traced->q_halt : attempt.q_halt, attempt.q_continue});
      }
      steps.push_back(step_of(batch, answers, q, model.device()));
    }
    steps.back().metrics = sums_of(batch, steps.back(), outcomes);
    return steps;
  };
}

}  // namespace trm
