#include "evaluation/search.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <stdexcept>
#include <tuple>

#include "device/ops.h"
#include "device/random.h"
#include "model/initialization.h"

namespace trm {
namespace {

constexpr size_t residual_steps = 3;

/// The key of the random numbers of a rollout of a view.
uint64_t stream_of(uint64_t seed, const Attempt& attempt) {
  return SplitMix64(seed, static_cast<uint64_t>(attempt.view), static_cast<uint64_t>(attempt.rollout)).next();
}

double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(static_cast<double>(a[i]) - b[i]);
  return sum / static_cast<double>(a.size());
}

}  // namespace

struct Search::Row {
  size_t question = 0;
  const View* view = nullptr;
  Attempt attempt;
  std::vector<float> logits;     // of the step before, where residuals are wanted
  std::deque<double> residuals;  // of the last steps
};

Search::~Search() = default;

Search::Search(const Model& model, const SearchOptions& options)
    : model_(model), options_(options), steps_(options.steps > 0 ? options.steps : model.config().halt_max_steps) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
  };
  require(options.steps >= 0, "a search takes at least one supervision step");
  require(options.rollouts >= 1 && options.rows >= 1, "a search takes at least one rollout and one row");
  require(options.noise >= 0 && std::isfinite(options.noise), "the noise of a search is a deviation of at least 0");
  require(options.select != Select::first || options.halt,
          "the first answer that halts is taken only where rows halt by q");
}

int64_t search_rows(const ModelConfig& config, Device device) {
  const int64_t elements = device.kind == DeviceKind::cpu ? int64_t{1} << 23 : int64_t{1} << 27;
  return std::clamp<int64_t>(elements / (int64_t{config.positions()} * config.hidden_size), 1, 4096);
}

void Search::make_slots(int64_t rows) {
  const ModelConfig& c = model_.config();
  latents_ = model_.fresh_latents(rows, c.positions());
  inputs_ = Tensor::zeros({rows, c.seq_len}, DType::int32, model_.device());
  identifiers_ = Tensor::zeros({rows}, DType::int32, model_.device());
}

void Search::enter(Row row, const Question& question) {
  const ModelConfig& c = model_.config();
  const auto slot = static_cast<int64_t>(live_.size());
  std::vector<int32_t> tokens = question.tokens;
  if (row.view->symmetry) row.view->symmetry->apply(question.tokens, tokens);
  inputs_.rows(slot, 1).copy_from_host(tokens.data());
  identifiers_.rows(slot, 1).copy_from_host(&row.view->puzzle_identifier);
  const bool random = row.attempt.rollout > 0 && options_.noise == 0;
  Initializer draw(stream_of(options_.seed, row.attempt));
  const std::vector<Tensor> fresh = random ? std::vector<Tensor>{} : model_.fresh_latents(1, c.positions());
  for (size_t i = 0; i < latents_.size(); ++i) {
    const Shape shape{1, c.positions(), c.hidden_size};
    latents_[i].rows(slot, 1).copy_from(
        random ? ops::cast(Tensor::from(draw.truncated_normal(shape.elements(), 1), shape, model_.device()),
                           model_.dtype())
               : fresh[i]);
  }
  live_.push_back(std::move(row));
}

void Search::leave(size_t slot) {
  const size_t last = live_.size() - 1;
  if (slot != last) {
    const auto to = static_cast<int64_t>(slot), from = static_cast<int64_t>(last);
    for (const Tensor& z : latents_) z.rows(to, 1).copy_from(z.rows(from, 1));
    inputs_.rows(to, 1).copy_from(inputs_.rows(from, 1));
    identifiers_.rows(to, 1).copy_from(identifiers_.rows(from, 1));
    live_[slot] = std::move(live_[last]);
  }
  live_.pop_back();
}

