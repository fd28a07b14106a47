#pragma once
// Square puzzles whose cells are characters: as text, and as tokens.
#include "puzzles/puzzle_kind.h"

namespace trm {

struct Alphabet {
  std::string_view cells;           // token = index + 1; 0 is padding
  char also = 0;                    // a second character for token 1
  std::string_view what_a_cell_is;  // "a digit, or . or 0 where it is blank"
};

/// Square root of a number of cells; 0 where it is not whole.
int side_of(int cells);

/// Puzzles of side × side cells: each a line, or `side` lines; empty lines may stand between them. Throws PuzzleError
/// naming line and character.
std::vector<Puzzle> read_characters(std::string_view text, const std::string& name, int side, const Alphabet& alphabet);

/// In lines of puzzle.lines cells; a token that is no cell is '?'.
std::string write_characters(const Puzzle& puzzle, std::span<const int32_t> answer, const Alphabet& alphabet);

char character_of(int32_t token, const Alphabet& alphabet);
/// Nothing for a character that is no cell.
std::optional<int32_t> token_of(char character, const Alphabet& alphabet);

/// The cells of a text. Throws PuzzleError: "<where>, character 5: 'x'; …".
std::vector<int32_t> tokens_of(std::string_view text, const Alphabet& alphabet, const std::string& where);

/// How messages show a character: 'x', a space, byte 195.
std::string shown(char character);
/// "row 1, column 2", from 1.
std::string place(size_t cell, size_t side);

}  // namespace trm
