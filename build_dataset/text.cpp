#include "data/text.h"

#include <iostream>

#include "build_dataset/command_line.h"
#include "build_dataset/options.h"
#include "build_dataset/subcommands.h"

namespace trm {
namespace {

constexpr const char* kExample =
    "\nExample:\n"
    "  build_dataset text --input-file book.txt --output-dir data/my-text --characters\n"
    "  pretrain --config-name cfg_chat data_paths=[data/my-text]\n";

}  // namespace

int text_command(int argc, char** argv) {
  cxxopts::Options options("build_dataset text", "Builds a dataset folder from plain text, cut into disjoint windows.");
  add_text_options(options, 256, "0.9");
  options.add_options()("characters", "one token for each character, instead of a learned tokenizer");
  const cxxopts::ParseResult result = parse_options(options, "text", {"input-file", "output-dir"}, argc, argv);
  if (result.count("help") > 0) {
    std::cout << options.help() << kExample;
    return 0;
  }
  TextBuild build;
  build.input_files = input_files(result);
  build.output_dir = result["output-dir"].as<std::string>();
  build.tokens = token_source(result);
  build.tokens.characters = result.count("characters") > 0;
  for (const char* other : {"tokenizer", "vocab-size"}) {
    if (build.tokens.characters && result.count(other) > 0) {
      throw UsageError(std::string("--characters and --") + other + " exclude each other; give one of them");
    }
  }
  build.max_length = static_cast<int32_t>(integer_option(result, "max-length", 1, 1 << 24));
  build.train_split = share_option(result, "train-split");
  build.force = result.count("force") > 0;
  build_text(build, std::cout);
  return 0;
}

}  // namespace trm
