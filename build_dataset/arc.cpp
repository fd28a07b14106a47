#include <iostream>
#include <limits>

#include "build_dataset/command_line.h"
#include "build_dataset/options.h"
#include "build_dataset/progress_bar.h"
#include "build_dataset/subcommands.h"
#include "puzzles/arc/build.h"

namespace trm {
namespace {

constexpr const char* kExample =
    "\nExample:\n"
    "  build_dataset arc --input-file-prefix kaggle/combined/arc-agi --output-dir data/arc1concept-aug-1000 \\\n"
    "    --subsets training evaluation concept --test-set-name evaluation\n"
    "  pretrain arch=trm \"data_paths=[data/arc1concept-aug-1000]\"\n"
    "\nReads <prefix>_<subset>_challenges.json and …_solutions.json. Of the test set's tasks the demonstrations are "
    "trained\n"
    "on and the test pairs evaluated; the other subsets are trained on entirely.\n";

/// Words, or lists with commas.
std::vector<std::string> words(const std::vector<std::string>& given) {
  std::vector<std::string> all;
  for (std::string text : given) {
    for (size_t comma; (comma = text.find(',')) != std::string::npos; text.erase(0, comma + 1))
      if (comma > 0) all.push_back(text.substr(0, comma));
    if (!text.empty()) all.push_back(text);
  }
  return all;
}

}  // namespace

int arc_command(int argc, char** argv) {
  cxxopts::Options options("build_dataset arc", "Builds a dataset folder of ARC tasks.");
  const auto text = [] { return cxxopts::value<std::string>(); };
  options.add_options()                                                                  //
      ("input-file-prefix", "what the names of the JSON files start with", text(), "P")  //
      ("subsets", "subsets to read; several may follow one another", cxxopts::value<std::vector<std::string>>(),
       "S…")                                                                                            //
      ("test-set-name", "the subset to evaluate on", text(), "S")                                       //
      ("num-aug", "distinct augmentations of each task beside it", text()->default_value("1000"), "N")  //
      ("puzzle-identifiers-start", "first identifier, to use several folders together", text()->default_value("1"),
       "N")  //
      ("seed", "the same seed gives the same bytes", text()->default_value("42"), "N");
  add_output_options(options);
  options.parse_positional({"subsets"});
  options.custom_help("--input-file-prefix P --output-dir D --subsets S… --test-set-name S [options]");
  const cxxopts::ParseResult result =
      parse_options(options, "arc", {"input-file-prefix", "output-dir", "subsets", "test-set-name"}, argc, argv);
  if (result.count("help") > 0) {
    std::cout << options.help() << kExample;
    return 0;
  }
  ArcBuild build;
  build.input_prefix = result["input-file-prefix"].as<std::string>();
  build.subsets = words(result["subsets"].as<std::vector<std::string>>());
  build.test_set = result["test-set-name"].as<std::string>();
  build.num_aug = static_cast<int>(integer_option(result, "num-aug", 0, 100000));
  build.first_identifier = static_cast<int>(integer_option(result, "puzzle-identifiers-start", 1, 1 << 30));
  build.output.folder = result["output-dir"].as<std::string>();
  build.output.force = result.count("force") > 0;
  build.output.seed = static_cast<uint64_t>(integer_option(result, "seed", 0, std::numeric_limits<int64_t>::max()));
  show_progress(build.output);
  timed(build.output, [&] { build_arc(build); });
  return 0;
}

}  // namespace trm
