#include <signal.h>

#include <exception>
#include <iostream>
#include <new>
#include <string>

#include "build_dataset/options.h"
#include "build_dataset/subcommands.h"
#include "logging/logging.h"

namespace {

constexpr const char* kUsage =
    "Builds the dataset folders that pretrain reads.\n"
    "\nUsage:\n"
    "  build_dataset chat --input-file F… --output-dir D [options]   from conversations (JSON, JSON Lines)\n"
    "  build_dataset text --input-file F… --output-dir D [options]   from plain text\n"
    "  build_dataset <chat|text> --help                              the options, with an example\n"
    "\nExample:\n"
    "  build_dataset chat --input-file conversations.json --output-dir data/my-chat --format sharegpt\n";

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    std::cout << kUsage;
    return 0;
  }
  if (name == "chat") return trm::chat_command(argc - 1, argv + 1);
  if (name == "text") return trm::text_command(argc - 1, argv + 1);
  if (name == "sudoku" || name == "maze" || name == "arc") {
    throw trm::UsageError("build_dataset " + name + " is not available in this version; available are chat and text. " +
                          "Folders that the Python project built for it can be used as they are");
  }
  if (name.empty()) throw trm::UsageError("what to build is missing: chat or text; see build_dataset --help");
  throw trm::UsageError("unknown kind of dataset '" + name +
                        "'; available are chat and text; see build_dataset --help");
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes is an error of writing
  try {
    const int status = run(argc, argv);
    std::cout.flush();
    if (std::cout) return status;
    trm::logging::error("standard output is closed or full: lines are missing there, the dataset is whole");
  } catch (const std::bad_alloc&) {
    trm::logging::error("the memory of this machine does not suffice for this input");
  } catch (const std::exception& error) {
    trm::logging::error(error.what());
  }
  return 1;
}
