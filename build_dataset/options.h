#pragma once
// What the subcommands' options have in common.
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/token_source.h"

namespace cxxopts {
class Options;
class ParseResult;
}  // namespace cxxopts

namespace trm {

/// A command line that cannot be understood; the message names the option.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// --output-dir, --force, --help.
void add_output_options(cxxopts::Options& options);
/// Besides these --input-file (and what stands without an option), --tokenizer, --vocab-size, --max-length,
/// --train-split, with these defaults.
void add_text_options(cxxopts::Options& options, int max_length, const std::string& train_split);

/// Parses; an unknown option, a missing value, one of `required` that is missing, or a word that belongs to no option
/// is a UsageError. With --help, nothing is required.
cxxopts::ParseResult parse_options(cxxopts::Options& options, const std::string& subcommand,
                                   const std::vector<std::string>& required, int argc, char** argv);

/// Values by their option's name; a UsageError names the option and what it takes.
int64_t integer_option(const cxxopts::ParseResult& result, const std::string& name, int64_t least, int64_t most);
double share_option(const cxxopts::ParseResult& result, const std::string& name);
std::vector<std::filesystem::path> input_files(const cxxopts::ParseResult& result);
TokenSource token_source(const cxxopts::ParseResult& result);

}  // namespace trm
