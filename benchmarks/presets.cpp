#include "benchmarks/presets.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cxxopts.hpp>
#include <stdexcept>

#include "device/backend.h"

namespace trm::benchmarks {
namespace {

ModelConfig puzzle(int seq_len, int vocab_size, int L_cycles, bool mlp_t) {
  ModelConfig c;
  c.hidden_size = 512;
  c.num_heads = 8;
  c.H_cycles = 3;
  c.L_cycles = L_cycles;
  c.mixer = mlp_t ? "mlp" : "attention";
  c.pos_encodings = mlp_t ? PositionEncoding::none : PositionEncoding::rope;
  c.puzzle_emb_ndim = 512;
  c.puzzle_emb_len = 16;
  c.seq_len = seq_len;
  c.vocab_size = vocab_size;
  return c;
}

ModelConfig chat(int vocab_size) {
  ModelConfig c;
  c.hidden_size = 384;
  c.num_heads = 12;
  c.L_layers = 4;
  c.H_cycles = c.L_cycles = c.halt_max_steps = 1;
  c.causal = true;
  c.loss = LossKind::softmax;
  c.seq_len = 512;
  c.vocab_size = vocab_size;
  return c;
}

ModelConfig recursive_chat() {
  ModelConfig c = chat(50266);
  c.H_cycles = 3;
  c.L_cycles = 4;
  c.halt_max_steps = 4;
  return c;
}

const std::vector<Preset>& training_presets() {
  static const std::vector<Preset> presets{
      {"sudoku_mlp", puzzle(81, 11, 6, true), 768},  {"sudoku_att", puzzle(81, 11, 6, false), 768},   {"maze_att", puzzle(900, 6, 4, false), 192},
      {"chat", chat(50266), 32},                     {"chat_b4", chat(50266), 4},                     {"cpu_sudoku_mlp", puzzle(81, 11, 6, true), 16},
      {"cpu_sudoku_att", puzzle(81, 11, 6, false), 16}, {"cpu_chat", chat(4096), 2}};
  return presets;
}

const std::vector<Preset>& decoding_presets() {
  static const std::vector<Preset> presets{{"generate", chat(50266), 1}, {"generate_recursive", recursive_chat(), 1}};
  return presets;
}

}  // namespace

Preset find_preset(const std::string& name, bool decoding) {
  std::string known;
  for (const Preset& preset : decoding ? decoding_presets() : training_presets()) {
    if (preset.name == name) return preset;
    known += (known.empty() ? "" : ", ") + preset.name;
  }
  throw std::invalid_argument("unknown preset '" + name + "': expected " + known);
}

double peak_gib(Device device) {
  if (device.kind != DeviceKind::cpu) return static_cast<double>(Backend::of(device).info().memory_bytes - Backend::of(device).info().free_bytes) / (1 << 30);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

Options read_options(int argc, char** argv, const char* what, std::vector<std::string> default_presets) {
  Options options;
  cxxopts::Options parser(argv[0], what);
  parser.positional_help("PRESET…");
  parser.add_options()("device", "cpu, accelerator, cuda or cuda:N (default: detected)", cxxopts::value(options.device))(
      "dtype", "bfloat16 or float32", cxxopts::value(options.dtype)->default_value("bfloat16"))(
      "optimizer", "adamw, adam_atan2 or muon, of a training step", cxxopts::value(options.optimizer)->default_value("adamw"))("iters", "measured steps", cxxopts::value(options.iterations)->default_value("20"))(
      "warmup", "steps before", cxxopts::value(options.warmup)->default_value("5"))(
      "op-report", "then one more step, not captured, with the time of every op", cxxopts::value(options.op_report))("presets", "what to time", cxxopts::value(options.presets))("help", "this text");
  parser.parse_positional({"presets"});
  try {
    const auto result = parser.parse(argc, argv);
    if (result.count("help")) {
      std::printf("%s", parser.help().c_str());
      std::exit(0);
    }
    if (options.iterations < 1 || options.warmup < 0) throw std::invalid_argument("--iters must be at least 1 and --warmup at least 0");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    std::exit(1);
  }
  if (options.presets.empty()) options.presets = std::move(default_presets);
  return options;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace trm::benchmarks
