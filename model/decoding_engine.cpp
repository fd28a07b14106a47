#include "model/decoding_engine.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "autograd/tape.h"
#include "device/arena.h"
#include "device/backend.h"
#include "device/op.h"

namespace trm {
namespace {

struct Slot {
  bool taken = false;
  int64_t placed = 0;
  std::vector<int32_t> waiting{};
  const float* logits = nullptr;  // of the last advance()
};

/// Rows of a step: the next power of two, so that few graphs serve any number of texts.
int64_t rows_for(int64_t count, int64_t slots) {
  int64_t rows = 1;
  while (rows < count) rows *= 2;
  return std::min(rows, slots);
}

}  // namespace

class DecodingEngine::Work {
 public:
  Work(const Model& model, const EngineOptions& options)
      : model_(model),
        backend_(Backend::of(model.device())),
        arena_(std::make_shared<Arena>(model.device())),
        options_(options),
        slots_(options.slots) {
    if (options.slots < 1 || options.prefill_chunk < 1)
      throw std::invalid_argument("an engine needs at least one slot and one token a chunk");
    if (model.sees_future())
      throw std::invalid_argument(
          "incremental decoding needs a causal model: arch.causal is false, so a position's state depends on later "
          "ones; use --decode window");
    const int64_t slots = options.slots, V = model.config().vocab_size;
    states_ = model.empty_states(slots);
    next_ = Tensor::zeros({3, slots}, DType::int32, model.device());
    prompt_ = Tensor::zeros({2}, DType::int32, model.device());
    latents_ = model.fresh_latents(slots, 1);
    logits_ = Tensor::zeros({slots + 1, V}, DType::float32, model.device());
    host_next_ = backend_.allocate_host(next_.bytes());
    host_logits_ = backend_.allocate_host(logits_.bytes());
  }

  int64_t window() const { return model_.config().seq_len; }
  int64_t vocabulary() const { return model_.config().vocab_size; }
  std::vector<Slot>& slots() { return slots_; }
  const std::vector<Slot>& slots() const { return slots_; }
  void reset(int64_t slot) {
    slots_[slot] = {.taken = slots_[slot].taken};
    DepthStates own = states_.slots(slot, 1);
    model_.reset(own);
  }

  bool advance() {
    for (Slot& slot : slots_) slot.logits = nullptr;
    const NoGradient off;
    const ArenaScope scope(arena_);
    const bool prompt = prefill_next();
    return decode_all() || prompt;
  }

 private:
  bool is_prompt(const Slot& slot) const {
    return slot.waiting.size() > 1 || (slot.waiting.size() == 1 && slot.placed == 0 && prefix() > 0);
  }
  int64_t prefix() const { return model_.config().prefix(); }
  const float* host_logits(int64_t row) const {
    return static_cast<const float*>(host_logits_.get()) + row * logits_.size(1);
  }

  // ---- prompts: one slot at a time, so that a prompt's bits do not depend on the others

  bool prefill_next() {
    const int64_t count = static_cast<int64_t>(slots_.size());
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = (turn_ + i) % count;
      if (!is_prompt(slots_[at])) continue;
      prefill(at);
      turn_ = at + 1;
      return true;
    }
    return false;
  }

