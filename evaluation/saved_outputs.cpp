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

/// NumPy's format 1.0: magic, version, length of the header, header, data.
std::string npy_header(const char* type, const std::vector<int64_t>& shape) {
  std::string sizes;
  for (const int64_t size : shape) sizes += std::to_string(size) + ", ";
  std::string header = std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (" + sizes + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() & 255) +
         static_cast<char>(header.size() >> 8) + header;
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
  const auto append = [&]<class T>(const std::string& name, std::span<const T> values, std::vector<int64_t> shape) {
    const fs::path path = temporary_ / (set.name + "__" + name + ".npy");
    auto [file, fresh] = files_.try_emplace(path.string());
    if (fresh) {
      shape.insert(shape.begin(), static_cast<int64_t>(set.examples()));
      file->second.open(path, std::ios::binary);
      file->second << npy_header(std::is_same_v<T, float> ? "<f4" : "<i4", shape);
    }
    const size_t elements = values.size() / batch.rows * static_cast<size_t>(rows);
    file->second.write(reinterpret_cast<const char*>(values.data()),
                       static_cast<std::streamsize>(elements * sizeof(T)));
    if (!file->second) throw std::runtime_error("cannot write " + quoted(path));
  };
  const auto length = static_cast<int64_t>(batch.seq_len);
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
      append(name, std::span<const float>(result.logits.to_vector<float>()), {length, result.logits.size(2)});
    else
      append(name, std::span<const float>(column(result.q.to_vector<float>(), name == "q_halt_logits" ? 0 : 1)), {});
  }
}

void SavedOutputs::finish() {
  for (auto& [path, file] : files_) {
    file.close();
    if (!file) throw std::runtime_error("cannot write '" + path + "'");
  }
  files_.clear();
  fs::remove_all(folder_);
  fs::rename(temporary_, folder_);
}

}  // namespace trm
