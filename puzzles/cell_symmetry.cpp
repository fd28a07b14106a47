#include "puzzles/cell_symmetry.h"

namespace trm {
namespace {

int32_t mapped(const std::vector<int32_t>& token, int32_t value) {
  return value >= 0 && static_cast<size_t>(value) < token.size() ? token[static_cast<size_t>(value)] : value;
}

}  // namespace

CellSymmetry::CellSymmetry(std::vector<int32_t> from, std::vector<int32_t> token)
    : from_(std::move(from)), token_(std::move(token)), token_before_(token_.size()) {
  for (size_t i = 0; i < token_.size(); ++i) token_before_[static_cast<size_t>(token_[i])] = static_cast<int32_t>(i);
}

void CellSymmetry::apply(std::span<const int32_t> cells, std::span<int32_t> out) const {
  for (size_t i = 0; i < from_.size(); ++i) out[i] = mapped(token_, cells[static_cast<size_t>(from_[i])]);
}

void CellSymmetry::undo(std::span<const int32_t> cells, std::span<int32_t> out) const {
  for (size_t i = 0; i < from_.size(); ++i) out[static_cast<size_t>(from_[i])] = mapped(token_before_, cells[i]);
}

}  // namespace trm
