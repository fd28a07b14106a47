#include "runtime/training_step.h"

#include "device/op.h"
#include "device/ops.h"

namespace trm {
namespace {

DeviceBatch empty_batch(const Model& model, int64_t batch) {
  const int64_t S = model.config().seq_len;
  const Device device = model.device();
  return {Tensor::zeros({batch, S}, DType::int32, device), Tensor::zeros({batch, S}, DType::int32, device), Tensor::zeros({batch}, DType::int32, device)};
}

}  // namespace

TrainingStep::TrainingStep(Model& model, OptimizerState& optimizer, const Options& options)
    : model_(model), optimizer_(optimizer), options_(options), backend_(Backend::of(model.device())), arena_(std::make_shared<Arena>(model.device())),
      carry_(Carry::initial(model, options.rows.count)), staged_{empty_batch(model, options.rows.count), empty_batch(model, options.rows.count)},
      incoming_(empty_batch(model, options.rows.count)), metrics_(Tensor::zeros({Metric::count}, DType::float32, model.device())) {
  const bool puzzles = model.config().puzzle_emb_ndim > 0;
  if (puzzles) {
    const auto empty_rows = [&](int64_t rows) {
      return PuzzleGradients{Tensor::zeros({rows, model.config().puzzle_emb_ndim}, DType::float32, model.device()), Tensor::zeros({rows}, DType::int32, model.device())};
    };
    puzzle_ = empty_rows(options.rows.count * options.accumulation);
    all_puzzle_ = alone() ? puzzle_ : empty_rows(options.rows.total * options.accumulation);
  }
  micro_steps_.resize(puzzles ? options.accumulation : 1);
}

TrainingStep::~TrainingStep() {
  for (const auto& uploads : uploads_)
    for (const auto& finished : uploads) try {
        finished();
      } catch (const DeviceError&) {
        // The device is lost, and reads the batch no more: the error that said so is under way.
      }
}

void TrainingStep::execute(Recorded& recorded, const std::function<void()>& work) {
  const ArenaScope scope(arena_);
  if (recorded.graph) {
    recorded.graph->replay();
  } else if (options_.compile && recorded.warm && recorded.native) {
    recorded.graph = backend_.capture(work);
    recorded.graph->replay();
  } else {
    const uint64_t before = fallback_calls();
    work();
    recorded.warm = true;
    recorded.native = fallback_calls() == before;
  }
}

void TrainingStep::micro_step(int place) {
  StepOptions step;
  step.training = true;
  step.grad_scale = 1.0f / (static_cast<float>(options_.rows.total) * static_cast<float>(options_.accumulation));
  step.seed = options_.seed;
  step.first_row = options_.rows.first;
  const StepResult result = supervision_step(model_, carry_, incoming_, optimizer_.counters(), step, metrics_);
  if (!result.puzzle_gradient) return;
  const int64_t B = options_.rows.count;
  puzzle_.rows.rows(place * B, B).copy_from(result.puzzle_gradient);
  puzzle_.ids.rows(place * B, B).copy_from(carry_.data.puzzle_identifiers);
}

bool TrainingStep::run(const int32_t* inputs, const int32_t* labels, const int32_t* puzzle_identifiers) {
  DeviceBatch& staged = staged_[parity_];
  auto& uploads = uploads_[parity_];
  uploads.clear();
  uploads.push_back(backend_.upload(staged.inputs, inputs));
  uploads.push_back(backend_.upload(staged.labels, labels));
  uploads.push_back(backend_.upload(staged.puzzle_identifiers, puzzle_identifiers));
  if (pending_ + 1 == options_.accumulation) uploads.push_back(optimizer_.begin_step());
  for (const auto& finished : uploads_[1 - parity_]) finished();
  parity_ = 1 - parity_;
  incoming_.inputs.copy_from(staged.inputs);
  incoming_.labels.copy_from(staged.labels);
  incoming_.puzzle_identifiers.copy_from(staged.puzzle_identifiers);

  const int place = pending_;
  execute(micro_steps_[micro_steps_.size() > 1 ? place : 0], [&] { micro_step(place); });
  micro_batches_ += 1;
  if (++pending_ < options_.accumulation) return false;
  pending_ = 0;
  if (!alone()) exchange_gradients();
  execute(update_, [&] {
    const Tensor& table = model_.puzzle_table();
    optimizer_.update(model_.parameters(), table ? &all_puzzle_ : nullptr, table ? &table : nullptr);
  });
  return true;
}

/// In the order of one process: micro-batch, then row.
void TrainingStep::exchange_gradients() {
  Communicator& all = *options_.communicator;
  all.sum(model_.parameters().gradients(), "the sum of gradients");
  if (!puzzle_.rows) return;
  const int64_t B = options_.rows.count, total = options_.rows.total;
  for (int64_t place = 0; place < options_.accumulation; ++place) {
    all.gather(puzzle_.rows.rows(place * B, B), all_puzzle_.rows.rows(place * total, total), "the gradients of puzzle rows");
    all.gather(puzzle_.ids.rows(place * B, B), all_puzzle_.ids.rows(place * total, total), "the identifiers of puzzle rows");
  }
}

void TrainingStep::bring_sums_together() {
  if (alone()) return;
  std::vector<Tensor> parts{metrics_};
  if (pending_ > 0) parts.push_back(model_.parameters().gradients());
  for (const Tensor& part : parts) {
    options_.communicator->sum(part, "the sums for a checkpoint");
    if (!options_.communicator->first()) part.fill_zero();
  }
}

MetricsReading TrainingStep::read_metrics() {
  if (!alone()) options_.communicator->sum(metrics_, "the sum of metrics");
  const auto sums = metrics_.to_vector<float>();
  metrics_.fill_zero();
  const double rows = micro_batches_ * static_cast<double>(options_.rows.total);
  micro_batches_ = 0;
  return divide_metrics(sums, rows);
}

std::map<std::string, Tensor> TrainingStep::pending_state() const {
  std::map<std::string, Tensor> state{{"gradients", model_.parameters().gradients()}, {"metrics", metrics_}};
  if (puzzle_.rows) {
    state["puzzle_gradients"] = puzzle_.rows;
    state["puzzle_ids"] = puzzle_.ids;
  }
  return state;
}

}  // namespace trm
