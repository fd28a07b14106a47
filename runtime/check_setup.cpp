#include "runtime/check_setup.h"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <numeric>

#include "data/dataset.h"
#include "data/loader.h"
#include "data/split_writer.h"
#include "device/backend.h"
#include "device/rules.h"
#include "runtime/checkpoint_state.h"
#include "runtime/model_settings.h"
#include "runtime/op_report.h"
#include "runtime/programs.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

constexpr int rows = 4, length = 16, vocabulary = 32, puzzles = 5;

/// The first step's loss a row and gradient norm of the tiny model below; the same for every device, as its weights are
/// drawn on the host.
constexpr double expected_loss = 3.6467, expected_norm = 1.2721;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void require(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

/// A tiny model with all that a run has: attention, puzzle embeddings, recursion, halting.
class Rig {
 public:
  Rig(Device device, DType dtype)
      : model_(config(dtype), device, 1, true),
        optimizer_(model_.parameters(), optimizer_settings(settings(), 100)),
        step_(model_, optimizer_, options(device)) {
    for (int r = 0; r < rows; ++r) {
      identifiers_.push_back(r + 1);
      for (int i = 0; i < length; ++i) {
        inputs_.push_back((7 * r + 3 * i) % vocabulary);
        labels_.push_back((7 * r + 3 * i + 3) % vocabulary);
      }
    }
  }

  MetricsReading run(int steps = 1) {
    for (int i = 0; i < steps; ++i) step_.run(inputs_.data(), labels_.data(), identifiers_.data());
    return step_.read_metrics();
  }

  Model& model() { return model_; }
  TrainingStep& step() { return step_; }
  checkpoint::Checkpoint capture() {
    checkpoint::Checkpoint made = capture_run(model_, optimizer_, step_, 1, {});
    made.config_yaml = to_yaml(settings());
    return made;
  }
  void restore(const checkpoint::Checkpoint& checkpoint, const std::string& file) {
    restore_run(checkpoint, file, model_, optimizer_, step_);
  }

 private:
  static Settings settings() {
    Settings s;
    s.arch.hidden_size = 64;
    s.arch.num_heads = 4;
    s.arch.H_cycles = s.arch.L_cycles = 2;
    s.arch.L_layers = 1;
    s.arch.puzzle_emb_ndim = 64;
    s.arch.puzzle_emb_len = 1;
    s.arch.halt_max_steps = 3;
    s.lr = 3e-3;
    s.lr_warmup_steps = 0;
    s.grad_clip_norm = 1;
    s.ema = true;
    return s;
  }
  static ModelConfig config(DType dtype) {
    ModelConfig c = model_config(settings(), {length, vocabulary, puzzles, 0});
    c.forward_dtype = dtype;
    return c;
  }
  static TrainingStep::Options options(Device device) {
    TrainingStep::Options o;
    o.rows = all_rows(rows);
    o.seed = 1;
    o.compile = compile_rule(device).on;
    return o;
  }

  Model model_;
  OptimizerState optimizer_;
  TrainingStep step_;
  std::vector<int32_t> inputs_, labels_, identifiers_;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "trm-check-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "no folder can be made under " + fs::temp_directory_path().string());
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", value);
  return text;
}

/// "0.02 ms", "35 ms", "2.4 s"
std::string seconds_text(double seconds) {
  char text[32];
  const double milliseconds = 1000 * seconds;
  if (milliseconds < 10)
    std::snprintf(text, sizeof text, "%.2f ms", milliseconds);
  else if (milliseconds < 1000)
    std::snprintf(text, sizeof text, "%.0f ms", milliseconds);
  else
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

std::string describe_device(Device device) {
  const DeviceInfo info = Backend::of(device).info();
  std::string text = info.name;
  if (info.memory_bytes) text += ", " + with_commas(static_cast<int64_t>(info.memory_bytes >> 20)) + " MiB";
  if (!info.driver.empty()) text += ", " + info.driver;
  if (platform_of(device.kind).traits().on_host) text += ", " + std::to_string(thread_count()) + " threads";
  return text + "; bfloat16 " +
         (Backend::of(device).supports(DType::bfloat16) ? "native" : "not native, run in float32");
}

std::string forward_and_backward(Device device, DType dtype) {
  Rig rig(device, dtype);
  const double loss = rig.run().lm_loss, norm = rig.step().control()[Control::grad_norm];
  const double tolerance = dtype == DType::bfloat16 ? 4e-2 : 1e-3;
  const auto near = [&](double got, double expected) {
    return std::isfinite(got) && std::abs(got - expected) <= tolerance * expected;
  };
  const std::string found = "loss " + number(loss) + ", gradient norm " + number(norm);
  require(near(loss, expected_loss) && near(norm, expected_norm),
          found + "; expected " + number(expected_loss) + " and " + number(expected_norm));
  const std::string fallen = fallen_back_op(device.kind);
  return found + " as expected" + (fallen.empty() ? "" : "; " + fallen + " ran on the cpu");
}

std::string optimizer(Device device) {
  Rig rig(device, precision_rule(device, DType::bfloat16).dtype);
  const double first = rig.run().lm_loss;
  rig.run(30);
  const double last = rig.run().lm_loss;
  const std::string found = "loss from " + number(first) + " to " + number(last) + " in 32 steps";
  require(std::isfinite(last) && last < 0.7 * first, found + "; it should fall by a third at least");
  return found + (rig.step().captured() ? ", captured and replayed" : "");
}

std::string loader(Device device, const fs::path& folder) {
  constexpr int examples = 10;
  Metadata metadata;
  metadata.vocab_size = vocabulary;
  metadata.seq_len = length;
  metadata.num_puzzle_identifiers = examples;
  SplitWriter writer(folder / "train", "all", metadata, examples);
  std::vector<int32_t> values(length), identifiers(examples);
  std::iota(identifiers.begin(), identifiers.end(), 0);
  for (int i = 0; i < examples; ++i) {
    std::fill(values.begin(), values.end(), i);
    writer.add(values, values);
  }
  writer.finish_singly(identifiers);
  const auto dataset = std::make_shared<const Dataset>(Dataset::open({folder}, "train"));
  const LoaderRule rule = loader_rule(device, std::nullopt, std::nullopt);
  LoaderOptions one, many;
  one.batch_size = many.batch_size = rows;
  many.num_workers = rule.workers;
  if (rule.pinned) many.allocator = [device](size_t bytes) { return Backend::of(device).allocate_host(bytes); };
  Loader first = Loader::training(dataset, DatasetType::kPuzzle, 1, 4, one),
         second = Loader::training(dataset, DatasetType::kPuzzle, 1, 4, many);
  int batches = 0;
  while (auto batch = first.next()) {
    const auto other = second.next();
    require(other.has_value() && std::equal(batch->inputs, batch->inputs + rows * length, other->inputs),
            "batches differ with the number of workers");
    ++batches;
  }
  require(batches == 4 * examples / rows, "got " + std::to_string(batches) + " batches");
  return std::to_string(rule.workers) + " workers" + (rule.pinned ? ", page-locked memory" : "") +
         ": the same batches as without";
}

std::string round_trip(Device device, const fs::path& folder) {
  const DType dtype = precision_rule(device, DType::bfloat16).dtype;
  Rig unbroken(device, dtype), resumed(device, dtype);
  unbroken.run(5);
  const fs::path file = folder / "step_5.h5";
  checkpoint::save(unbroken.capture(), file);
  const auto read = checkpoint::load(file);
  resumed.restore(read, file.string());
  unbroken.run(3);
  resumed.run(3);
  const auto expected = unbroken.capture(), got = resumed.capture();
  for (const auto& [name, array] : expected.arrays)
    require(got.arrays.at(name) == array, name + " differs after resuming");
  return "saved, read and resumed bit for bit (" + with_commas(static_cast<int64_t>(fs::file_size(file) >> 10)) +
         " KiB)";
}

}  // namespace

bool check_setup(Device device, std::ostream& out) {
  int failures = 0;
  const auto check = [&](const std::string& name, const std::function<std::string()>& run) {
    const auto start = std::chrono::steady_clock::now();
    std::string found;
    bool good = true;
    try {
      found = run();
    } catch (const std::exception& error) {
      good = false;
      found = error.what();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    out << (good ? "  ok      " : "  FAILED  ") << name << ": " << found << " (" << seconds_text(seconds) << ")"
        << std::endl;
    failures += !good;
  };
  std::optional<TemporaryFolder> folder;
  check("device " + to_string(device), [&] { return describe_device(device); });
  check("forward and backward, float32", [&] { return forward_and_backward(device, DType::float32); });
  if (precision_rule(device, DType::bfloat16).dtype == DType::bfloat16)
    check("forward and backward, bfloat16", [&] { return forward_and_backward(device, DType::bfloat16); });
  check("optimizer", [&] { return optimizer(device); });
  check("temporary folder", [&] {
    folder.emplace();
    return fs::temp_directory_path().string();
  });
  if (folder) {
    check("loader", [&] { return loader(device, folder->path); });
    check("checkpoint", [&] { return round_trip(device, folder->path); });
  }
  if (failures == 0)
    out << "All checks passed: " << to_string(device) << " is ready for training." << std::endl;
  else
    out << failures << (failures == 1 ? " check" : " checks") << " failed: training on " << to_string(device)
        << " is not to be trusted." << std::endl;
  return failures == 0;
}

}  // namespace trm
