// same_run FOLDER FILE: whether FILE has, bit for bit, the arrays of the checkpoint of that step in FOLDER.
// same_run --loads FILE: whether it is whole.
#include <iostream>

#include "checkpoint/checkpoint.h"
#include "checkpoint/run_folder.h"

int main(int argc, char** argv) {
  using namespace trm::checkpoint;
  if (argc != 3) return 2;
  try {
    const std::filesystem::path file = argv[2];
    if (std::string(argv[1]) == "--loads") {
      verify(file);
      return 0;
    }
    const Checkpoint expected = load(checkpoint_name(argv[1], step_of(file).value())), got = load(file);
    if (expected.step == got.step && expected.arrays == got.arrays) return 0;
    for (const auto& [name, array] : expected.arrays)
      if (!got.arrays.contains(name) || got.arrays.at(name) != array) std::cerr << name << " differs\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
  }
  return 1;
}
