#pragma once
#include <memory>
#include <string>

#include "generate/options.h"
#include "puzzles/kinds.h"
#include "runtime/checkpoint_state.h"

namespace trm {

/// The text of --puzzle: the file of that name, standard input for "-", else the text itself. `name` is set to what
/// messages call it.
std::string puzzle_text(const std::string& option, std::string& name);

/// The kind of puzzle that the model was trained for, as its checkpoint says or its sizes tell. Throws PuzzleError.
std::unique_ptr<const PuzzleKind> kind_of(const LoadedModel& loaded);

/// Solves the puzzles of the options, all in batches: answers (and with --trace the steps to them) go to standard
/// output, what the model and the rules say of them to standard error, --html writes a page. Throws PuzzleError,
/// UsageError.
void answer_puzzles(const LoadedModel& loaded, const PuzzleKind& kind, const Options& options);

}  // namespace trm
