#pragma once
// Sudoku as a kind of puzzle: token = digit + 1 (1 is blank), vocabulary 11 at every size.
#include "puzzles/characters.h"
#include "puzzles/sudoku/board.h"

namespace trm {

inline constexpr int sudoku_vocab_size = 11;

/// Null where the vocabulary is another one or the cells make no board of 4 × 4, 6 × 6 or 9 × 9.
std::unique_ptr<const PuzzleKind> make_sudoku(int vocab_size, int seq_len);

/// '.', '1' … the side; '0' is blank too.
Alphabet sudoku_alphabet(SudokuShape shape);

/// "" for a board whose digits are all there and each once in a row, column and box, else what is broken, with its
/// place. Digits [side · side]; 0 is a blank, and allowed where `complete` is false.
std::string broken_sudoku_rule(std::span<const uint8_t> board, SudokuShape shape, bool complete);

/// Digits permuted with the blank fixed; bands, rows in bands, stacks, columns in stacks permuted; transposed half the
/// time where boxes are square.
std::unique_ptr<Symmetry> draw_sudoku_symmetry(SplitMix64& random, SudokuShape shape);

}  // namespace trm
