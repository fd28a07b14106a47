#include "build_dataset/grid_options.h"

#include <limits>

#include "build_dataset/command_line.h"
#include "build_dataset/options.h"
#include "build_dataset/progress_bar.h"

namespace trm {

void add_grid_options(cxxopts::Options& options, const char* size_default, const char* size_help) {
  const auto text = [] { return cxxopts::value<std::string>(); };
  options.add_options()                                                                   //
      ("input-file", "CSV file to train on: source,question,answer,rating", text(), "F")  //
      ("test-file", "CSV file to evaluate on", text(), "F")                               //
      ("generate", "make that many to train on, instead of reading them", text(), "N")    //
      ("test", "make that many others to evaluate on", text(), "N")                       //
      ("size", size_help, text()->default_value(size_default), "N")                       //
      ("subsample-size", "of --input-file, take that many at random", text(), "N")        //
      ("min-difficulty", "only those with a rating of at least that", text(), "R")        //
      ("seed", "the same seed gives the same bytes", text()->default_value("42"), "N");
  add_output_options(options);
  options.custom_help("--output-dir D (--input-file F [--test-file F] | --generate N [--test N]) [options]");
}

void read_grid_options(const cxxopts::ParseResult& result, const std::vector<std::string>& generated_only,
                       GridBuild& build) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  const auto given = [&](const std::string& name) { return result.count(name) > 0; };
  const auto refuse = [&](const std::vector<std::string>& names, const char* reason) {
    for (const std::string& name : names)
      if (given(name)) throw UsageError("--" + name + reason);
  };
  if (given("input-file") && given("generate"))
    throw UsageError("--input-file and --generate exclude each other; give one of them");
  if (!given("input-file") && !given("generate"))
    throw UsageError("where the puzzles come from is missing: --input-file F, or --generate N to make them");
  if (given("input-file")) {
    refuse(generated_only, " is for puzzles that are made; leave it out with --input-file");
    refuse({"test"}, " is for puzzles that are made; with --input-file there is --test-file F");
    build.input_file = result["input-file"].as<std::string>();
    if (given("test-file")) build.test_file = result["test-file"].as<std::string>();
    if (given("subsample-size"))
      build.subsample_size = static_cast<uint64_t>(integer_option(result, "subsample-size", 1, most));
  } else {
    refuse({"test-file", "subsample-size"}, " goes with --input-file; leave it out with --generate");
    build.generate = static_cast<uint64_t>(integer_option(result, "generate", 1, most));
    if (given("test")) build.test = static_cast<uint64_t>(integer_option(result, "test", 0, most));
  }
  if (given("min-difficulty"))
    build.min_difficulty = static_cast<int>(integer_option(result, "min-difficulty", 0, most));
  build.output.folder = result["output-dir"].as<std::string>();
  build.output.force = given("force");
  build.output.seed = static_cast<uint64_t>(integer_option(result, "seed", 0, std::numeric_limits<int64_t>::max()));
  show_progress(build.output);
}

}  // namespace trm
