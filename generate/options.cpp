#include "generate/options.h"

// Stop strings have commas in them.
#define CXXOPTS_VECTOR_DELIMITER '\0'
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cxxopts.hpp>
#include <limits>
#include <map>

#include "settings/nearest.h"
#include "text/printable.h"

namespace trm {
namespace {

std::shared_ptr<cxxopts::Value> text() { return cxxopts::value<std::string>(); }

const std::vector<std::string> flags = {"interactive", "serve", "metrics", "list-devices", "help", "version", "trace"};
const std::vector<std::string> language_names = {"prompt",         "interactive",    "system", "tokenizer",
                                                 "max-new-tokens", "temperature",    "top-k",  "top-p",
                                                 "min-p",          "repeat-penalty", "stop",   "decode"};
const std::vector<std::string> server_names = {"serve", "host",    "port",         "slots",
                                               "queue", "api-key", "cors-origins", "metrics"};
const std::vector<std::string> puzzle_names = {"puzzle", "puzzle-id", "trace", "html",  "steps",
                                               "halt",   "rollouts",  "noise", "views", "select"};
const std::vector<std::string> common_names = {"checkpoint",   "device",   "dtype", "op-report", "log-level",
                                               "list-devices", "fallback", "help",  "version",   "seed"};

cxxopts::Options make_options() {
  cxxopts::Options options("generate", "Answers prompts, or solves puzzles, with a trained model.");
  options.add_options()                                                                                          //
      ("checkpoint", "a checkpoint, or the folder of a run: its best, else its newest", text(), "F")             //
      ("device", "cuda, cuda:N, accelerator (mps, opencl) or cpu; otherwise chosen in this order", text(), "D")  //
      ("dtype", "bfloat16 or float32; otherwise what the model was trained in", text(), "T")                     //
      ("list-devices", "list the devices and stop")                                                              //
      ("op-report", "print the table of ops and devices with calls, bytes and time; json:FILE writes it there", text(),
       "[json:FILE]")  //
      ("fallback",
       "on: ops without a kernel on the device run on the cpu (otherwise as TRM_FALLBACK says); off: they are an "
       "error; "
       "only:OP,OP…: an error but for these",
       text(), "HOW")  //
      ("seed",
       "the same seed gives the same answers; prompts: otherwise a new one each time, which is printed; puzzles: "
       "otherwise 0",
       text(), "N")  //
      ("log-level", "least that is told on standard error: info, warning or error", text()->default_value("info"),
       "LEVEL")                                  //
      ("version", "print the version and stop")  //
      ("h,help", "print this");
  options.add_options("language models")  //
      ("prompt", "what to answer; without it and --interactive, all of standard input is the prompt", text(),
       "TEXT")                                                                                                     //
      ("interactive", "a conversation: a line of standard input a turn; /reset starts anew, /quit ends it")        //
      ("system", "a system text before the conversation", text(), "TEXT")                                          //
      ("tokenizer", "a tokenizer.json or a folder; otherwise the checkpoint's own", text(), "T")                   //
      ("max-new-tokens", "tokens of an answer at most", text()->default_value("100"), "N")                         //
      ("temperature", "0: always the most probable token", text()->default_value("0.7"), "X")                      //
      ("top-k", "only the K most probable tokens; 0: all", text()->default_value("50"), "K")                       //
      ("top-p", "only the most probable tokens that together reach P; 1: all", text()->default_value("0.9"), "P")  //
      ("min-p", "only tokens at least P times as probable as the most probable one; 0: all", text()->default_value("0"),
       "P")  //
      ("repeat-penalty", "above 1, tokens that are there already become less probable", text()->default_value("1"),
       "X")  //
      ("stop", "end the answer before this text; may be given several times",
       cxxopts::value<std::vector<std::string>>(), "S")  //
      ("decode", "incremental, or window: compute the whole window for every token; the same text, slower", text(),
       "HOW");
  options.add_options("server (language models)")  //
      (
          "serve",
          "answer over HTTP as OpenAI's API does, until Ctrl-C or SIGTERM; the options above are the defaults of "
          "requests")  //
      ("host", "address to listen on; any but this machine's own lets others in", text()->default_value("127.0.0.1"),
       "H")                                                                                                           //
      ("port", "0: any that is free", text()->default_value("8080"), "N")                                             //
      ("slots", "texts that are decoded at once", text()->default_value("8"), "N")                                    //
      ("queue", "requests that wait for a slot; more are told to come later", text()->default_value("64"), "N")       //
      ("api-key", "a key that requests must give; TRM_API_KEY keeps it out of the list of processes", text(), "KEY")  //
      ("cors-origins", "origins of pages that may ask, with commas between them; *: all", text(), "O")                //
      ("metrics", "counts for Prometheus at /metrics");
  options.add_options("puzzle models")  //
      ("puzzle",
       "a puzzle or a file with one or many, - for standard input: sudoku, digits with . or 0 for blank, each in one "
       "line "
       "or in lines that make a square; maze, the same of # S G and spaces; arc, the JSON of a task; else token ids",
       text(), "FILE|TEXT")  //
      ("puzzle-id", "row of the puzzle embeddings (otherwise 0; arc: that of the task where its data is here)", text(),
       "N")                                                                                                       //
      ("trace", "print the grid after each supervision step, changed cells marked")                               //
      ("html", "write a page that plays the steps", text(), "FILE")                                               //
      ("steps", "supervision steps, otherwise as in training", text(), "D")                                       //
      ("halt", "max: run all steps; q: stop when the model is confident", text()->default_value("max"), "q|max")  //
      ("rollouts", "runs of each view, from other latents or with noise", text()->default_value("1"), "K")        //
      ("noise", "deviation of the noise on the latents before each step", text()->default_value("0"), "S")        //
      ("views", "symmetries of the puzzle to ask for, answers mapped back (otherwise 1; arc: 8)", text(), "V")    //
      ("select",
       "whose answer is taken: first (to halt), q (most confident), vote (most frequent), residual (moved least); "
       "otherwise q, and vote for arc",
       text(), "HOW");
  options.add_options("hidden")("unexpected", "", cxxopts::value<std::vector<std::string>>());
  options.parse_positional({"unexpected"});
  options.custom_help("--checkpoint F [options]");
  options.positional_help("");
  return options;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// "max-new-tokens" of "--max_new_tokens=5", "" where the argument is not a long option.
std::string option_name(const std::string& argument) {
  if (!argument.starts_with("--") || argument.size() == 2) return "";
  std::string name = argument.substr(2, argument.find('=') - 2);
  std::ranges::replace(name, '_', '-');
  return name;
}

/// The arguments with options spelled in one way. Throws UsageError for an option that there is not.
std::vector<std::string> spelled_alike(int argc, const char* const* argv) {
  std::vector<std::string> all = common_names, arguments{"generate"};
  all.insert(all.end(), language_names.begin(), language_names.end());
  all.insert(all.end(), server_names.begin(), server_names.end());
  all.insert(all.end(), puzzle_names.begin(), puzzle_names.end());
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "-h") {
      arguments.push_back("--help");
      continue;
    }
    if (!argument.starts_with("-"))
      throw UsageError("unexpected argument '" + printable(argument) +
                       "'; a prompt of several words is given in quotes: --prompt \"…\"");
    const std::string name = option_name(argument);
    if (!contains(all, name))
      throw UsageError("unknown option " + printable(argument) + did_you_mean("--" + name.substr(0, 60), all) +
                       "; see generate --help");
    const size_t equals = argument.find('=');
    const bool has_value = equals != std::string::npos;
    const std::string value = has_value ? argument.substr(equals + 1) : "";
    if (contains(flags, name)) {
      if (has_value) throw UsageError("--" + name + " takes no value, got '" + printable(value) + "'");
      arguments.push_back("--" + name);
    } else if (name == "op-report") {
      arguments.push_back("--" + name + "=" + value);
    } else {
      if (!has_value && i + 1 == argc) throw UsageError("--" + name + " needs a value; see generate --help");
      // As an argument of its own: the library reads names by a regular expression, which long texts and line ends are
      // too much for.
      arguments.push_back("--" + name);
      arguments.push_back(has_value ? value : argv[++i]);
    }
  }
  return arguments;
}

[[noreturn]] void refuse(const std::string& name, const std::string& value, const std::string& takes) {
  throw UsageError("--" + name + " takes " + takes + ", got '" + printable(value) + "'");
}

int64_t integer(const cxxopts::ParseResult& result, const std::string& name, int64_t least, int64_t most,
                const std::string& takes) {
  const std::string value = result[name].as<std::string>();
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < least || number > most)
    refuse(name, value, takes);
  return number;
}

