#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "data/error.h"
#include "data/order.h"
#include "data/random.h"

namespace trm {
namespace {

class TrainingOrder : public Order {
 public:
  TrainingOrder(const Dataset& dataset, DatasetType type, uint64_t seed, uint64_t epochs, uint64_t batch_size)
      : dataset_(dataset), type_(type), epochs_(epochs), batch_size_(batch_size), random_(seed) {
    if (batch_size == 0) throw DataError("global_batch_size is 0; at least 1 is needed");
    at_.seed = seed;
    at_.order = type == DatasetType::kPuzzle ? 0 : 1;
    at_.examples = dataset.examples();
    at_.groups = dataset.groups();
  }

  bool next(std::vector<ExampleRef>& refs) override {
    refs.clear();
    while (refs.size() < batch_size_) {
      if (at_.epoch >= epochs_) return false;
      const ExampleSet& set = dataset_.sets()[at_.set];
      const uint64_t items = type_ == DatasetType::kPuzzle ? set.groups() : set.examples();
      if (items == 0) {
        next_set();
        continue;
      }
      if (permutation_.empty()) permute(items);
      const uint64_t item = permutation_[at_.position++];
      if (type_ == DatasetType::kPuzzle) {
        add_puzzle_of_group(set, item, refs);
      } else {
        refs.push_back({static_cast<uint32_t>(at_.set), item, set.puzzle_of(item)});
      }
      if (at_.position == items) next_set();
    }
    return true;
  }

  Cursor cursor() const override {
    Cursor cursor = at_;
    cursor.generator = random_.state();
    return cursor;
  }

  void restore(const Cursor& cursor) override {
    const auto check = [](const char* what, uint64_t saved, uint64_t here) {
      if (saved != here) {
        throw DataError(std::string("the saved place in the data is of another run: its ") + what + " is " +
                        std::to_string(saved) + ", here it is " + std::to_string(here));
      }
    };
    check("seed", cursor.seed, at_.seed);
    check("order (0 puzzle, 1 chat, 2 evaluation)", cursor.order, at_.order);
    check("number of examples", cursor.examples, at_.examples);
    check("number of groups", cursor.groups, at_.groups);
    if (cursor.set >= dataset_.sets().size()) check("set", cursor.set, dataset_.sets().size() - 1);
    const ExampleSet& set = dataset_.sets()[cursor.set];
    const uint64_t items = type_ == DatasetType::kPuzzle ? set.groups() : set.examples();
    if (cursor.position > 0 && cursor.position >= items) {
      throw DataError("the saved place in the data is of another run: its position is " +
                      std::to_string(cursor.position) + ", here the set has " + std::to_string(items));
    }
    at_ = cursor;
    permutation_.clear();
    if (at_.position > 0) permute(items);
    random_.set_state(cursor.generator);
  }

 private:
  void next_set() {
    permutation_.clear();
    at_.position = 0;
    if (++at_.set == dataset_.sets().size()) {
      at_.set = 0;
      ++at_.epoch;
    }
  }

  void permute(uint64_t items) {
    random_ = SplitMix64(at_.seed, at_.epoch, at_.set);
    permutation_.resize(items);
    std::iota(permutation_.begin(), permutation_.end(), uint64_t{0});
    random_.shuffle(permutation_);
  }

  void add_puzzle_of_group(const ExampleSet& set, uint64_t group, std::vector<ExampleRef>& refs) {
    const uint64_t first = set.group_indices[group];
    const uint64_t puzzle = first + random_.below(set.group_indices[group + 1] - first);
    const uint64_t start = set.puzzle_indices[puzzle];
    const uint64_t size = set.puzzle_indices[puzzle + 1] - start;
    const uint64_t take = std::min<uint64_t>(size, batch_size_ - refs.size());
    // The first `take` places of a Fisher–Yates shuffle of [0, size), of which only the moved places are stored.
    const uint64_t draw = SplitMix64(at_.epoch, at_.set, at_.position).state();
    std::unordered_map<uint64_t, uint64_t> moved;
    const auto value_at = [&](uint64_t place) {
      const auto found = moved.find(place);
      return found == moved.end() ? place : found->second;
    };
    for (uint64_t i = 0; i < take; ++i) {
      const uint64_t j = i + random_.below(size - i);
      const uint64_t drawn = value_at(j);
      moved[j] = value_at(i);
      refs.push_back({static_cast<uint32_t>(at_.set), start + drawn, puzzle, draw + i});
    }
  }

  const Dataset& dataset_;
  DatasetType type_;
  uint64_t epochs_, batch_size_;
  SplitMix64 random_;
  Cursor at_;
  std::vector<uint64_t> permutation_;  // of the set being visited; empty between sets
};

}  // namespace

std::unique_ptr<Order> training_order(const Dataset& dataset, DatasetType type, uint64_t seed, uint64_t epochs,
                                      uint64_t batch_size) {
  return std::make_unique<TrainingOrder>(dataset, type, seed, epochs, batch_size);
}

}  // namespace trm
