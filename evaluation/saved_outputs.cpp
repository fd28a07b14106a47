#include "evaluation/saved_outputs.h"

#include <algorithm>
#include <span>
#include <stdexcept>

#include "data/files.h"
#include "logging/logging.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& known_names() {
  static const std::vector<std::string> names = {"inputs", "labels",        "puzzle_identifiers", "preds",
                                                 "logits", "q_halt_logits", "q_continue_logits"};
  return names;
}

std::vector<float> column(const std::vector<float>& q, size_t index) {
  std::vector<float> values;
  for (size_t i = index; i < q.size(); i += 2) values.push_back(q[i]);
  return values;
}

}  // namespace

void SavedOutputs::require_known(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::find(known_names().begin(), known_names().end(), name) != known_names().end()) continue;
    std::string all;
    for (const std::string& one : known_names()) all += (all.empty() ? "" : ", ") + one;
    throw std::runtime_error("eval_save_outputs: got '" + name + "', takes any of " + all);
  }
}

SavedOutputs::SavedOutputs(std::vector<std::string> names) : names_(std::move(names)) { require_known(names_); }

void SavedOutputs::begin(const EvaluationPlace& place) {
  folder_ = place.folder / ("step_" + std::to_string(place.step) + "_outputs");
  temporary_ = folder_;
  temporary_ += ".tmp";
  writes_ = place.writes;
  failed_ = false;
  files_.clear();
  try_to([&] {
    fs::remove_all(temporary_);
    fs::create_directories(temporary_);
  });
}

SavedOutputs::~SavedOutputs() {
  if (!writes_) return;
  files_.clear();
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void SavedOutputs::try_to(const std::function<void()>& act) {
  if (failed_ || !writes_) return;
  try {
    act();
  } catch (const std::exception& error) {
    failed_ = true;
    logging::error(std::string(error.what()) + "; the outputs of this evaluation are not saved");
  }
}

Reads SavedOutputs::reads() const {
  return {.logits = std::find(names_.begin(), names_.end(), "logits") != names_.end()};
}

void SavedOutputs::add(const ExampleSet& set, const Batch& batch, const std::vector<EvaluatedStep>& steps) {
  try_to([&] { write(set, batch, steps.back().result); });
}

Metrics SavedOutputs::metrics() {
  try_to([&] { finish(); });
  return {};
}

void SavedOutputs::write(const ExampleSet& set, const Batch& batch, const StepResult& result) {
  const auto rows = static_cast<int64_t>(batch.real_rows);
  const auto append = [&]<class T>(const std::string& name, std::span<const T> values, std::vector<uint64_t> shape) {
    const fs::path path = temporary_ / (set.name + "__" + name + ".npy");
    shape.insert(shape.begin(), static_cast<uint64_t>(set.examples()));
    const auto [file, fresh] =
        files_.try_emplace(path.string(), path, shape, std::is_same_v<T, float> ? NpyType::float32 : NpyType::int32);
    file->second.append(values.first(values.size() / batch.rows * static_cast<size_t>(rows)));
  };
  const auto length = static_cast<uint64_t>(batch.seq_len);
  const size_t tokens = batch.rows * batch.seq_len;
  for (const std::string& name : names_) {
    if (name == "inputs")
      append(name, std::span<const int32_t>(batch.inputs, tokens), {length});
    else if (name == "labels")
      append(name, std::span<const int32_t>(batch.labels, tokens), {length});
    else if (name == "puzzle_identifiers")
      append(name, std::span<const int32_t>(batch.puzzle_identifiers, batch.rows), {});
    else if (name == "preds")
      append(name, std::span<const int32_t>(result.preds.to_vector<int32_t>()), {length});
    else if (name == "logits")
      append(name, std::span<const float>(result.logits.to_vector<float>()),
             {length, static_cast<uint64_t>(result.logits.size(2))});
    else
      append(name, std::span<const float>(column(result.q.to_vector<float>(), name == "q_halt_logits" ? 0 : 1)), {});
  }
}

void SavedOutputs::finish() {
  for (auto& [path, file] : files_) file.finish();
  files_.clear();
  fs::remove_all(folder_);
  fs::rename(temporary_, folder_);
}

}  // namespace trm
