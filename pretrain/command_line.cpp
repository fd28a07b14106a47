#include "pretrain/command_line.h"

// Overrides have commas in them.
#define CXXOPTS_VECTOR_DELIMITER '\0'
#include <algorithm>
#include <cxxopts.hpp>
#include <utility>

#include "settings/keys.h"
#include "settings/nearest.h"
#include "settings/option_arguments.h"
#include "text/printable.h"

namespace trm {
namespace {

cxxopts::Options make_options() {
  cxxopts::Options options("pretrain", "Trains a tiny recursive reasoning model on dataset folders.");
  options.add_options()  //
      ("config-name", "configuration, also -cn: a name under the config folder, or a YAML file",
       cxxopts::value<std::string>(), "NAME")                                                                        //
      ("config-path", "folder to look for configurations in first, also -cp", cxxopts::value<std::string>(), "DIR")  //
      ("device", "cuda, cuda:N, accelerator (mps, opencl) or cpu; otherwise chosen in this order",
       cxxopts::value<std::string>(), "X")                           //
      ("print-config", "print the composed configuration and stop")  //
      ("evaluate",
       "evaluate these checkpoints (files or run folders) on their test data, and stop; key=value changes their "
       "configuration")                                                                                          //
      ("check-setup", "try device, forward, backward, optimizer, loader and a checkpoint round trip, and stop")  //
      ("list-devices", "list the devices and stop")                                                              //
      ("op-report",
       "print the table of ops and devices, with calls, bytes and time where there was training; json:FILE writes it "
       "there",
       cxxopts::value<std::string>()->implicit_value(""), "json:FILE")  //
      ("fallback",
       "on: ops without a kernel on the device run on the cpu (otherwise as TRM_FALLBACK says); off: they are an "
       "error; "
       "only:OP,OP…: an error but for these",
       cxxopts::value<std::string>(), "HOW")  //
      ("log-level", "least that the terminal shows: info, warning or error; train.log has all",
       cxxopts::value<std::string>(), "LEVEL")                                                                 //
      ("nproc-per-node", "start N processes on this machine that train together", cxxopts::value<int>(), "N")  //
      ("rank", "number of this process, from 0, where no launcher says it", cxxopts::value<int>(), "R")        //
      ("world-size", "number of processes, with --rank", cxxopts::value<int>(), "N")                           //
      ("local-rank", "number of this process on its machine, with --rank", cxxopts::value<int>(), "R")         //
      ("master", "where rank 0 can be reached, with --rank", cxxopts::value<std::string>(), "HOST:PORT")       //
      ("deterministic", "off: several GPUs may sum in another order each time, if that is faster",
       cxxopts::value<std::string>()->default_value("on"), "on|off")    //
      ("help-config", "print every key of the configuration and stop")  //
      ("h,help", "print this")                                          //
      ("overrides", "", cxxopts::value<std::vector<std::string>>());
  options.parse_positional({"overrides"});
  options.custom_help("[options]");
  options.positional_help("[key=value…]");
  return options;
}

/// Hydra's -cn and -cp, which are no single letters.
std::string long_form(const std::string& argument) {
  for (const auto& [from, to] : {std::pair{"-cn", "--config-name"}, std::pair{"-cp", "--config-path"}})
    if (argument == from || argument.starts_with(std::string(from) + "=")) return to + argument.substr(3);
  return argument;
}

/// What to say of an option that there is not: a key was meant, or the nearest one.
std::string hint(const std::string& argument, const std::vector<std::string>& options) {
  const size_t start = argument.find_first_not_of('-');
  if (start == std::string::npos) return "";
  const std::string name = argument.substr(start, argument.find('=') - start);
  if (find_key(name)) return "; a key of the configuration is written without dashes: " + name + "=…";
  return did_you_mean(argument, options) + "; see pretrain --help";
}

std::optional<std::string> text(const cxxopts::ParseResult& result, const std::string& name) {
  if (result.count(name) == 0) return std::nullopt;
  const std::string value = result[name].as<std::string>();
  if (value.empty() && name != "op-report") throw UsageError("--" + name + " needs a value; see pretrain --help");
  return value;
}

std::string quoted(const std::string& argument) {
  if (!argument.empty() &&
      argument.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%") ==
          std::string::npos)
    return argument;
  std::string out = "'";
  for (const char c : argument) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// The key that an override sets, "" for an option.
std::string key_of(const std::string& argument) {
  const size_t start = argument.find_first_not_of("+~");
  const size_t equals = argument.find('=');
  if (argument.starts_with("-") || start == std::string::npos) return "";
  return argument.substr(start, equals == std::string::npos ? std::string::npos : equals - start);
}

const std::vector<std::string> with_value = {"config-name", "config-path",   "device",         "fallback",
                                             "log-level",   "deterministic", "nproc-per-node", "rank",
                                             "world-size",  "local-rank",    "master"};

/// Before the option library sees them, which a very long one would be too much for.
void refuse_unknown(const std::vector<std::string>& arguments) {
  static const std::vector<std::string> flags = {"print-config", "check-setup", "list-devices", "help-config", "help",
                                                 "evaluate"};
  std::vector<std::string> known = with_value;
  known.insert(known.end(), flags.begin(), flags.end());
  known.insert(known.end(), {"op-report", "h"});
  const auto contains = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  bool value = false;  // of the option before
  for (const std::string& argument : arguments) {
    if (std::exchange(value, false) || !argument.starts_with("-") || argument == "-" || argument == "--") continue;
    const std::string name =
        argument.starts_with("--") ? option_name(argument) : argument.substr(1, argument.find('=') - 1);
    value = contains(with_value, name);
    if (!contains(known, name))
      throw UsageError("unknown option " + printable(argument) + hint(argument.substr(0, 80), known));
    const size_t equals = argument.find('=');
    if (contains(flags, name) && equals != std::string::npos)
      throw UsageError("--" + name + " takes no value, got '" + printable(argument.substr(equals + 1)) +
                       "'; see pretrain --help");
    if (argument.size() > 5000) throw UsageError("--" + name + ": the name of its file is too long");
  }
}

/// Of --evaluate: what is no key=value is a checkpoint.
void take_checkpoints(CommandLine& line, bool config) {
  if (config) throw UsageError("--evaluate takes the configuration in the checkpoint; key=value changes it");
  std::vector<std::string> overrides;
  for (std::string& argument : line.overrides) {
    const bool override =
        argument.find('=') != std::string::npos || argument.starts_with("~") || argument.starts_with("+");
    (override ? overrides : line.checkpoints).push_back(std::move(argument));
  }
  line.overrides = std::move(overrides);
  if (line.checkpoints.empty())
    throw UsageError(
        "--evaluate takes checkpoints: step_<n>.h5, or a run's folder; such as pretrain --evaluate checkpoints/p/run");
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  std::vector<std::string> changed;
  for (int i = 1; i < argc; ++i) {
    line.arguments.push_back(argv[i]);
    changed.push_back(long_form(argv[i]));
  }
  changed = separate_values(changed, with_value);
  refuse_unknown(changed);
  std::vector<const char*> pointers{argv[0]};
  for (const std::string& argument : changed) pointers.push_back(argument.c_str());

  cxxopts::Options options = make_options();
  cxxopts::ParseResult result;
  try {
    result = options.parse(static_cast<int>(pointers.size()), pointers.data());
  } catch (const cxxopts::exceptions::exception& error) {
    throw UsageError(printable(error.what(), 300) + "; see pretrain --help");
  }
  line.config_name = text(result, "config-name").value_or(line.config_name);
  line.config_path = text(result, "config-path");
  line.device = text(result, "device");
  line.fallback = text(result, "fallback");
  if (const auto level = text(result, "log-level")) {
    try {
      line.log_level = logging::parse_level(*level);
    } catch (const std::invalid_argument& error) {
      throw UsageError(std::string("--log-level ") + error.what());
    }
  }
  line.print_config = result.count("print-config") > 0;
  line.check_setup = result.count("check-setup") > 0;
  line.list_devices = result.count("list-devices") > 0;
  line.help = result.count("help") > 0;
  line.help_config = result.count("help-config") > 0;
  if (const auto report = text(result, "op-report")) {
    const std::string form = "json:";
    if (!report->empty() && (!report->starts_with(form) || report->size() == form.size()))
      throw UsageError("--op-report=" + *report + ": takes nothing, or =json:FILE");
    line.op_report = report->empty() ? "" : report->substr(form.size());
  }
  const auto integer = [&](const char* name) -> std::optional<int> {
    return result.count(name) ? std::optional(result[name].as<int>()) : std::nullopt;
  };
  line.launch = {integer("rank"), integer("world-size"), integer("local-rank"), integer("nproc-per-node"),
                 text(result, "master")};
  const std::string deterministic = result["deterministic"].as<std::string>();
  if (deterministic != "on" && deterministic != "off")
    throw UsageError("--deterministic takes on or off, got '" + deterministic + "'");
  line.deterministic = deterministic == "on";
  line.evaluate = result.count("evaluate") > 0;
  if (result.count("overrides")) line.overrides = result["overrides"].as<std::vector<std::string>>();
  if (line.evaluate) take_checkpoints(line, result.count("config-name") + result.count("config-path") > 0);
  return line;
}

std::string usage() {
  return make_options().help() +
         "\n"
         "A key of the configuration is set by key=value (also +key=value), and goes back to its default by ~key; "
         "lists and maps in YAML form. --help-config lists them.\n"
         "\nExamples:\n"
         "  pretrain --config-name cfg_chat data_paths=[data/my-chat] run_name=first\n"
         "  pretrain --config-name cfg_chat data_paths=[data/my-chat] run_name=first resume=auto     continue it\n"
         "  pretrain arch=trm data_paths=\"[data/sudoku]\" arch.mlp_t=True arch.pos_encodings=none ema=True\n"
         "  pretrain --config-name cfg_chat_fast --print-config\n"
         "  pretrain --evaluate checkpoints/sudoku/run data_paths_test=[data/other] eval_depths=True\n"
         "  pretrain --check-setup --device cuda\n"
         "  pretrain --nproc-per-node 2 --config-name cfg_chat data_paths=[data/my-chat]     on two GPUs\n"
         "\nA run's folder is checkpoints/<project_name>/<run_name>, or checkpoint_path: all_config.yaml, "
         "metrics.jsonl, train.log and checkpoints step_<n>.h5.\n"
         "Ctrl-C (SIGINT) or SIGTERM finishes the step, saves, and says how to continue; a second one stops at once.\n";
}

std::string resume_command(const std::string& program, const CommandLine& line, const std::string& folder) {
  std::string command = quoted(program);
  for (const std::string& argument : line.arguments) {
    const std::string key = key_of(argument);
    if (key != "resume" && key != "checkpoint_path") command += " " + quoted(argument);
  }
  return command + " " + quoted("checkpoint_path=" + folder) + " resume=auto";
}

}  // namespace trm
