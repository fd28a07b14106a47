#pragma once
// Checkpoints of tiny models with random weights, and the program run on them.
#include <functional>

#include "model/config.h"
#include "settings/settings.h"
#include "tests/data/folders.h"
#include "tokenizer/tokenizer.h"

namespace trm::testing {

/// A byte-level tokenizer with the chat markers.
const Tokenizer& chat_tokenizer();

struct TinyModel {
  Settings settings;
  DataMetadata data;
  std::string tokenizer_json;
  uint64_t seed = 3;

  /// Two cycles of one layer, float32, causal, with a window of 48 tokens.
  static TinyModel chat();
  /// 9 × 9 cells, not causal, puzzle embeddings.
  static TinyModel sudoku();
  /// Writes a checkpoint: the weights of `seed`, and as their moving average those of `ema_seed` where it is not 0.
  void save(const std::filesystem::path& file, uint64_t ema_seed = 0) const;
};

struct Outcome {
  int status = -1;
  std::string out, err;
  bool says(const std::string& part) const { return err.find(part) != std::string::npos; }
};

/// Runs generate with these arguments, written for a shell, and this standard input.
Outcome generate(const std::filesystem::path& scratch, const std::string& arguments, const std::string& input = "");

inline std::string quoted(const std::string& text) { return "'" + text + "'"; }

}  // namespace trm::testing
