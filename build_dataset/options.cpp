#include "build_dataset/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "build_dataset/command_line.h"
#include "settings/nearest.h"

namespace trm {

const std::vector<std::string> text_option_names = {"input-file", "tokenizer", "vocab-size", "max-length",
                                                    "train-split"};

void add_output_options(cxxopts::Options& options) {
  options.add_options()                                                      //
      ("output-dir", "folder to write", cxxopts::value<std::string>(), "D")  //
      ("force", "replace a dataset under --output-dir")                      //
      ("h,help", "print this");
  options.positional_help("");
  options.show_positional_help();
}

void add_text_options(cxxopts::Options& options, int max_length, const std::string& train_split) {
  options.add_options()  //
      ("input-file", "file to read; several may follow one another", cxxopts::value<std::vector<std::string>>(),
       "F…")  //
      ("tokenizer",
       "tokenizer.json, a folder with one, or a folder with vocab.json + merges.txt; without it one is learned",
       cxxopts::value<std::string>(), "FILE|FOLDER")                                                     //
      ("vocab-size", "size of a learned tokenizer (default: 4096)", cxxopts::value<std::string>(), "N")  //
      ("max-length", "tokens an example", cxxopts::value<std::string>()->default_value(std::to_string(max_length)),
       "N")  //
      ("train-split", "share for training, the first one", cxxopts::value<std::string>()->default_value(train_split),
       "R");
  add_output_options(options);
  options.parse_positional({"input-file"});
  options.custom_help("--input-file F… --output-dir D [options]");
}

cxxopts::ParseResult parse_options(cxxopts::Options& options, const std::string& subcommand,
                                   std::vector<std::string> names, const std::vector<std::string>& required, int argc,
                                   char** argv) {
  const auto usage = [&](const std::string& what) {
    return UsageError(what + "; see build_dataset " + subcommand + " --help");
  };
  try {
    cxxopts::ParseResult result = options.parse(argc, argv);
    if (result.count("help") > 0) return result;
    if (!result.unmatched().empty()) throw usage("'" + result.unmatched().front() + "' belongs to no option");
    for (const std::string& name : required)
      if (result.count(name) == 0) throw usage("--" + name + " is missing");
    return result;
  } catch (const cxxopts::exceptions::no_such_option& error) {
    names.insert(names.end(), {"output-dir", "force", "help"});
    for (const std::string& argument : std::vector<std::string>(argv + 1, argv + argc)) {
      const std::string name = argument.substr(0, argument.find('='));
      if (name.starts_with("--") && name != "--" &&
          std::find(names.begin(), names.end(), name.substr(2)) == names.end())
        throw usage("unknown option " + name + did_you_mean(name, names));
    }
    throw usage(error.what());
  } catch (const cxxopts::exceptions::exception& error) {
    throw usage(error.what());
  }
}

int64_t integer_option(const cxxopts::ParseResult& result, const std::string& name, int64_t least, int64_t most) {
  const std::string text = result[name].as<std::string>();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    throw UsageError("--" + name + " is '" + text + "'; an integer from " + std::to_string(least) + " to " +
                     std::to_string(most) + " is needed");
  }
  return value;
}

double share_option(const cxxopts::ParseResult& result, const std::string& name) {
  const std::string text = result[name].as<std::string>();
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);  // not from_chars: macOS has it for integers only
  const bool plain = text.find_first_not_of("0123456789.eE-") == std::string::npos;
  if (!plain || end != text.c_str() + text.size() || !(value > 0 && value <= 1)) {
    throw UsageError("--" + name + " is '" + text + "'; a share above 0, at most 1 is needed");
  }
  return value;
}

std::vector<std::filesystem::path> input_files(const cxxopts::ParseResult& result) {
  const auto& names = result["input-file"].as<std::vector<std::string>>();
  return {names.begin(), names.end()};
}

TokenSource token_source(const cxxopts::ParseResult& result) {
  TokenSource source;
  if (result.count("tokenizer") > 0) {
    if (result.count("vocab-size") > 0) {
      throw UsageError("--vocab-size is for a learned tokenizer; leave it out with --tokenizer");
    }
    source.tokenizer = result["tokenizer"].as<std::string>();
  } else if (result.count("vocab-size") > 0) {
    source.vocab_size = static_cast<int>(integer_option(result, "vocab-size", 1, 1 << 24));
  }
  return source;
}

}  // namespace trm
