#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "distributed/launch.h"
#include "logging/logging.h"

namespace trm {

/// A command line that cannot be understood; the message names the argument.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CommandLine {
  std::string config_name = "cfg_pretrain";
  std::optional<std::string> config_path, device, fallback;
  std::optional<std::string> op_report;  // "": on the terminal; else the file of --op-report=json:FILE
  logging::Level log_level = logging::Level::note;
  bool print_config = false, check_setup = false, list_devices = false, help = false, help_config = false,
       evaluate = false;
  LaunchFlags launch;
  bool deterministic = true;
  std::vector<std::string> checkpoints;  // of --evaluate
  std::vector<std::string> overrides;  // key=value, +key=value, ++key=value, ~key
  std::vector<std::string> arguments;  // as they were typed, without the program's name
};

/// Throws UsageError.
CommandLine parse_command_line(int argc, const char* const* argv);

/// The text of --help.
std::string usage();

/// A command that continues a run: the arguments typed, with resume=auto and checkpoint_path=`folder` in place of what
/// they say of these; quoted for a shell.
std::string resume_command(const std::string& program, const CommandLine& line, const std::string& folder);

}  // namespace trm
