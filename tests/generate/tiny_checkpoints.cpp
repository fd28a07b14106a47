#include "tests/generate/tiny_checkpoints.h"

#include <sys/wait.h>

#include <cstdlib>

#include "runtime/checkpoint_state.h"
#include "runtime/model_settings.h"
#include "settings/stored.h"
#include "tests/shared.h"
#include "tokenizer/markers.h"

namespace trm::testing {

const Tokenizer& chat_tokenizer() {
  static const Tokenizer made = Tokenizer::train({"hello there, how are you, hello you there"}, 290, markers::all());
  return made;
}

TinyModel TinyModel::chat() {
  TinyModel tiny;
  ArchSettings& arch = tiny.settings.arch;
  arch.hidden_size = 32;
  arch.num_heads = 2;
  arch.expansion = 1;
  arch.H_cycles = arch.L_cycles = arch.halt_max_steps = 2;
  arch.L_layers = 1;
  arch.causal = true;
  arch.q_position = "last";
  arch.loss_type = "softmax_cross_entropy";
  arch.forward_dtype = "float32";
  tiny.settings.dataset_type = "chat";
  tiny.data = {48, chat_tokenizer().vocab_size(), 1, chat_tokenizer().token_id(markers::kPad).value()};
  tiny.tokenizer_json = chat_tokenizer().to_json();
  return tiny;
}

TinyModel TinyModel::sudoku() {
  TinyModel tiny = chat();
  tiny.settings.arch.causal = false;
  tiny.settings.arch.puzzle_emb_ndim = 32;
  tiny.settings.arch.puzzle_emb_len = 1;
  tiny.settings.dataset_type = "puzzle";
  tiny.data = {81, 11, 3, 0};
  tiny.tokenizer_json.clear();
  return tiny;
}

void TinyModel::save(const std::filesystem::path& file, uint64_t ema_seed) const {
  const ModelConfig config = model_config(settings, data);
  checkpoint::Checkpoint made;
  made.step = 7;
  Settings stored = settings;
  stored.ema = ema_seed != 0;
  made.config_yaml = to_yaml(stored, data);
  made.tokenizer_json = tokenizer_json;
  for (const auto& [name, tensor] : Model(config, cpu_device, seed, false).state())
    made.arrays["model/" + name] = to_array(tensor);
  if (ema_seed != 0)
    for (const auto& [name, tensor] : Model(config, cpu_device, ema_seed, false).state())
      made.arrays["ema/" + name] = to_array(tensor);
  std::filesystem::create_directories(file.parent_path());
  checkpoint::save(made, file);
}

Outcome generate(const std::filesystem::path& scratch, const std::string& arguments, const std::string& input) {
  write_file(scratch / "in", input);
  const auto at = [&](const char* name) { return quoted((scratch / name).string()); };
  const std::string command = "OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive timeout 60 " +
                              quoted((bin_dir() / "generate").string()) + " " + arguments + " < " + at("in") + " > " +
                              at("out") + " 2> " + at("err");
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(scratch / "out"), read_file(scratch / "err")};
}

}  // namespace trm::testing
