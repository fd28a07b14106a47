#include "puzzles/arc/augmented_task.h"

#include <algorithm>
#include <unordered_set>

namespace trm {
namespace {

constexpr int tries_a_copy = 5;

struct Pair {
  ArcGrid input, output;
};

std::string bytes(const Pair& pair) {
  std::string text;
  for (const ArcGrid* grid : {&pair.input, &pair.output}) {
    text += static_cast<char>(grid->rows);
    text += static_cast<char>(grid->columns);
    text.append(grid->colours.begin(), grid->colours.end());
  }
  return text;
}

/// Equal for puzzles of the same pairs, in whatever order.
std::string fingerprint(const std::vector<Pair>& pairs) {
  std::vector<std::string> parts;
  for (const Pair& pair : pairs) parts.push_back(bytes(pair));
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

void add_example(const Pair& pair, int row, int column, AugmentedTask::Examples& to) {
  const size_t at = to.inputs.size();
  to.inputs.resize(at + arc_cells);
  to.labels.resize(at + arc_cells);
  put_on_canvas<uint8_t>(pair.input, row, column, std::span(to.inputs).subspan(at));
  put_on_canvas<uint8_t>(pair.output, row, column, std::span(to.labels).subspan(at));
}

void add_puzzle(std::span<const Pair> train, std::span<const Pair> test, SplitMix64& random, AugmentedTask& task) {
  const uint64_t unmoved = train.empty() ? 0 : random.below(train.size());
  for (size_t i = 0; i < train.size(); ++i) {
    const Pair& pair = train[i];
    const auto offset = [&](int extent) {
      return i == unmoved ? 0 : static_cast<int>(random.below(static_cast<uint64_t>(arc_side - extent + 1)));
    };
    const int row = offset(std::max(pair.input.rows, pair.output.rows)),
              column = offset(std::max(pair.input.columns, pair.output.columns));
    add_example(pair, row, column, task.train);
  }
  for (const Pair& pair : test) add_example(pair, 0, 0, task.test);
  task.train.a_puzzle = train.size();
  task.test.a_puzzle = test.size();
}

}  // namespace

AugmentedTask augment_task(const ArcTask& task, int count, bool test_apart, SplitMix64& random) {
  std::vector<Pair> pairs;
  for (const ArcPair& pair : task.train) pairs.push_back({pair.input, *pair.output});
  size_t train = pairs.size();
  for (const ArcPair& pair : task.test)
    if (pair.output || test_apart) pairs.push_back({pair.input, pair.output.value_or(ArcGrid{1, 1, {0}})});
  if (!test_apart) train = pairs.size();

  AugmentedTask result;
  const auto add = [&](const std::vector<Pair>& all, std::string name) {
    result.names.push_back(std::move(name));
    add_puzzle(std::span(all).first(train), std::span(all).subspan(train), random, result);
  };
  const size_t most = pairs.size() * arc_cells * static_cast<size_t>(count + 1);
  result.train.inputs.reserve(most / pairs.size() * train);
  result.train.labels.reserve(most / pairs.size() * train);
  add(pairs, task.id);
  std::unordered_set<std::string> seen = {fingerprint(pairs)};
  std::vector<Pair> image;
  for (int left = count, tries = tries_a_copy * count; left > 0 && tries > 0; --tries) {
    const ArcAugmentation augmentation = ArcAugmentation::draw(random);
    image.clear();
    for (const Pair& pair : pairs) image.push_back({augmentation.apply(pair.input), augmentation.apply(pair.output)});
    if (!seen.insert(fingerprint(image)).second) continue;
    add(image, arc_name(task.id, augmentation));
    --left;
  }
  return result;
}

}  // namespace trm
