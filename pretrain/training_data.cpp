#include "pretrain/training_data.h"

#include "data/error.h"
#include "data/files.h"
#include "device/backend.h"
#include "settings/validate.h"
#include "tokenizer/tokenizer.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> folders(const std::vector<std::string>& paths) { return {paths.begin(), paths.end()}; }

void require_same(const Dataset& train, const Dataset& test) {
  const Metadata &a = train.metadata(), &b = test.metadata();
  const auto check = [](const char* name, int64_t there, int64_t here) {
    if (there != here)
      throw DataError(std::string("the data to evaluate on has ") + name + " " + std::to_string(here) +
                      ", the training data " + std::to_string(there) +
                      "; both must come from the same build (data_paths, data_paths_test)");
  };
  check("seq_len", a.seq_len, b.seq_len);
  check("vocab_size", a.vocab_size, b.vocab_size);
  check("pad_id", a.pad_id, b.pad_id);
}

void require_rows(const Dataset& data, int64_t rows, const char* what) {
  if (data.max_puzzle_identifier() >= rows)
    throw DataError(std::string("the ") + what + " data uses puzzle identifier " +
                    std::to_string(data.max_puzzle_identifier()) +
                    ", and num_puzzle_identifiers of the training data is " + std::to_string(rows) +
                    ": the puzzle table would have no row for it");
}

std::string read_tokenizer(const fs::path& folder, int vocab_size) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  if (tokenizer.vocab_size() > vocab_size)
    throw DataError(quoted(folder) + " has " + std::to_string(tokenizer.vocab_size()) +
                    " tokens, but the dataset's vocab_size is " + std::to_string(vocab_size) +
                    ": it is not the tokenizer that the dataset was built with");
  const fs::path file = folder / "tokenizer.json";
  return fs::exists(file) ? read_text_file(file) : tokenizer.to_json();
}

}  // namespace

TrainingData TrainingData::open(const Settings& settings) {
  require_data_paths(settings);
  TrainingData data;
  data.train = std::make_shared<const Dataset>(Dataset::open(folders(settings.data_paths), "train"));
  const Metadata& metadata = data.train->metadata();
  data.metadata = {metadata.seq_len, metadata.vocab_size, metadata.num_puzzle_identifiers, metadata.pad_id};
  if (!metadata.puzzle_kind.empty()) data.metadata.puzzle_kind = metadata.puzzle_kind;

  if (!settings.data_paths_test.empty()) {
    data.test = std::make_shared<const Dataset>(Dataset::open(folders(settings.data_paths_test), "test"));
  } else if (auto test = Dataset::open_if_present(folders(settings.data_paths), "test")) {
    data.test = std::make_shared<const Dataset>(std::move(*test));
  } else {
    data.notes.push_back("there is no test split under data_paths: training without evaluation");
  }
  if (data.test) require_same(*data.train, *data.test);
  if (settings.arch.puzzle_emb_ndim > 0) {
    require_rows(*data.train, metadata.num_puzzle_identifiers, "training");
    if (data.test) require_rows(*data.test, metadata.num_puzzle_identifiers, "test");
  }

  if (const auto& folder = data.train->tokenizer_folder())
    data.tokenizer_json = read_tokenizer(*folder, metadata.vocab_size);
  else if (settings.dataset_type == "chat")
    data.notes.push_back(
        "the dataset has no tokenizer folder: to generate from these checkpoints, give generate --tokenizer");
  return data;
}

LoaderOptions loader_options(const Settings& settings, Device device, const LoaderRule& rule) {
  LoaderOptions options;
  options.batch_size = static_cast<uint64_t>(settings.global_batch_size);
  options.num_workers = rule.workers;
  if (rule.pinned) options.allocator = [device](size_t bytes) { return Backend::of(device).allocate_host(bytes); };
  return options;
}

}  // namespace trm
