#include "puzzles/grid_build.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_set>

#include "data/files.h"
#include "data/ordered_work.h"
#include "data/output_folder.h"
#include "data/split_writer.h"
#include "puzzles/csv.h"

namespace trm {
namespace {

enum Stream : uint64_t { subsampling, augmenting, training, testing };

constexpr uint64_t rows_a_job = 256, boards_a_job = 8;

/// Whole groups, as they go into the files.
struct Piece {
  std::vector<uint8_t> inputs, labels;
  std::vector<int> ratings;  // a group each
};

class Split {
 public:
  Split(const GridBuild& build, const GridRecipe& recipe, const char* name, const PuzzleKind& kind)
      : build_(build),
        recipe_(recipe),
        kind_(kind),
        augmentations_(std::string_view(name) == "train" ? recipe.augmentations() : 0),
        name_(name),
        writer_(build.output.folder / name, "all", metadata(), std::nullopt, NpyType::uint8) {}

  /// A puzzle and its images; `group` is its number in the split.
  void append(const GridExample& example, uint64_t group, Piece& piece) const {
    const auto add = [](std::vector<uint8_t>& to, std::span<const int32_t> cells) {
      for (const int32_t cell : cells) to.push_back(static_cast<uint8_t>(cell));
    };
    add(piece.inputs, example.tokens);
    add(piece.labels, example.answer);
    piece.ratings.push_back(example.rating);
    if (augmentations_ == 0) return;
    SplitMix64 random(build_.output.seed, augmenting, group);
    std::vector<int32_t> image(example.tokens.size());
    for (int i = 0; i < augmentations_; ++i) {
      const auto symmetry = recipe_.augmentation(kind_, i, random);
      symmetry->apply(example.tokens, image);
      add(piece.inputs, image);
      symmetry->apply(example.answer, image);
      add(piece.labels, image);
    }
  }

  void write(const Piece& piece) {
    writer_.add_rows(piece.inputs, piece.labels);
    ratings_.insert(ratings_.end(), piece.ratings.begin(), piece.ratings.end());
  }

  uint64_t groups() const { return ratings_.size(); }

  void finish() {
    const uint64_t a_group = 1 + static_cast<uint64_t>(augmentations_), examples = groups() * a_group;
    std::vector<int32_t> identifiers(examples, 0), puzzles(examples + 1), group_starts(groups() + 1);
    std::iota(puzzles.begin(), puzzles.end(), 0);
    for (size_t i = 0; i < group_starts.size(); ++i) group_starts[i] = static_cast<int32_t>(i * a_group);
    writer_.finish(identifiers, puzzles, group_starts);
    std::string text = name_ + ": " + std::to_string(groups()) + " " + recipe_.things();
    if (augmentations_ > 0) text += ", " + std::to_string(augmentations_) + " images of each beside it";
    if (rated_ && groups() > 0) {
      std::sort(ratings_.begin(), ratings_.end());
      text += "; rating " + std::to_string(ratings_.front()) + " to " + std::to_string(ratings_.back()) + ", median " +
              std::to_string(ratings_[ratings_.size() / 2]);
    }
    build_.output.say(text);
  }

  void rated() { rated_ = true; }

 private:
  Metadata metadata() const {
    Metadata metadata;
    metadata.ignore_label_id = 0;
    metadata.vocab_size = recipe_.vocab_size();
    metadata.seq_len = kind_.cells();
    metadata.num_puzzle_identifiers = 1;
    metadata.puzzle_kind = kind_.name();
    return metadata;
  }

  const GridBuild& build_;
  const GridRecipe& recipe_;
  const PuzzleKind& kind_;
  int augmentations_;
  std::string name_;
  SplitWriter writer_;
  std::vector<int> ratings_;
  bool rated_ = false;
};

// From files.

struct Row {
  std::string where, question, answer;
  int rating = 0;
  uint64_t group = 0;
};

/// The rows of a file that are hard enough.
class Rows {
 public:
  Rows(const std::filesystem::path& file, const std::optional<int>& min_difficulty)
      : reader_(file),
        least_(min_difficulty),
        question_(reader_.column("question")),
        answer_(reader_.column("answer")) {
    if (least_ || reader_.has("rating")) rating_ = reader_.column("rating");
  }

