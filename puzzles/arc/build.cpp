#include "puzzles/arc/build.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "data/error.h"
#include "data/files.h"
#include "data/ordered_work.h"
#include "data/output_folder.h"
#include "data/split_writer.h"
#include "puzzles/arc/augmented_task.h"
#include "puzzles/error.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// The subsets that there are files of.
std::vector<std::string> subsets_beside(const std::string& prefix) {
  const fs::path path(prefix);
  const std::string start = path.filename().string() + "_", end = "_challenges.json";
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path.has_parent_path() ? path.parent_path() : ".", error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(start) && name.ends_with(end) && name.size() > start.size() + end.size())
      names.push_back(name.substr(start.size(), name.size() - start.size() - end.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct Subset {
  std::string name;
  std::vector<ArcTask> tasks;
};

Subset read_subset(const ArcBuild& build, const std::string& name) {
  const fs::path challenges = build.input_prefix + "_" + name + "_challenges.json",
                 solutions = build.input_prefix + "_" + name + "_solutions.json";
  if (!fs::exists(challenges)) {
    const std::vector<std::string> there = subsets_beside(build.input_prefix);
    throw PuzzleError(quoted(challenges) + " does not exist; with this prefix there " +
                      (there.empty() ? "is no …_challenges.json" : "are the subsets " + listed(there)));
  }
  Subset subset{name, read_arc_tasks(read_text_file(challenges), quoted(challenges))};
  if (fs::exists(solutions)) {
    add_arc_solutions(subset.tasks, read_text_file(solutions), quoted(solutions));
  } else {
    build.output.say(
        "There is no " + quoted(solutions) + ": the test inputs of " + name +
        (name == build.test_set ? " have one cell of colour 0 as their output" : " without an output are left out"));
  }
  return subset;
}

/// One split's files, group by group.
class Split {
 public:
  Split(const fs::path& folder, const char* name, int64_t identifiers)
      : writer_(folder / name, "all", metadata(identifiers), std::nullopt, NpyType::uint8) {}

  void add(const AugmentedTask::Examples& examples, std::span<const int32_t> identifiers) {
    writer_.add_rows(examples.inputs, examples.labels);
    for (const int32_t identifier : identifiers) {
      identifiers_.push_back(identifier);
      puzzles_.push_back(puzzles_.back() + static_cast<int32_t>(examples.a_puzzle));
    }
    groups_.push_back(static_cast<int32_t>(identifiers_.size()));
  }

  void finish(int64_t identifiers) {
    writer_.set_identifiers(identifiers);
    writer_.finish(identifiers_, puzzles_, groups_);
  }

  std::string counts() const {
    return std::to_string(groups_.size() - 1) + " tasks, " + std::to_string(identifiers_.size()) + " puzzles, " +
           std::to_string(puzzles_.back()) + " examples";
  }

 private:
  static Metadata metadata(int64_t identifiers) {
    Metadata metadata;
    metadata.ignore_label_id = 0;
    metadata.vocab_size = arc_vocab_size;
    metadata.seq_len = arc_cells;
    metadata.num_puzzle_identifiers = identifiers;
    metadata.puzzle_kind = "arc";
    return metadata;
  }

  SplitWriter writer_;
  std::vector<int32_t> identifiers_, puzzles_ = {0}, groups_ = {0};
};

/// A JSON file written item by item.
class JsonStream {
 public:
  JsonStream(const fs::path& file, char open, char close) : file_(file), out_(file, std::ios::binary), close_(close) {
    out_ << open;
  }
  void add(const std::string& item) {
    out_ << (first_ ? "" : ", ") << item;
    first_ = false;
  }
  void finish() {
    out_ << close_ << '\n';
    out_.close();
    if (!out_) throw DataError("cannot write " + quoted(file_));
  }

 private:
  fs::path file_;
  std::ofstream out_;
  char close_;
  bool first_ = true;
};

/// Identifiers by name: only tasks of several subsets are looked up again.
class Identifiers {
 public:
  Identifiers(const fs::path& file, int32_t first, std::set<std::string> repeated)
      : next_(first), names_(file, '[', ']'), repeated_(std::move(repeated)) {
    for (int32_t i = 0; i < first; ++i) names_.add(json_text("<blank>"));
  }

  std::vector<int32_t> of(const std::string& task, const std::vector<std::string>& names) {
    const bool repeated = repeated_.contains(task);
    std::vector<int32_t> identifiers;
    for (const std::string& name : names) {
      int32_t identifier = next_;
      if (repeated) identifier = known_.emplace(name, next_).first->second;
      if (identifier == next_) {
        names_.add(json_text(name));
        ++next_;
      }
      identifiers.push_back(identifier);
    }
    return identifiers;
  }

  int32_t next() const { return next_; }
  void finish() { names_.finish(); }

 private:
  int32_t next_;
  JsonStream names_;
  std::set<std::string> repeated_;
  std::unordered_map<std::string, int32_t> known_;
};

struct Job {
  const ArcTask* task;
  bool is_test;
  uint64_t subset, number;
};

std::set<std::string> repeated_tasks(const ArcBuild& build, const std::vector<Subset>& subsets) {
  std::unordered_map<std::string, std::string> first;
  std::set<std::string> repeated;
  size_t shown = 0;
  for (const Subset& subset : subsets) {
    for (const ArcTask& task : subset.tasks) {
      const auto [found, fresh] = first.emplace(task.id, subset.name);
      if (fresh) continue;
      repeated.insert(task.id);
      shown += (subset.name == build.test_set) != (found->second == build.test_set);
    }
  }
  if (shown > 0)
    build.output.say("Warning: " + std::to_string(shown) + " tasks of the test set " + build.test_set +
                     " are in another subset too, whose test pairs are trained on");
  return repeated;
}

std::string config_json(const ArcBuild& build) {
  nlohmann::ordered_json config;
  config["kind"] = "arc";
  config["input_file_prefix"] = build.input_prefix;
  config["subsets"] = build.subsets;
  config["test_set_name"] = build.test_set;
  config["num_aug"] = build.num_aug;
  config["puzzle_identifiers_start"] = build.first_identifier;
  config["seed"] = build.output.seed;
  return config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

void build_arc(const ArcBuild& build) {
  if (std::ranges::find(build.subsets, build.test_set) == build.subsets.end())
    throw PuzzleError("the test set '" + build.test_set + "' is not among the subsets " + listed(build.subsets));
  OutputFolder folder(build.output.folder, build.output.force);
  std::vector<Subset> subsets;
  for (const std::string& name : build.subsets) subsets.push_back(read_subset(build, name));

  std::vector<Job> jobs;
  for (Subset& subset : subsets) {
    const auto place = static_cast<uint64_t>(&subset - subsets.data());
    SplitMix64 random(build.output.seed, place);
    random.shuffle(subset.tasks);
    for (const ArcTask& task : subset.tasks) jobs.push_back({&task, subset.name == build.test_set, place, jobs.size()});
  }
  Identifiers identifiers(folder.path() / "identifiers.json", build.first_identifier, repeated_tasks(build, subsets));
  JsonStream test_puzzles(folder.path() / "test_puzzles.json", '{', '}');
  Split train(folder.path(), "train", 1), test(folder.path(), "test", 1);

  size_t next = 0, done = 0, not_full = 0;
  const auto draw = [&]() -> std::optional<Job> {
    if (next == jobs.size()) return std::nullopt;
    return jobs[next++];
  };
  const auto work = [&](const Job& job) {
    SplitMix64 random(build.output.seed, 1000 + job.subset, job.number);
    return augment_task(*job.task, build.num_aug, job.is_test, random);
  };
  ordered_work(
      build.output.threads, draw, work,
      [&](AugmentedTask task) {
        const Job& job = jobs[done++];
        const std::vector<int32_t> ids = identifiers.of(job.task->id, task.names);
        not_full += ids.size() < static_cast<size_t>(build.num_aug) + 1;
        train.add(task.train, ids);
        if (job.is_test) {
          test.add(task.test, ids);
          ArcTask with_outputs = *job.task;
          for (ArcPair& pair : with_outputs.test)
            if (!pair.output) pair.output = ArcGrid{1, 1, {0}};
          test_puzzles.add(json_text(job.task->id) + ": " + arc_json(with_outputs));
        }
        build.output.progress("tasks", done, jobs.size());
        return true;
      },
      2);
  identifiers.finish();
  test_puzzles.finish();
  train.finish(identifiers.next());
  test.finish(identifiers.next());
  write_text_file(folder.path() / "config.json", config_json(build));
  folder.commit();
  build.output.say("train: " + train.counts());
  build.output.say("test: " + test.counts());
  if (not_full > 0)
    build.output.say(std::to_string(not_full) + " tasks have fewer than " + std::to_string(build.num_aug) +
                     " distinct augmentations");
}

}  // namespace trm