double real(const cxxopts::ParseResult& result, const std::string& name, bool (*fits)(double),
            const std::string& takes) {
  const std::string value = result[name].as<std::string>();
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  const bool plain = value.find_first_not_of("0123456789.eE+-") == std::string::npos;
  if (value.empty() || !plain || end != value.c_str() + value.size() || !std::isfinite(number) || !fits(number))
    refuse(name, value, takes);
  return number;
}

std::optional<std::string> optional_text(const cxxopts::ParseResult& result, const std::string& name) {
  if (result.count(name) == 0) return std::nullopt;
  const std::string value = result[name].as<std::string>();
  if (value.empty()) throw UsageError("--" + name + " needs a value; see generate --help");
  return value;
}

std::vector<std::string> given(const cxxopts::ParseResult& result, const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const std::string& name : names)
    if (result.count(name) > 0) found.push_back("--" + name);
  return found;
}

void read_server(const cxxopts::ParseResult& result, Options& options) {
  const std::vector<std::string> asked = given(result, server_names);
  options.serve = result.count("serve") > 0;
  if (!options.serve) {
    if (!asked.empty()) throw UsageError(asked[0] + " needs --serve");
    return;
  }
  for (const char* name : {"prompt", "interactive", "system", "decode"})
    if (result.count(name) > 0)
      throw UsageError(std::string("--serve and --") + name + ": with --serve, requests bring what is to be answered");
  serve::ServeOptions& server = options.server;
  server.host = result["host"].as<std::string>();
  if (server.host.empty()) throw UsageError("--host needs a value; see generate --help");
  server.port = static_cast<int>(integer(result, "port", 0, 65535, "an integer from 0 to 65535"));
  server.slots = integer(result, "slots", 1, 1024, "an integer from 1 to 1024");
  server.queue = integer(result, "queue", 1, 4096, "an integer from 1 to 4096");
  const char* key = std::getenv("TRM_API_KEY");
  server.api_key = optional_text(result, "api-key").value_or(key ? key : "");
  server.metrics = result.count("metrics") > 0;
  std::string origins = optional_text(result, "cors-origins").value_or("");
  for (size_t comma; !origins.empty(); origins.erase(0, comma == std::string::npos ? comma : comma + 1)) {
    comma = origins.find(',');
    if (const std::string origin = origins.substr(0, comma); !origin.empty()) server.origins.push_back(origin);
  }
}

