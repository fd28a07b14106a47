#include "data/metadata.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/files.h"
#include "text/error.h"
#include "text/json.h"

namespace trm {
namespace {

using nlohmann::json;

/// A set's files are <name>__inputs.npy and so on, within the folder.
bool is_file_name(const std::string& name) {
  return !name.empty() && name.size() < 200 &&
         std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '/' || c == '\\'; });
}

class Reader {
 public:
  Reader(const std::filesystem::path& file, const json& object) : file_(file), object_(object) {}

  [[noreturn]] void fail(const std::string& what) const { throw DataError(quoted(file_) + ": " + what); }

  const json& value(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) fail(std::string("has no '") + key + "'");
    return *found;
  }

  template <class Integer>
  Integer integer(const char* key, int64_t least, int64_t most = std::numeric_limits<Integer>::max()) const {
    const json& number = value(key);
    const bool fits = number.is_number_integer() &&
                      !(number.is_number_unsigned() && number.get<uint64_t>() > static_cast<uint64_t>(most)) &&
                      number.get<int64_t>() >= least && number.get<int64_t>() <= most;
    if (!fits) {
      fail(std::string("'") + key + "' is " + printable_json(number) + "; an integer from " + std::to_string(least) +
           " to " + std::to_string(most) + " is needed");
    }
    return number.get<Integer>();
  }

 private:
  const std::filesystem::path& file_;
  const json& object_;
};

}  // namespace

Metadata read_metadata(const std::filesystem::path& file) {
  const std::string text = read_text_file(file);
  json object;
  try {
    object = parse_json(text);
  } catch (const TextError& error) {
    throw DataError(quoted(file) + ": " + error.what());
  }
  const Reader reader(file, object);
  if (!object.is_object()) reader.fail("is not a JSON object");

  Metadata metadata;
  metadata.vocab_size = reader.integer<int32_t>("vocab_size", 1);
  metadata.seq_len = reader.integer<int32_t>("seq_len", 1);
  metadata.pad_id = reader.integer<int32_t>("pad_id", 0, metadata.vocab_size - 1);
  if (!reader.value("ignore_label_id").is_null()) {
    metadata.ignore_label_id = reader.integer<int32_t>("ignore_label_id", std::numeric_limits<int32_t>::min());
  }
  metadata.num_puzzle_identifiers = reader.integer<int64_t>("num_puzzle_identifiers", 1, 1LL << 31);
  metadata.blank_identifier_id = reader.integer<int32_t>("blank_identifier_id", 0, metadata.num_puzzle_identifiers - 1);
  metadata.total_groups = reader.integer<int64_t>("total_groups", 0);
  if (object.contains("total_puzzles") && !object["total_puzzles"].is_null()) {
    metadata.total_puzzles = reader.integer<int64_t>("total_puzzles", 0);
  }
  const json& mean = reader.value("mean_puzzle_examples");
  const bool needed = metadata.total_groups > 0;
  constexpr double most = 1e15;
  if (needed && !(mean.is_number() && mean.get<double>() > 0 && mean.get<double>() <= most)) {
    reader.fail("'mean_puzzle_examples' is " + printable_json(mean) + "; a number above 0, at most 1e15, is needed");
  }
  metadata.mean_puzzle_examples = needed ? mean.get<double>() : 0;
  const json& sets = reader.value("sets");
  if (!sets.is_array() || sets.empty())
    reader.fail("'sets' is " + printable_json(sets) + "; a list of set names is needed");
  for (const json& name : sets) {
    if (!name.is_string() || !is_file_name(name.get<std::string>()))
      reader.fail("'sets' has " + printable_json(name) +
                  ", which is not a name: the files of a set begin with it, so it has no / or \\ in it");
    metadata.sets.push_back(name.get<std::string>());
  }
  if (const auto kind = object.find("puzzle_kind"); kind != object.end() && !kind->is_null()) {
    if (!kind->is_string()) reader.fail("'puzzle_kind' is " + kind->dump() + ", which is not a name");
    metadata.puzzle_kind = kind->get<std::string>();
  }
  return metadata;
}

void write_metadata(const std::filesystem::path& file, const Metadata& metadata) {
  nlohmann::ordered_json object;
  object["pad_id"] = metadata.pad_id;
  object["ignore_label_id"] = nullptr;
  if (metadata.ignore_label_id) object["ignore_label_id"] = *metadata.ignore_label_id;
  object["blank_identifier_id"] = metadata.blank_identifier_id;
  object["vocab_size"] = metadata.vocab_size;
  object["seq_len"] = metadata.seq_len;
  object["num_puzzle_identifiers"] = metadata.num_puzzle_identifiers;
  object["total_groups"] = metadata.total_groups;
  object["mean_puzzle_examples"] = metadata.mean_puzzle_examples;
  if (metadata.total_puzzles) object["total_puzzles"] = *metadata.total_puzzles;
  object["sets"] = metadata.sets;
  if (!metadata.puzzle_kind.empty()) object["puzzle_kind"] = metadata.puzzle_kind;
  write_text_file(file, object.dump(2) + "\n");
}

uint64_t planned_steps(const Metadata& metadata, uint64_t epochs, uint64_t batch_size,
                       uint64_t gradient_accumulation_steps) {
  if (batch_size == 0 || gradient_accumulation_steps == 0) {
    throw DataError("batch size and gradient accumulation steps must be at least 1");
  }
  const double examples =
      static_cast<double>(epochs) * static_cast<double>(metadata.total_groups) * metadata.mean_puzzle_examples;
  const double batches = std::floor(examples / static_cast<double>(batch_size));
  if (!(batches < 1e18))
    throw DataError(
        "the run would have more steps than can be counted; lower epochs, or check total_groups and "
        "mean_puzzle_examples in dataset.json");
  return static_cast<uint64_t>(std::floor(batches / static_cast<double>(gradient_accumulation_steps)));
}

}  // namespace trm