/// The output latent of each live row += noise · N(0, 1), by the row's own stream and step.
void Search::add_noise() {
  if (options_.noise == 0) return;
  const Tensor z =
      latents_[static_cast<size_t>(model_.recursion().output())].rows(0, static_cast<int64_t>(live_.size()));
  const size_t width = static_cast<size_t>(z.elements()) / live_.size();
  std::vector<float> noise(static_cast<size_t>(z.elements()));
#pragma omp parallel for
  for (size_t slot = 0; slot < live_.size(); ++slot) {
    const uint64_t seed = stream_of(options_.seed, live_[slot].attempt);
    const auto step = static_cast<uint64_t>(live_[slot].attempt.steps);
    for (size_t i = 0; i < width; i += 4) {
      const Normals normals = normal_numbers(seed, RandomPurpose::noise, step, static_cast<uint32_t>(i / 4));
      for (size_t k = 0; k < std::min<size_t>(4, width - i); ++k)
        noise[slot * width + i + k] = static_cast<float>(options_.noise) * normals.value[k];
    }
  }
  z.copy_from(ops::add(z, ops::cast(Tensor::from(noise, z.shape(), z.device()), z.dtype())));
}

/// One supervision step of all live rows. Fills in their q; returns the output latent [rows, N, D].
Tensor Search::advance() {
  const auto rows = static_cast<int64_t>(live_.size());
  const auto output = static_cast<size_t>(model_.recursion().output());
  std::vector<Variable> latents;
  for (size_t i = 0; i < latents_.size(); ++i) latents.emplace_back(latents_[i].rows(0, rows));
  std::optional<Variable> puzzle;
  if (model_.puzzle_table()) puzzle = Variable(ops::gather_rows(model_.puzzle_table(), identifiers_.rows(0, rows)));
  const ModelOutput out = model_.forward(std::move(latents), inputs_.rows(0, rows), puzzle ? &*puzzle : nullptr);
  for (size_t i = 0; i < latents_.size(); ++i) latents_[i].rows(0, rows).copy_from(out.latents[i].value());

  const auto q = out.q.value().to_vector<float>();
  const bool compare = model_.config().compare_with_continue();
  for (size_t slot = 0; slot < live_.size(); ++slot) {
    Attempt& attempt = live_[slot].attempt;
    attempt.q_halt = q[2 * slot];
    attempt.q_continue = q[2 * slot + 1];
    if (!std::isfinite(attempt.q_halt))
      throw std::runtime_error(
          "the model gives no usable numbers (NaN or infinity): its weights or its precision are damaged");
    attempt.halts = compare ? attempt.q_halt > attempt.q_continue : attempt.q_halt > 0;
    ++attempt.steps;
  }
  return out.latents[output].value();
}

bool Search::is_done(const Row& row) const {
  return row.attempt.steps == steps_ || (options_.halt && row.attempt.halts);
}

/// The answers of all live rows, [rows · S] as the model gives them; moves their residuals on.
std::vector<int32_t> Search::read_heads(const Tensor& z) {
  const ModelConfig& c = model_.config();
  if (options_.select != Select::residual) {
    const Tensor labels = Tensor::from(std::vector<int32_t>(live_.size() * static_cast<size_t>(c.seq_len), -100),
                                       {z.size(0), c.seq_len}, z.device());
    const auto counts = ops::label_counts(labels, 1);
    return ops::linear_cross_entropy(ops::drop_positions(z, c.prefix()), model_.lm_head().weight, labels, counts.scale,
                                     c.loss, nullptr, nullptr)
        .preds.to_vector<int32_t>();
  }
  const auto logits = model_.logits(z).to_vector<float>();
  const auto V = static_cast<size_t>(c.vocab_size), row = static_cast<size_t>(c.seq_len) * V;
  std::vector<int32_t> preds;
  for (size_t at = 0; at < logits.size(); at += V)
    preds.push_back(static_cast<int32_t>(std::max_element(&logits[at], &logits[at] + V) - &logits[at]));
  for (size_t slot = 0; slot < live_.size(); ++slot) {
    Row& own = live_[slot];
    std::vector<float> now(&logits[slot * row], &logits[slot * row] + row);
    if (!own.logits.empty()) own.residuals.push_back(mean_difference(now, own.logits));
    if (own.residuals.size() > residual_steps) own.residuals.pop_front();
    own.logits = std::move(now);
    double sum = 0;
    for (const double residual : own.residuals) sum += residual;
    if (!own.residuals.empty()) own.attempt.residual = sum / static_cast<double>(own.residuals.size());
  }
  return preds;
}