  void prefill(int64_t at) {
    Slot& slot = slots_[at];
    const bool first = slot.placed == 0 && prefix() > 0;
    const int64_t count = std::min<int64_t>(options_.prefill_chunk, static_cast<int64_t>(slot.waiting.size()));
    const int64_t position = first ? 0 : prefix() + slot.placed;
    const int32_t where[2] = {static_cast<int32_t>(at), static_cast<int32_t>(position)};
    prompt_.copy_from_host(where);
    const Tensor tokens =
        Tensor::from(std::span<const int32_t>(slot.waiting).first(count), {1, count}, model_.device());
    Tensor rows, positions;
    if (first) rows = ops::gather_rows(model_.puzzle_table(), Tensor::zeros({1}, DType::int32, model_.device()));
    const int64_t placed = count + (first ? prefix() : 0);
    if (const Parameter* table = model_.positions_table()) positions = table->weight.value.rows(position, placed);
    const Tensor x =
        ops::input_embedding(tokens, model_.token_table().weight.value, first ? &rows : nullptr,
                             positions ? &positions : nullptr, first ? prefix() : 0, model_.embedding_scale());
    const bool last = count == static_cast<int64_t>(slot.waiting.size());
    const Tensor z = run(x, placed == 1 ? rows_of(latents_, 1) : model_.fresh_latents(1, placed), prompt_.view(0, {1}),
                         prompt_.view(1, {1}));
    const int64_t row = static_cast<int64_t>(slots_.size()), D = z.size(2);
    if (last) {
      Tensor logits = logits_.rows(row, 1);
      ops::cast_into(ops::linear(z.view((placed - 1) * D, {1, D}), model_.lm_head().weight), logits);
      backend_.enqueue_to_host(const_cast<float*>(host_logits(row)), logits);
    }
    backend_.synchronize();
    slot.placed += count;
    slot.waiting.erase(slot.waiting.begin(), slot.waiting.begin() + count);
    if (last) slot.logits = host_logits(row);
  }

  // ---- one token of every text that waits for one

  bool decode_all() {
    std::vector<int64_t> active;
    for (int64_t at = 0; at < static_cast<int64_t>(slots_.size()); ++at)
      if (slots_[at].waiting.size() == 1 && !is_prompt(slots_[at])) active.push_back(at);
    if (active.empty()) return false;
    const bool captured = options_.compile && backend_.can_capture();
    const auto count = static_cast<int64_t>(active.size()), rows = captured ? rows_for(count, options_.slots) : count;
    auto* next = static_cast<int32_t*>(host_next_.get());
    for (int64_t b = 0; b < rows; ++b) {
      const Slot* slot = b < count ? &slots_[active[b]] : nullptr;
      next[b] = slot ? slot->waiting[0] : 0;
      next[options_.slots + b] = slot ? static_cast<int32_t>(active[b]) : -1;
      next[2 * options_.slots + b] = slot ? static_cast<int32_t>(prefix() + slot->placed) : 0;
    }
    captured ? replay(rows) : step(rows);
    backend_.synchronize();
    for (int64_t b = 0; b < count; ++b) {
      Slot& slot = slots_[active[b]];
      ++slot.placed;
      slot.waiting.clear();
      slot.logits = host_logits(b);
    }
    return true;
  }

  /// The upload of tokens, slots and positions, all levels, the head and the download of the logits, at addresses that
  /// stay.
  void step(int64_t rows) {
    backend_.enqueue_from_host(next_, host_next_.get());
    const Tensor slots = next_.view(options_.slots, {rows}), positions = next_.view(2 * options_.slots, {rows});
    Tensor added;
    if (const Parameter* table = model_.positions_table())  // one row a text, looked up like tokens
      added = ops::input_embedding(positions.reshape({1, rows}), table->weight.value, nullptr, nullptr, 0, 1)
                  .reshape({rows, table->weight.in()});
    const Tensor x = ops::input_embedding(next_.view(0, {1, rows}), model_.token_table().weight.value, nullptr,
                                          added ? &added : nullptr, 0, model_.embedding_scale());
    const int64_t D = x.size(2);
    const Tensor z = run(x.reshape({rows, 1, D}), rows_of(latents_, rows), slots, positions);
    Tensor logits = logits_.rows(0, rows);
    ops::cast_into(ops::linear_apart(z.reshape({rows, D}), model_.lm_head().weight), logits);
    backend_.enqueue_to_host(host_logits_.get(), logits);
  }

  /// The first step of so many rows runs eagerly and shows whether an op falls back to the cpu; such a step is not
  /// captured.
  void replay(int64_t rows) {
    Recorded& recorded = recorded_[rows];
    if (recorded.graph) return recorded.graph->replay();
    if (recorded.native) {
      recorded.graph = backend_.capture([&] { step(rows); });
      return recorded.graph->replay();
    }
    const uint64_t before = fallback_calls();
    step(rows);
    recorded.native = fallback_calls() == before;
  }

