#include "puzzles/arc/arc.h"

#include <algorithm>

#include "puzzles/arc/augmentation.h"
#include "puzzles/arc/task.h"

namespace trm {
namespace {

/// On canvases: the grid keeps its place as far as it fits there.
class ArcSymmetry final : public Symmetry {
 public:
  explicit ArcSymmetry(ArcAugmentation augmentation) : augmentation_(augmentation) {}
  void apply(std::span<const int32_t> cells, std::span<int32_t> out) const override { change(cells, out, false); }
  void undo(std::span<const int32_t> cells, std::span<int32_t> out) const override { change(cells, out, true); }

 private:
  void change(std::span<const int32_t> cells, std::span<int32_t> out, bool undo) const {
    int row = 0, column = 0;
    const ArcGrid grid = find_on_canvas(cells, row, column);
    if (grid.colours.empty()) {
      std::copy(cells.begin(), cells.end(), out.begin());
      return;
    }
    const ArcGrid changed = undo ? augmentation_.undo(grid) : augmentation_.apply(grid);
    put_on_canvas(changed, std::min(row, arc_side - changed.rows), std::min(column, arc_side - changed.columns), out);
    const bool labels = std::find_if(cells.begin(), cells.end(), [](int32_t t) { return t < 0; }) != cells.end();
    if (labels) std::replace(out.begin(), out.end(), arc_token::padding, -100);  // labels have no padding
  }

  ArcAugmentation augmentation_;
};

class Arc final : public PuzzleKind {
 public:
  std::string name() const override { return "arc"; }
  std::string describe() const override { return "ARC tasks (grids of up to 30 × 30)"; }
  int rows() const override { return arc_side; }
  int columns() const override { return arc_side; }
  CellLook look(int32_t token) const override {
    // The colours of the competition's pages.
    static constexpr uint32_t colours[] = {0x000000, 0x0074d9, 0xff4136, 0x2ecc40, 0xffdc00,
                                           0xaaaaaa, 0xf012be, 0xff851b, 0x7fdbff, 0x870c25};
    const int32_t colour = token - arc_token::first_colour;
    if (colour < 0 || colour >= arc_colours)
      return {token == arc_token::padding ? ' ' : token == arc_token::border ? '.' : '?', {}};
    return {static_cast<char>('0' + colour), colours[colour]};
  }
  bool is_free(int32_t) const override { return true; }

  std::vector<Puzzle> read(std::string_view text, const std::string& name) const override {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
      throw PuzzleError(name + ": it is empty; the JSON of an ARC task is needed");
    const std::vector<ArcTask> tasks = read_arc_tasks(text, name);
    std::vector<Puzzle> puzzles;
    for (const ArcTask& task : tasks) {
      for (const ArcPair& pair : task.test) {
        Puzzle& puzzle = puzzles.emplace_back();
        puzzle.name = (task.id == name ? name : name + ", task '" + task.id + "'") + ", test input " +
                      std::to_string(&pair - task.test.data() + 1);
        puzzle.tokens.resize(arc_cells);
        put_on_canvas<int32_t>(pair.input, 0, 0, puzzle.tokens);
        if (!pair.output) continue;
        puzzle.answer.resize(arc_cells);
        put_on_canvas<int32_t>(*pair.output, 0, 0, puzzle.answer);
      }
    }
    return puzzles;
  }

  std::string write(const Puzzle&, std::span<const int32_t> answer) const override {
    return arc_json(crop_canvas(answer)) + "\n";
  }

  std::string broken_rule(const Puzzle& puzzle, std::span<const int32_t> answer) const override {
    const ArcGrid grid = crop_canvas(answer);
    if (grid.colours.empty()) return "the answer holds no grid";
    if (puzzle.answer.empty()) return "";
    const ArcGrid right = crop_canvas(puzzle.answer);
    const auto size = [](const ArcGrid& g) { return std::to_string(g.rows) + " × " + std::to_string(g.columns); };
    if (grid.rows != right.rows || grid.columns != right.columns)
      return "the answer is " + size(grid) + ", the task's output is " + size(right);
    int different = 0;
    for (size_t cell = 0; cell < right.colours.size(); ++cell) different += grid.colours[cell] != right.colours[cell];
    if (different == 0) return "";
    return std::to_string(different) + " of " + std::to_string(right.colours.size()) +
           " cells differ from the task's output";
  }

  std::vector<int32_t> tidy(std::span<const int32_t> answer) const override {
    std::vector<int32_t> canvas(arc_cells);
    const ArcGrid grid = crop_canvas(answer);
    if (!grid.colours.empty()) put_on_canvas<int32_t>(grid, 0, 0, canvas);
    return canvas;
  }

  Solutions solutions(std::span<const int32_t>) const override { return {}; }

  std::string augmentation() const override { return "arc"; }
  /// The place on the canvas. Turns and other colours make another task, which has an identifier of its own.
  void augment(SplitMix64& random, std::span<int32_t> inputs, std::span<int32_t> labels) const override {
    int row = 0, column = 0;
    const ArcGrid input = find_on_canvas(inputs, row, column), label = find_on_canvas(labels, row, column);
    if (input.colours.empty() || label.colours.empty()) return;
    const auto offset = [&](int extent) {
      return static_cast<int>(random.below(static_cast<uint64_t>(arc_side - extent + 1)));
    };
    row = offset(std::max(input.rows, label.rows));
    column = offset(std::max(input.columns, label.columns));
    put_on_canvas(input, row, column, inputs);
    put_on_canvas(label, row, column, labels);
    std::replace(labels.begin(), labels.end(), arc_token::padding, -100);  // labels have no padding
  }

  std::unique_ptr<Symmetry> draw_symmetry(SplitMix64& random) const override {
    return std::make_unique<ArcSymmetry>(ArcAugmentation::draw(random));
  }
};

}  // namespace

std::unique_ptr<Symmetry> arc_symmetry(const ArcAugmentation& augmentation) {
  return std::make_unique<ArcSymmetry>(augmentation);
}

std::unique_ptr<const PuzzleKind> make_arc(int vocab_size, int seq_len) {
  return vocab_size == arc_vocab_size && seq_len == arc_cells ? std::make_unique<Arc>() : nullptr;
}

}  // namespace trm
