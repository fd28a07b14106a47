#pragma once
#include "puzzles/puzzle_kind.h"

namespace trm {

/// A permutation of places and one of tokens: out[i] = token[cells[from[i]]].
class CellSymmetry final : public Symmetry {
 public:
  /// from [seq_len]; token [vocab_size], empty for none changed.
  CellSymmetry(std::vector<int32_t> from, std::vector<int32_t> token);

  void apply(std::span<const int32_t> cells, std::span<int32_t> out) const override;
  void undo(std::span<const int32_t> cells, std::span<int32_t> out) const override;

 private:
  std::vector<int32_t> from_, token_, token_before_;
};

}  // namespace trm