  static std::vector<Tensor> rows_of(const std::vector<Tensor>& latents, int64_t rows) {
    std::vector<Tensor> views;
    for (const Tensor& z : latents) views.push_back(z.rows(0, rows));
    return views;
  }

  /// x and fresh latents [B, T, D] → the latent that the head reads
  Tensor run(const Tensor& x, const std::vector<Tensor>& fresh, const Tensor& slots, const Tensor& positions) {
    states_.rewind();
    const Pass pass{&states_, &slots, &positions};
    std::vector<Variable> latents(fresh.begin(), fresh.end());
    const Variable input(x);
    for (int step = 0; step < model_.config().halt_max_steps; ++step)
      latents = model_.recursion().forward(std::move(latents), input, pass);
    return latents[model_.recursion().output()].value();
  }

  struct Recorded {
    bool native = false;
    std::unique_ptr<Graph> graph;
  };

  const Model& model_;
  Backend& backend_;
  std::shared_ptr<Arena> arena_;
  EngineOptions options_;
  std::vector<Slot> slots_;
  int64_t turn_ = 0;  // slot whose prompt comes next
  DepthStates states_;
  Tensor next_, prompt_;         // i32: rows of tokens, slots, positions; a prompt's slot and position
  Tensor logits_;                // f32 [slots + 1, V]; the last row a prompt's
  std::vector<Tensor> latents_;  // fresh ones of one position
  std::shared_ptr<void> host_next_, host_logits_;
  std::map<int64_t, Recorded> recorded_;  // by rows
};

void require_room(int64_t window, int64_t placed, int64_t more) {
  if (more == 0) throw std::invalid_argument("the decoder was given no tokens");
  if (placed + more > window)
    throw std::length_error("the window of " + std::to_string(window) + " tokens is full: " + std::to_string(placed) +
                            " are placed, " + std::to_string(more) + " more do not fit");
}

DecodingEngine::DecodingEngine(const Model& model, const EngineOptions& options)
    : work_(std::make_unique<Work>(model, options)) {}
DecodingEngine::~DecodingEngine() = default;

std::unique_ptr<Session> DecodingEngine::open() {
  std::vector<Slot>& slots = work_->slots();
  const auto free = std::ranges::find(slots, false, &Slot::taken);
  if (free == slots.end()) return nullptr;
  const int64_t at = free - slots.begin();
  std::unique_ptr<Session> session(new Session(*work_, at));
  work_->reset(at);
  free->taken = true;
  return session;
}

int64_t DecodingEngine::slots() const { return static_cast<int64_t>(work_->slots().size()); }
int64_t DecodingEngine::free_slots() const { return std::ranges::count(work_->slots(), false, &Slot::taken); }
int64_t DecodingEngine::window() const { return work_->window(); }
bool DecodingEngine::advance() { return work_->advance(); }

Session::Session(DecodingEngine::Work& work, int64_t slot) : work_(work), slot_(slot) {}
Session::~Session() { work_.slots()[slot_] = {}; }

void Session::push(std::span<const int32_t> tokens) {
  require_room(work_.window(), length(), static_cast<int64_t>(tokens.size()));
  Slot& slot = work_.slots()[slot_];
  slot.waiting.insert(slot.waiting.end(), tokens.begin(), tokens.end());
}

bool Session::ready() const { return work_.slots()[slot_].waiting.empty(); }

std::span<const float> Session::logits() const {
  const float* logits = work_.slots()[slot_].logits;
  if (!logits || !ready())
    throw std::logic_error("the session's logits are asked for, but its tokens were not placed by the last step");
  return {logits, static_cast<size_t>(work_.vocabulary())};
}

int64_t Session::length() const { return work_.slots()[slot_].placed + waiting(); }
int64_t Session::waiting() const { return static_cast<int64_t>(work_.slots()[slot_].waiting.size()); }
void Session::reset() { work_.reset(slot_); }
void Session::drop_waiting() { work_.slots()[slot_].waiting.clear(); }

}  // namespace trm
