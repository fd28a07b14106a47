#include "puzzles/maze/build.h"

#include "puzzles/dihedral.h"
#include "puzzles/maze/generator.h"

namespace trm {
namespace {

class MazeRecipe final : public GridRecipe {
 public:
  explicit MazeRecipe(const MazeBuild& build)
      : shape_{build.size, build.min_path.value_or(build.size * build.size * 110 / 900), build.unique},
        aug_(build.aug) {}

  std::unique_ptr<const PuzzleKind> kind(int cells) const override { return make_maze(maze_vocab_size, cells); }
  Alphabet alphabet(int) const override { return maze_alphabet; }
  std::string sizes() const override { return "as many as a square has, such as 900,"; }
  int vocab_size() const override { return maze_vocab_size; }

  std::string fault(const PuzzleKind& kind, std::span<const int32_t> tokens) const override {
    const std::string fault = maze_fault(tokens, kind.rows());
    if (!fault.empty()) return fault;
    const Answers count = kind.solutions(tokens).count;
    if (count == Answers::none) return "no path leads from S to G";
    return shape_.unique && count == Answers::several ? "it has several shortest paths (--unique)" : "";
  }

  int augmentations() const override { return aug_ ? dihedral_count - 1 : 0; }
  std::unique_ptr<Symmetry> augmentation(const PuzzleKind& kind, int index, SplitMix64&) const override {
    return dihedral_symmetry(index + 1, kind.rows());
  }

  int side() const override { return shape_.side; }
  GridExample generate(SplitMix64& random) const override {
    auto found = generate_maze(random, shape_);
    if (!found)
      throw PuzzleError("no maze of " + std::to_string(side()) + " × " + std::to_string(side()) +
                        " with a shortest path of more than " + std::to_string(shape_.min_path) +
                        " moves was found; lower --min-path");
    return {std::move(found->question), std::move(found->answer), found->length};
  }
  std::string things() const override { return "mazes"; }
  std::string config() const override {
    return ", \"size\": " + std::to_string(side()) + ", \"min_path\": " + std::to_string(shape_.min_path) +
           ", \"unique\": " + (shape_.unique ? "true" : "false") + ", \"aug\": " + (aug_ ? "true" : "false");
  }

 private:
  MazeShape shape_;
  bool aug_;
};

}  // namespace

void build_maze(const MazeBuild& build) { build_grids(build, MazeRecipe(build)); }

}  // namespace trm
