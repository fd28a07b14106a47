#include "build_dataset/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "build_dataset/command_line.h"
#include "settings/nearest.h"
#include "settings/option_arguments.h"
#include "text/printable.h"

namespace trm {

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

namespace {

// One name, or all of them, as the library's version has it.
const std::string& first_name(const std::string& name) { return name; }
const std::string& first_name(const std::vector<std::string>& names) { return names.front(); }

/// Before the option library sees them, which very long arguments are too much for (settings/option_arguments.h).
std::vector<std::string> checked_arguments(const cxxopts::Options& options, int argc, char** argv) {
  std::vector<std::string> with_value, known;
  for (const std::string& group : options.groups())
    for (const auto& option : options.group_help(group).options) {
      if (first_name(option.l).empty()) continue;
      known.push_back(first_name(option.l));
      if (!option.is_boolean) with_value.push_back(known.back());
    }
  const auto contains = [](const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  std::vector<std::string> arguments = separate_values({argv + 1, argv + argc}, with_value);
  bool value = false;  // of the option before
  for (const std::string& argument : arguments) {
    if (std::exchange(value, false) || argument == "-h" || argument == "--" || argument == "-") continue;
    const std::string name = option_name(argument);
    const size_t equals = argument.find('=');
    if (argument.starts_with("-") && !contains(known, name))
      throw UsageError("unknown option " + printable(argument.substr(0, equals)) +
                       did_you_mean("--" + name.substr(0, 60), known));
    value = contains(with_value, name);
    if (!name.empty() && !value && equals != std::string::npos)
      throw UsageError("--" + name + " takes no value, got '" + printable(argument.substr(equals + 1)) + "'");
  }
  return arguments;
}

}  // namespace

cxxopts::ParseResult parse_options(cxxopts::Options& options, const std::string& subcommand,
                                   const std::vector<std::string>& required, int argc, char** argv) {
  const auto usage = [&](const std::string& what) {
    return UsageError(what + "; see build_dataset " + subcommand + " --help");
  };
  try {
    const std::vector<std::string> arguments = checked_arguments(options, argc, argv);
    std::vector<const char*> pointers{argv[0]};
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    cxxopts::ParseResult result = options.parse(static_cast<int>(pointers.size()), pointers.data());
    if (result.count("help") > 0) return result;
    if (!result.unmatched().empty())
      throw UsageError("'" + printable(result.unmatched().front()) + "' belongs to no option");
    for (const std::string& name : required)
      if (result.count(name) == 0) throw UsageError("--" + name + " is missing");
    return result;
  } catch (const UsageError& error) {
    throw usage(error.what());
  } catch (const cxxopts::exceptions::exception& error) {
    throw usage(printable(error.what(), 300));
  }
}

int64_t integer_option(const cxxopts::ParseResult& result, const std::string& name, int64_t least, int64_t most) {
  const std::string text = result[name].as<std::string>();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    throw UsageError("--" + name + " is '" + printable(text) + "'; an integer from " + std::to_string(least) + " to " +
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
    throw UsageError("--" + name + " is '" + printable(text) + "'; a share above 0, at most 1 is needed");
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