void read_sampling(const cxxopts::ParseResult& result, SamplingOptions& sampling) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  sampling.temperature = real(
      result, "temperature", [](double x) { return x >= 0; },
      "a number of at least 0 (0: always the most probable token)");
  sampling.top_k = integer(result, "top-k", 0, most, "an integer of at least 0 (0: all tokens)");
  sampling.top_p = real(
      result, "top-p", [](double x) { return x > 0 && x <= 1; }, "a number above 0 and at most 1 (1: all tokens)");
  sampling.min_p = real(
      result, "min-p", [](double x) { return x >= 0 && x <= 1; }, "a number from 0 to 1 (0: all tokens)");
  sampling.repeat_penalty = real(
      result, "repeat-penalty", [](double x) { return x > 0; }, "a number above 0 (1: no penalty)");
}

void read_search(const cxxopts::ParseResult& result, Options& options) {
  const auto count = [&](const char* name) {
    return static_cast<int>(integer(result, name, 1, 10000, "an integer from 1 to 10000"));
  };
  if (result.count("steps") > 0) options.search.steps = count("steps");
  options.search.rollouts = count("rollouts");
  if (result.count("views") > 0) options.views = count("views");
  options.search.noise = real(
      result, "noise", [](double x) { return x >= 0; }, "a number of at least 0");
  const std::string halt = result["halt"].as<std::string>();
  if (halt != "q" && halt != "max") refuse("halt", halt, "q or max");
  options.search.halt = halt == "q";
  if (const auto select = optional_text(result, "select")) {
    static const std::map<std::string, Select> known = {
        {"first", Select::first}, {"q", Select::q}, {"vote", Select::vote}, {"residual", Select::residual}};
    if (!known.contains(*select)) refuse("select", *select, "first, q, vote or residual");
    options.select = known.at(*select);
    if (*select == "first" && !options.search.halt)
      throw UsageError("--select first takes the answer that halts first: it needs --halt q");
  }
  options.search.seed = options.seed.value_or(0);
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  const std::vector<std::string> arguments = spelled_alike(argc, argv);
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  cxxopts::Options described = make_options();
  cxxopts::ParseResult result;
  try {
    result = described.parse(static_cast<int>(pointers.size()), pointers.data());
  } catch (const cxxopts::exceptions::exception& error) {
    throw UsageError(printable(error.what(), 300) + "; see generate --help");
  }

  Options options;
  options.help = result.count("help") > 0;
  options.version = result.count("version") > 0;
  options.list_devices = result.count("list-devices") > 0;
  options.checkpoint = optional_text(result, "checkpoint");
  options.device = optional_text(result, "device");
  options.fallback = optional_text(result, "fallback");
  try {
    options.log_level = logging::parse_level(result["log-level"].as<std::string>());
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("--log-level ") + error.what());
  }
  if (const auto dtype = optional_text(result, "dtype")) {
    if (*dtype != "bfloat16" && *dtype != "float32") refuse("dtype", *dtype, "bfloat16 or float32");
    options.dtype = parse_dtype(*dtype);
  }
  if (result.count("op-report") > 0) {
    const std::string report = result["op-report"].as<std::string>(), form = "json:";
    if (!report.empty() && (!report.starts_with(form) || report.size() == form.size()))
      refuse("op-report", report, "nothing, or json:FILE");
    options.op_report = report.empty() ? "" : report.substr(form.size());
  }

  options.language_options = given(result, language_names);
  read_server(result, options);
  if (options.serve) options.language_options.insert(options.language_options.begin(), "--serve");
  if (result.count("prompt") > 0) options.prompt = result["prompt"].as<std::string>();
  if (options.prompt && options.prompt->empty()) throw UsageError("--prompt is empty: give a text to answer");
  options.interactive = result.count("interactive") > 0;
  if (options.prompt && options.interactive) throw UsageError("--prompt and --interactive: give one of them");
  if (result.count("system") > 0) options.system = result["system"].as<std::string>();
  options.tokenizer = optional_text(result, "tokenizer");
  options.max_new_tokens =
      integer(result, "max-new-tokens", 1, std::numeric_limits<int32_t>::max(), "an integer of at least 1");
  read_sampling(result, options.sampling);
  if (result.count("seed") > 0)
    options.seed = static_cast<uint64_t>(
        integer(result, "seed", 0, std::numeric_limits<int64_t>::max(), "an integer of at least 0"));
  if (result.count("stop") > 0) options.stops = result["stop"].as<std::vector<std::string>>();
  if (contains(options.stops, "")) throw UsageError("--stop is empty: give a text that ends the answer");
  if (const auto decode = optional_text(result, "decode")) {
    if (*decode != "incremental" && *decode != "window") refuse("decode", *decode, "incremental or window");
    options.decoding = *decode == "window" ? Decoding::window : Decoding::incremental;
  }

  options.puzzle_options = given(result, puzzle_names);
  options.puzzle = optional_text(result, "puzzle");
  if (result.count("puzzle-id") > 0)
    options.puzzle_id =
        integer(result, "puzzle-id", 0, std::numeric_limits<int32_t>::max(), "an integer of at least 0");
  options.trace = result.count("trace") > 0;
  options.html = optional_text(result, "html");
  read_search(result, options);
  return options;
}

