#include "data/cursor.h"

#include "data/error.h"

namespace trm {
namespace {

constexpr uint64_t kVersion = 1;
constexpr size_t kFields = 9;

}  // namespace

DatasetType parse_dataset_type(const std::string& name) {
  if (name == "puzzle") return DatasetType::kPuzzle;
  if (name == "chat") return DatasetType::kChat;
  throw DataError("dataset_type is '" + name + "'; puzzle or chat is needed");
}

std::vector<uint64_t> Cursor::to_vector() const {
  return {kVersion, epoch, set, position, generator, seed, order, examples, groups};
}

Cursor Cursor::from_vector(std::span<const uint64_t> values) {
  if (values.size() != kFields || values[0] != kVersion) {
    throw DataError("the saved place in the data is of another format: " + std::to_string(values.size()) +
                    " numbers, version " + (values.empty() ? "none" : std::to_string(values[0])) + "; " +
                    std::to_string(kFields) + " numbers, version " + std::to_string(kVersion) + " are needed");
  }
  return {values[1], values[2], values[3], values[4], values[5], values[6], values[7], values[8]};
}

}  // namespace trm
