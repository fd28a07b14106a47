#pragma once
// A page that plays how puzzles were solved, step after step: one self-contained HTML file.
#include <string>
#include <vector>

#include "evaluation/search.h"
#include "puzzles/puzzle_kind.h"

namespace trm {

/// A text file embedded at build (cmake/EmbedSource.cmake).
struct Source {
  const char* name;
  const char* text;
};
extern const Source puzzle_page_html;

struct PagePuzzle {
  Puzzle puzzle;
  std::vector<TracedStep> steps;
  bool judged = false;  // whether the rules say of `broken`
  std::string broken;   // the rule that the last step breaks, "" where it breaks none
};

/// The page, from generate/puzzle_page.html. `title`: what stands above it.
std::string puzzle_page(const PuzzleKind& kind, const std::string& title, const std::vector<PagePuzzle>& puzzles);

}  // namespace trm
