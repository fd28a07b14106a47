#pragma once
// The models that are timed: the published sizes, under the names that the PyTorch peer uses.
#include <string>
#include <vector>

#include "device/device.h"
#include "model/config.h"

namespace trm::benchmarks {

struct Preset {
  std::string name;
  ModelConfig config;
  int batch = 1;
};

/// Training presets: sudoku_mlp, sudoku_att, maze_att, chat, chat_b4, cpu_sudoku_mlp, cpu_sudoku_att, cpu_chat; decoding ones: generate,
/// generate_recursive. Throws std::invalid_argument listing them for another name.
Preset find_preset(const std::string& name, bool decoding);

/// Largest resident memory of this process, or reserved device memory, in GiB.
double peak_gib(Device device);

struct Options {
  std::string device, dtype = "bfloat16", optimizer = "adamw";
  int iterations = 20, warmup = 5;
  bool op_report = false;
  std::vector<std::string> presets;
};
/// --device --dtype --optimizer (of training) --iters --warmup --op-report PRESET…; prints help or an error and exits where that is asked for or due.
Options read_options(int argc, char** argv, const char* what, std::vector<std::string> default_presets);

double median(std::vector<double> values);

}  // namespace trm::benchmarks
