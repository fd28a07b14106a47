#include "puzzles/sudoku/solver.h"

#include <algorithm>
#include <array>
#include <bit>

namespace trm {
namespace {

constexpr int most_cells = 81, most_units = 27, most_side = 9, most_peers = 20;

/// What is known of a board during the search.
struct State {
  std::array<uint16_t, most_cells> candidates;                  // a bit a digit
  std::array<std::array<uint8_t, most_side>, most_units> left;  // places left for a digit in a unit
  std::array<bool, most_cells> settled;                         // its digit is gone from its peers
  int unsettled;
};

}  // namespace

struct SudokuSolver::Search {
  SudokuShape shape;
  std::array<std::array<uint8_t, 3>, most_cells> units{};          // row, column, box of a cell
  std::array<std::array<uint8_t, most_side>, most_units> cells{};  // of a unit
  std::array<std::array<uint8_t, most_peers>, most_cells> peers{};
  int peer_count = 0;
  State empty{};

  // The search under way.
  int limit = 0;
  SudokuSearch result;
  SplitMix64* random = nullptr;                     // the order of branches; null: ascending
  std::vector<uint8_t> naked;                       // cells left with one candidate
  std::vector<std::pair<uint8_t, uint8_t>> hidden;  // unit, digit with one place

  explicit Search(SudokuShape s) : shape(s) {
    const int side = shape.side;
    std::array<int, most_units> filled{};
    for (int cell = 0; cell < shape.cells(); ++cell) {
      const std::array<int, 3> of = {cell / side, side + cell % side, 2 * side + shape.box_of(cell)};
      for (size_t i = 0; i < 3; ++i) {
        const auto unit = static_cast<size_t>(of[i]);
        units[at(cell)][i] = static_cast<uint8_t>(unit);
        cells[unit][at(filled[unit]++)] = static_cast<uint8_t>(cell);
      }
    }
    for (int a = 0; a < shape.cells(); ++a) {
      int count = 0;
      for (int b = 0; b < shape.cells(); ++b) {
        const bool sees = units[at(a)][0] == units[at(b)][0] || units[at(a)][1] == units[at(b)][1] ||
                          units[at(a)][2] == units[at(b)][2];
        if (a != b && sees) peers[at(a)][at(count++)] = static_cast<uint8_t>(b);
      }
      peer_count = count;
    }
    empty.candidates.fill(static_cast<uint16_t>((1 << side) - 1));
    for (auto& unit : empty.left) unit.fill(static_cast<uint8_t>(side));
    empty.settled.fill(false);
    empty.unsettled = shape.cells();
  }

  static size_t at(int index) { return static_cast<size_t>(index); }

  /// False where nothing is left for a cell, or no place for a digit in a unit.
  bool remove(State& state, size_t cell, int digit) {
    const auto bit = static_cast<uint16_t>(1 << digit);
    if (!(state.candidates[cell] & bit)) return true;
    state.candidates[cell] = static_cast<uint16_t>(state.candidates[cell] & ~bit);
    if (state.candidates[cell] == 0) return false;
    if (std::has_single_bit(state.candidates[cell])) naked.push_back(static_cast<uint8_t>(cell));
    for (const uint8_t unit : units[cell]) {
      const uint8_t places = --state.left[unit][at(digit)];
      if (places == 0) return false;
      if (places == 1) hidden.emplace_back(unit, static_cast<uint8_t>(digit));
    }
    return true;
  }

  bool keep_only(State& state, size_t cell, int digit) {
    for (unsigned others = state.candidates[cell] & ~(1u << digit); others != 0; others &= others - 1)
      if (!remove(state, cell, std::countr_zero(others))) return false;
    return true;
  }

  bool place(State& state, size_t cell, int digit) {
    if (!(state.candidates[cell] >> digit & 1)) return false;
    if (std::has_single_bit(state.candidates[cell]))
      naked.push_back(static_cast<uint8_t>(cell));
    else if (!keep_only(state, cell, digit))
      return false;
    return propagate(state);
  }

