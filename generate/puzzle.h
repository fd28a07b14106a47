#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generate/options.h"
#include "puzzles/kinds.h"
#include "runtime/checkpoint_state.h"

namespace trm {

struct PuzzleAnswer {
  std::vector<int32_t> tokens;
  float q_halt = 0, q_continue = 0;
  bool halts = false;  // q_halt > 0, or above q_continue in models that compare the two
};

/// Runs the model for its halt_max_steps supervision steps on one puzzle of seq_len tokens.
PuzzleAnswer solve(const Model& model, std::span<const int32_t> tokens, int32_t puzzle_id);

/// The text of --puzzle: the file of that name, standard input for "-", else the text itself. `name` is set to what
/// messages call it.
std::string puzzle_text(const std::string& option, std::string& name);

/// The kind of puzzle that the model was trained for, as its checkpoint says or its sizes tell. Throws PuzzleError.
std::unique_ptr<const PuzzleKind> kind_of(const LoadedModel& loaded);

/// Solves the puzzles of the options: each solution goes to standard output, what the model and the rules say of it to
/// standard error. Throws PuzzleError.
void answer_puzzles(const LoadedModel& loaded, const PuzzleKind& kind, const Options& options);

}  // namespace trm