/// The rows of all questions one after the other.
class Search::Queue {
 public:
  Queue(std::span<const Question> questions, int rollouts)
      : questions_(questions), rollouts_(static_cast<size_t>(rollouts)) {}

  size_t rows_of(size_t question) const { return questions_[question].views.size() * rollouts_; }
  /// The next row whose question is not `ended`.
  std::optional<Row> next(const std::vector<bool>& ended) {
    while (question_ < questions_.size() && (ended[question_] || place_ == rows_of(question_))) {
      ++question_;
      place_ = 0;
    }
    if (question_ == questions_.size()) return std::nullopt;
    const auto& views = questions_[question_].views;
    Row row;
    row.question = question_;
    row.attempt.view = static_cast<int>(place_ % views.size());
    row.attempt.rollout = static_cast<int>(place_ / views.size());
    row.view = &views[place_ % views.size()];
    ++place_;
    return row;
  }

 private:
  std::span<const Question> questions_;
  size_t rollouts_, question_ = 0, place_ = 0;  // place: within the question
};

/// Writes the answers of rows that are done (of all, where they are traced) into their attempts.
void Search::take_answers(const std::vector<int32_t>& preds) {
  const size_t S = preds.size() / live_.size();
  for (size_t slot = 0; slot < live_.size(); ++slot) {
    Row& row = live_[slot];
    if (!is_done(row) && !options_.trace) continue;
    const std::span<const int32_t> own(&preds[slot * S], S);
    row.attempt.tokens.assign(own.begin(), own.end());
    if (row.view->symmetry) row.view->symmetry->undo(own, row.attempt.tokens);
    if (options_.tidy) row.attempt.tokens = options_.tidy(row.attempt.tokens);
    if (options_.trace) row.attempt.trace.push_back({row.attempt.tokens, row.attempt.q_halt});
  }
}

void Search::finish(Outcome& outcome) const {
  std::sort(outcome.attempts.begin(), outcome.attempts.end(), [](const Attempt& a, const Attempt& b) {
    return std::pair(a.view, a.rollout) < std::pair(b.view, b.rollout);
  });
  std::tie(outcome.chosen, outcome.votes) =
      choose(outcome.attempts, options_.select, model_.config().compare_with_continue());
}

std::vector<Outcome> Search::run(std::span<const Question> questions, const SearchProgress& progress) {
  Queue queue(questions, options_.rollouts);
  std::vector<Outcome> outcomes(questions.size());
  std::vector<bool> ended(questions.size());
  size_t rows = 0, answered = 0;
  for (size_t i = 0; i < questions.size(); ++i) rows += queue.rows_of(i);
  if (rows == 0) return outcomes;
  make_slots(std::min(options_.rows, static_cast<int64_t>(rows)));
  const auto fill = [&] {
    while (static_cast<int64_t>(live_.size()) < inputs_.size(0)) {
      auto row = queue.next(ended);
      if (!row) return;
      enter(std::move(*row), questions[row->question]);
    }
  };
  live_.clear();
  for (fill(); !live_.empty(); fill()) {
    if (progress && !progress(answered, questions.size())) break;
    add_noise();
    const Tensor z = advance();
    const bool any = std::any_of(live_.begin(), live_.end(), [&](const Row& row) { return is_done(row); });
    if (!any && !options_.trace && options_.select != Select::residual) continue;
    take_answers(read_heads(z));
    for (size_t slot = live_.size(); slot-- > 0;) {
      if (!is_done(live_[slot])) continue;
      const size_t question = live_[slot].question;
      auto& attempts = outcomes[question].attempts;
      attempts.push_back(std::move(live_[slot].attempt));
      leave(slot);
      const bool settled = options_.select == Select::first && attempts.back().halts;
      if (!settled && attempts.size() < queue.rows_of(question)) continue;
      answered += !ended[question];
      ended[question] = true;
    }
    for (size_t slot = live_.size(); slot-- > 0;)
      if (ended[live_[slot].question]) leave(slot);
  }
  live_.clear();
  for (size_t i = 0; i < outcomes.size(); ++i)
    if (ended[i])
      finish(outcomes[i]);
    else
      outcomes[i].attempts.clear();
  return outcomes;
}

}  // namespace trm
