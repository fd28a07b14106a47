#include "puzzles/sudoku/build.h"

#include "puzzles/sudoku/generator.h"
#include "puzzles/sudoku/sudoku.h"

namespace trm {
namespace {

std::vector<int32_t> tokens_of_board(const SudokuBoard& board) {
  std::vector<int32_t> tokens;
  for (const uint8_t digit : board) tokens.push_back(digit + 1);
  return tokens;
}

class SudokuRecipe final : public GridRecipe {
 public:
  explicit SudokuRecipe(const SudokuBuild& build)
      : shape_(*SudokuShape::of_side(build.size)), num_aug_(build.num_aug), least_(build.min_difficulty.value_or(0)) {}

  std::unique_ptr<const PuzzleKind> kind(int cells) const override { return make_sudoku(sudoku_vocab_size, cells); }
  Alphabet alphabet(int side) const override { return sudoku_alphabet(*SudokuShape::of_side(side)); }
  std::string sizes() const override { return "16, 36 or 81"; }
  int vocab_size() const override { return sudoku_vocab_size; }

  std::string fault(const PuzzleKind& kind, std::span<const int32_t> tokens) const override {
    const Answers count = kind.solutions(tokens).count;
    return count == Answers::one ? "" : count == Answers::none ? "it has no solution" : "it has several solutions";
  }

  int augmentations() const override { return num_aug_; }
  std::unique_ptr<Symmetry> augmentation(const PuzzleKind& kind, int, SplitMix64& random) const override {
    return kind.draw_symmetry(random);
  }

  int side() const override { return shape_.side; }
  GridExample generate(SplitMix64& random) const override {
    SudokuSolver solver(shape_);
    const auto found = generate_sudoku(solver, random, least_);
    if (!found)
      throw PuzzleError("no board of " + std::to_string(side()) + " × " + std::to_string(side()) +
                        " with a rating of at least " + std::to_string(least_) + " was found; lower --min-difficulty");
    return {tokens_of_board(found->question), tokens_of_board(found->answer), found->rating};
  }
  std::string things() const override { return "boards"; }
  std::string config() const override {
    return ", \"size\": " + std::to_string(side()) + ", \"num_aug\": " + std::to_string(num_aug_);
  }

 private:
  SudokuShape shape_;
  int num_aug_, least_;
};

}  // namespace

void build_sudoku(const SudokuBuild& build) { build_grids(build, SudokuRecipe(build)); }

}  // namespace trm