  bool propagate(State& state) {
    while (!naked.empty() || !hidden.empty()) {
      if (!naked.empty()) {
        const size_t cell = naked.back();
        naked.pop_back();
        if (state.settled[cell]) continue;
        state.settled[cell] = true;
        --state.unsettled;
        const int digit = std::countr_zero(state.candidates[cell]);
        for (int i = 0; i < peer_count; ++i)
          if (!remove(state, peers[cell][at(i)], digit)) return false;
        continue;
      }
      const auto [unit, digit] = hidden.back();
      hidden.pop_back();
      for (int i = 0; i < shape.side; ++i) {
        const size_t cell = cells[unit][at(i)];
        if (!(state.candidates[cell] >> digit & 1)) continue;
        if (!keep_only(state, cell, digit)) return false;
        break;
      }
    }
    return true;
  }

  bool start(State& state, std::span<const uint8_t> board) {
    state = empty;
    for (int cell = 0; cell < shape.cells(); ++cell) {
      if (board[at(cell)] == 0) continue;
      naked.clear();
      hidden.clear();
      if (!place(state, at(cell), board[at(cell)] - 1)) return false;
    }
    return true;
  }

  void branch(const State& state) {
    if (state.unsettled == 0) {
      if (result.solutions++ == 0) {
        result.first.resize(at(shape.cells()));
        for (size_t i = 0; i < result.first.size(); ++i)
          result.first[i] = static_cast<uint8_t>(std::countr_zero(state.candidates[i]) + 1);
      }
      return;
    }
    size_t chosen = 0;
    int fewest = most_side + 1;
    for (size_t cell = 0; cell < at(shape.cells()) && fewest > 2; ++cell) {
      const int count = std::popcount(state.candidates[cell]);
      if (count > 1 && count < fewest) {
        fewest = count;
        chosen = cell;
      }
    }
    std::array<int, most_side> digits;
    int count = 0;
    for (unsigned bits = state.candidates[chosen]; bits != 0; bits &= bits - 1)
      digits[at(count++)] = std::countr_zero(bits);
    for (int i = count - 1; random && i > 0; --i)
      std::swap(digits[at(i)], digits[random->below(static_cast<uint64_t>(i) + 1)]);
    for (int i = 0; i < count; ++i) {
      const int digit = digits[at(i)];
      if (i + 1 < count) ++result.guesses;
      State next = state;
      naked.clear();
      hidden.clear();
      if (place(next, chosen, digit)) branch(next);
      if (result.solutions >= limit) return;
    }
  }

  SudokuSearch run(std::span<const uint8_t> board, int most, SplitMix64* order) {
    limit = most;
    random = order;
    result = {};
    State state;
    if (start(state, board)) branch(state);
    return std::move(result);
  }
};

SudokuSolver::SudokuSolver(SudokuShape shape) : search_(std::make_unique<Search>(shape)) {}
SudokuSolver::~SudokuSolver() = default;

SudokuSearch SudokuSolver::solve(std::span<const uint8_t> board, int limit) {
  return search_->run(board, limit, nullptr);
}

bool SudokuSolver::can_differ(std::span<const uint8_t> board, int cell) {
  Search& search = *search_;
  const auto place = static_cast<size_t>(cell);
  SudokuBoard without(board.begin(), board.end());
  without[place] = 0;
  search.limit = 1;
  search.random = nullptr;
  search.result = {};
  State state;
  if (!search.start(state, without)) return false;
  search.naked.clear();
  search.hidden.clear();
  if (state.candidates[place] >> (board[place] - 1) & 1) {
    if (std::has_single_bit(state.candidates[place])) return false;
    if (!search.remove(state, place, board[place] - 1) || !search.propagate(state)) return false;
  }
  search.branch(state);
  return search.result.solutions > 0;
}

SudokuBoard SudokuSolver::random_solution(SplitMix64& random) {
  const SudokuBoard blank(static_cast<size_t>(search_->shape.cells()), 0);
  return search_->run(blank, 1, &random).first;
}

}  // namespace trm
