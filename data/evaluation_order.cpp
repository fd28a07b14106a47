#include <algorithm>

#include "data/error.h"
#include "data/order.h"

namespace trm {
namespace {

class EvaluationOrder : public Order {
 public:
  EvaluationOrder(const Dataset& dataset, uint64_t batch_size) : dataset_(dataset), batch_size_(batch_size) {
    if (batch_size == 0) throw DataError("global_batch_size is 0; at least 1 is needed");
    at_.order = 2;
    at_.examples = dataset.examples();
    at_.groups = dataset.groups();
  }

  bool next(std::vector<ExampleRef>& refs) override {
    refs.clear();
    while (at_.set < dataset_.sets().size() && at_.position == dataset_.sets()[at_.set].examples()) {
      ++at_.set;
      at_.position = 0;
    }
    if (at_.set == dataset_.sets().size()) return false;
    const ExampleSet& set = dataset_.sets()[at_.set];
    const uint64_t end = std::min(set.examples(), at_.position + batch_size_);
    uint64_t puzzle = set.puzzle_of(at_.position);
    for (; at_.position < end; ++at_.position) {
      while (at_.position >= set.puzzle_indices[puzzle + 1]) ++puzzle;
      refs.push_back({static_cast<uint32_t>(at_.set), at_.position, puzzle});
    }
    return true;
  }

  Cursor cursor() const override { return at_; }

  void restore(const Cursor& cursor) override {
    const bool fits =
        cursor.order == at_.order && cursor.examples == at_.examples && cursor.groups == at_.groups &&
        cursor.set <= dataset_.sets().size() &&
        (cursor.set == dataset_.sets().size() || cursor.position <= dataset_.sets()[cursor.set].examples());
    if (!fits) throw DataError("the saved place in the evaluation data is of another dataset or order");
    at_ = cursor;
  }

 private:
  const Dataset& dataset_;
  uint64_t batch_size_;
  Cursor at_;
};

}  // namespace

std::unique_ptr<Order> evaluation_order(const Dataset& dataset, uint64_t batch_size) {
  return std::make_unique<EvaluationOrder>(dataset, batch_size);
}

}  // namespace trm