  bool next(Row& row) {
    while (reader_.next(fields_)) {
      row.rating = rating_ ? rating(fields_[*rating_]) : 0;
      if (least_ && row.rating < *least_) continue;
      row.where = reader_.where();
      row.question = fields_[question_];
      row.answer = fields_[answer_];
      return true;
    }
    return false;
  }

  bool rated() const { return rating_.has_value(); }

 private:
  int rating(const std::string& text) const {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
    if (!least_) return 0;
    throw PuzzleError(reader_.where() + ": the rating is '" + text + "'; --min-difficulty needs an integer there");
  }

  CsvReader reader_;
  std::optional<int> least_;
  size_t question_, answer_;
  std::optional<size_t> rating_;
  std::vector<std::string> fields_;
};

GridExample checked(const Row& row, const PuzzleKind& kind, const GridRecipe& recipe) {
  const Alphabet alphabet = recipe.alphabet(kind.rows());
  const auto tokens = [&](const char* what, const std::string& text) {
    if (text.size() != static_cast<size_t>(kind.cells()))
      throw PuzzleError(row.where + ": the " + what + " has " + std::to_string(text.size()) + " characters, " +
                        std::to_string(kind.cells()) + " are needed, as in the first row");
    return tokens_of(text, alphabet, row.where + ", " + what);
  };
  GridExample example{tokens("question", row.question), tokens("answer", row.answer), row.rating};
  const std::string fault = recipe.fault(kind, example.tokens);
  if (!fault.empty()) throw PuzzleError(row.where + ": the question cannot be used: " + fault);
  Puzzle puzzle;
  puzzle.tokens = example.tokens;
  const std::string broken = kind.broken_rule(puzzle, example.answer);
  if (!broken.empty()) throw PuzzleError(row.where + ": the answer is wrong: " + broken);
  return example;
}

/// The numbers, in order, of the rows to take; empty for all.
std::vector<uint64_t> subsample(const std::filesystem::path& file, const GridBuild& build) {
  Rows rows(file, build.min_difficulty);
  Row row;
  uint64_t count = 0;
  while (rows.next(row))
    if (++count % 65536 == 0) build.output.progress("counting " + quoted(file), count, 0);
  if (*build.subsample_size >= count) return {};
  std::vector<uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), uint64_t{0});
  SplitMix64 random(build.output.seed, subsampling);
  random.shuffle(numbers);
  numbers.resize(*build.subsample_size);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

int cells_of_first(const std::filesystem::path& file, const GridRecipe& recipe) {
  Rows rows(file, std::nullopt);
  Row row;
  if (!rows.next(row)) throw PuzzleError(quoted(file) + " holds no puzzles");
  const auto cells = static_cast<int>(std::min<size_t>(row.question.size(), 1 << 20));
  if (!recipe.kind(cells))
    throw PuzzleError(row.where + ": the question has " + std::to_string(row.question.size()) + " characters; " +
                      recipe.sizes() + " are needed");
  return cells;
}

void build_from_file(const std::filesystem::path& file, const GridBuild& build, const GridRecipe& recipe,
                     const PuzzleKind& kind, const char* name) {
  const bool train = std::string_view(name) == "train";
  std::vector<uint64_t> chosen;
  if (train && build.subsample_size) chosen = subsample(file, build);
  Rows rows(file, build.min_difficulty);
  Split split(build, recipe, name, kind);
  if (rows.rated()) split.rated();
  uint64_t number = 0, taken = 0;
  const auto next = [&]() -> std::optional<std::vector<Row>> {
    std::vector<Row> job;
    for (Row row; job.size() < rows_a_job && rows.next(row);) {
      if (!chosen.empty() && (taken == chosen.size() || number++ != chosen[taken])) continue;
      row.group = taken++;
      job.push_back(std::move(row));
    }
    if (job.empty()) return std::nullopt;
    return job;
  };
  const auto work = [&](const std::vector<Row>& job) {
    Piece piece;
    for (const Row& row : job) split.append(checked(row, kind, recipe), row.group, piece);
    return piece;
  };
  ordered_work(build.output.threads, next, work, [&](Piece piece) {
    split.write(piece);
    build.output.progress(name, split.groups(), chosen.size());
    return true;
  });
  if (split.groups() == 0)
    throw PuzzleError(
        quoted(file) + " holds no puzzles" +
        (build.min_difficulty ? " with a rating of at least " + std::to_string(*build.min_difficulty) : ""));
  split.finish();
}

// Generated.

void generate(uint64_t count, const GridBuild& build, const GridRecipe& recipe, const PuzzleKind& kind,
              const char* name, std::unordered_set<std::string>& seen) {
  const Stream stream = std::string_view(name) == "train" ? training : testing;
  Split split(build, recipe, name, kind);
  split.rated();
  uint64_t drawn = 0, last = 0, found = 0, repeated = 0;
  const auto next = [&]() -> std::optional<uint64_t> { return drawn < last ? std::optional(drawn++) : std::nullopt; };
  const auto work = [&](uint64_t job) {
    std::vector<GridExample> examples;
    for (uint64_t i = 0; i < boards_a_job; ++i) {
      SplitMix64 random(build.output.seed, stream, job * boards_a_job + i);
      examples.push_back(recipe.generate(random));
    }
    return examples;
  };
  const auto take = [&](const std::vector<GridExample>& examples) {
    Piece piece;
    for (const GridExample& example : examples) {
      if (found == count) break;
      if (!seen.insert(std::string(example.tokens.begin(), example.tokens.end())).second) {
        if (++repeated > 1000 + 20 * found)
          throw PuzzleError("there are not " + std::to_string(count) + " more different " + recipe.things() +
                            " to be found for the " + name + " split; " + std::to_string(found) + " were");
        continue;
      }
      split.append(example, found++, piece);
    }
    split.write(piece);
    build.output.progress(name, found, count);
    return true;
  };
  while (found < count) {  // once, unless some were there already
    last = drawn + (count - found + boards_a_job - 1) / boards_a_job;
    ordered_work(build.output.threads, next, work, take);
  }
  split.finish();
}

std::string config_json(const GridBuild& build, const GridRecipe& recipe, const std::string& kind) {
  nlohmann::ordered_json config = nlohmann::ordered_json::parse("{\"kind\": \"" + kind + "\"" + recipe.config() + "}");
  if (build.input_file) config["input_file"] = build.input_file->string();
  if (build.test_file) config["test_file"] = build.test_file->string();
  if (build.subsample_size) config["subsample_size"] = *build.subsample_size;
  if (build.min_difficulty) config["min_difficulty"] = *build.min_difficulty;
  if (!build.input_file) {
    config["generate"] = build.generate;
    config["test"] = build.test;
  }
  config["seed"] = build.output.seed;
  return config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

void build_grids(const GridBuild& asked, const GridRecipe& recipe) {
  const int cells = asked.input_file ? cells_of_first(*asked.input_file, recipe) : recipe.side() * recipe.side();
  const auto kind = recipe.kind(cells);
  OutputFolder folder(asked.output.folder, asked.output.force);
  GridBuild build = asked;
  build.output.folder = folder.path();
  if (build.input_file) {
    build_from_file(*build.input_file, build, recipe, *kind, "train");
    if (build.test_file) build_from_file(*build.test_file, build, recipe, *kind, "test");
  } else {
    std::unordered_set<std::string> seen;
    if (build.test > 0) generate(build.test, build, recipe, *kind, "test", seen);
    generate(build.generate, build, recipe, *kind, "train", seen);
  }
  write_text_file(folder.path() / "identifiers.json", "[\"<blank>\"]\n");
  write_text_file(folder.path() / "config.json", config_json(build, recipe, kind->name()));
  folder.commit();
}

}  // namespace trm