std::string usage() {
  return make_options().help({"", "language models", "server (language models)", "puzzle models"}) +
         "\nThe answer goes to standard output, everything else to standard error. It ends at <|endassistant|> or "
         "<|endoftext|>, at a --stop text, after\n"
         "--max-new-tokens, or where the model's window is full. The filters are applied in this order: repeat "
         "penalty, temperature, top-k, top-p, min-p.\n"
         "\nExamples:\n"
         "  generate --checkpoint checkpoints/my-project/my-run --prompt \"What is a maze?\"\n"
         "  generate --checkpoint checkpoints/my-project/my-run --interactive --temperature 0\n"
         "  generate --checkpoint run/step_1000.h5 --max-new-tokens 50 --stop $'\\n' < question.txt > answer.txt\n"
         "  generate --checkpoint checkpoints/my-project/my-run --serve --port 8080\n"
         "  generate --checkpoint checkpoints/sudoku --puzzle puzzle.txt\n"
         "  generate --checkpoint checkpoints/sudoku --puzzle many.txt --steps 64 --rollouts 8 --noise 0.3 > "
         "answers.txt\n"
         "  generate --checkpoint checkpoints/maze --puzzle maze.txt --trace --html maze.html\n"
         "  generate --checkpoint checkpoints/arc --puzzle 00576224.json --views 100\n";
}

}  // namespace trm
