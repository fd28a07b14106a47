#include "data/chat.h"

#include <iostream>
#include <limits>

#include "build_dataset/command_line.h"
#include "build_dataset/options.h"
#include "build_dataset/subcommands.h"

namespace trm {
namespace {

constexpr const char* kExample =
    "\nExample:\n"
    "  build_dataset chat --input-file conversations.json --output-dir data/my-chat --format sharegpt\n"
    "  pretrain --config-name cfg_chat data_paths=[data/my-chat]\n"
    "\nFormats, as JSON lists or JSON Lines:\n"
    "  sharegpt       {\"id\": …, \"conversations\": [{\"from\": \"human\", \"value\": …}, {\"from\": \"gpt\", "
    "\"value\": …}]}\n"
    "  alpaca         {\"instruction\": …, \"input\": …, \"output\": …}\n"
    "  openassistant  {\"messages\": [{\"role\": \"user\", \"content\": …}, {\"role\": \"assistant\", \"content\": "
    "…}]}\n"
    "  messages       the same, as OpenAI's fine-tuning files have it\n";

cxxopts::Options chat_options() {
  cxxopts::Options options("build_dataset chat", "Builds a dataset folder from conversations.");
  add_text_options(options, 2048, "0.95");
  options.add_options()  //
      ("format", "sharegpt, alpaca, openassistant or messages (default: that of the first record)",
       cxxopts::value<std::string>(), "FORMAT")                                                         //
      ("seed", "seed of the subsampling", cxxopts::value<std::string>()->default_value("42"), "N")      //
      ("subsample-size", "take that many conversations at random", cxxopts::value<std::string>(), "N")  //
      ("loss-on", "all, or assistant: learn the answers only", cxxopts::value<std::string>()->default_value("all"),
       "WHAT")                                 //
      ("no-system", "leave system turns out")  //
      ("skip-bad-records", "leave out records that cannot be read, and say how many; otherwise one is an error");
  return options;
}

}  // namespace

int chat_command(int argc, char** argv) {
  cxxopts::Options options = chat_options();
  const cxxopts::ParseResult result = parse_options(options, "chat", {"input-file", "output-dir"}, argc, argv);
  if (result.count("help") > 0) {
    std::cout << options.help() << kExample;
    return 0;
  }
  ChatBuild build;
  build.input_files = input_files(result);
  build.output_dir = result["output-dir"].as<std::string>();
  build.tokens = token_source(result);
  build.max_length = static_cast<int32_t>(integer_option(result, "max-length", 2, 1 << 24));
  build.train_split = share_option(result, "train-split");
  build.force = result.count("force") > 0;
  if (result.count("format") > 0) build.format = parse_chat_format(result["format"].as<std::string>());
  build.seed = static_cast<uint64_t>(integer_option(result, "seed", 0, std::numeric_limits<int64_t>::max()));
  if (result.count("subsample-size") > 0) {
    build.subsample_size =
        static_cast<uint64_t>(integer_option(result, "subsample-size", 1, std::numeric_limits<int64_t>::max()));
  }
  build.loss_on = parse_loss_on(result["loss-on"].as<std::string>());
  build.keep_system = result.count("no-system") == 0;
  build.skip_bad_records = result.count("skip-bad-records") > 0;
  build_chat(build, std::cout);
  return 0;
}

}  // namespace trm
