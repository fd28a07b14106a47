#pragma once
// Answers to puzzles, one or many, with a search at test time where one is asked for: more supervision steps, several
// rollouts and views of a puzzle, and a choice among what they came to.
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "model/model.h"
#include "puzzles/puzzle_kind.h"

namespace trm {

/// One way to put a puzzle to the model.
struct View {
  std::shared_ptr<const Symmetry> symmetry;  // null: as it is
  int32_t puzzle_identifier = 0;
};

struct Question {
  std::vector<int32_t> tokens;  // [seq_len]
  std::vector<View> views;      // at least one
};

/// Whose answer is taken. first: of the row that halts first; q: of the highest halting score; vote: the most frequent
/// whole answer; residual: of the row whose logits moved least in its last three steps.
enum class Select : uint8_t { first, q, vote, residual };

struct SearchOptions {
  int steps = 0;      // supervision steps at most; 0: the model's halt_max_steps
  bool halt = false;  // a row ends as soon as the halting head says so
  int rollouts = 1;   // of each view
  /// Deviation of the normal noise on the latent that the heads read, before every supervision step (arXiv 2605.19943).
  /// Without it, all rollouts but the first start from latents of their own, truncated normal of deviation 1.
  double noise = 0;
  Select select = Select::q;
  uint64_t seed = 0;
  int64_t rows = 64;   // of a batch at most
  bool trace = false;  // keep the answers after each step
  /// Brings an answer [seq_len] into the form in which answers are compared (PuzzleKind::tidy); empty: as it is.
  std::function<std::vector<int32_t>(std::span<const int32_t>)> tidy;
};

struct TracedStep {
  std::vector<int32_t> tokens;
  float q_halt = 0;
};

/// What one rollout of one view came to; tokens [seq_len] as the puzzle has them.
struct Attempt {
  int view = 0, rollout = 0, steps = 0;
  std::vector<int32_t> tokens;
  float q_halt = 0, q_continue = 0;
  bool halts = false;                                          // q_halt > 0, or > q_continue in models that compare
  double residual = std::numeric_limits<double>::quiet_NaN();  // mean |Δlogits| of its last three steps
  std::vector<TracedStep> trace;
};

struct Outcome {
  std::vector<Attempt> attempts;  // by view, then rollout; where `first` ended the search, those that had ended
  size_t chosen = 0;
  int64_t votes = 0;  // attempts with the chosen answer
};

/// Told how many questions of all are answered; returns false to stop.
using SearchProgress = std::function<bool(size_t done, size_t all)>;

/// Runs rows (question × view × rollout) in batches: rows that are done leave, others take their place. Random numbers
/// depend on (seed, view, rollout, step) alone, so a puzzle's answer does not depend on the puzzles beside it.
class Search {
 public:
  /// Throws std::invalid_argument for options out of range.
  Search(const Model& model, const SearchOptions& options);

  ~Search();

  /// An outcome a question; without attempts where `progress` stopped it before. Throws std::runtime_error where the
  /// model gives NaN.
  std::vector<Outcome> run(std::span<const Question> questions, const SearchProgress& progress = {});

  int steps() const { return steps_; }
  int64_t rows() const { return options_.rows; }

 private:
  struct Row;
  class Queue;

  void make_slots(int64_t rows);
  void enter(Row row, const Question& question);
  void leave(size_t slot);
  void add_noise();
  Tensor advance();
  bool is_done(const Row& row) const;
  std::vector<int32_t> read_heads(const Tensor& z);
  void take_answers(const std::vector<int32_t>& preds);
  void finish(Outcome& outcome) const;

  const Model& model_;
  SearchOptions options_;
  int steps_;
  std::vector<Tensor> latents_;  // [rows, N, D] each
  Tensor inputs_, identifiers_;  // i32 [rows, S], [rows]
  std::vector<Row> live_;        // in the first slots
};

/// Rows of a batch that fit well: bounded by their activations.
int64_t search_rows(const ModelConfig& config, Device device);

/// The index of the attempt to take, and how many have its answer.
std::pair<size_t, int64_t> choose(std::span<const Attempt> attempts, Select select, bool compare_with_continue);

/// `count` views of puzzles of a kind: the first as they are, the others by symmetries drawn from the seed.
std::vector<View> draw_views(const PuzzleKind& kind, int count, uint64_t seed, int32_t puzzle_identifier);

}  // namespace trm
