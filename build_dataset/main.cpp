#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "build_dataset/options.h"
#include "build_dataset/subcommands.h"
#include "data/output_folder.h"
#include "logging/logging.h"

namespace {

constexpr const char* kUsage =
    "Builds the dataset folders that pretrain reads.\n"
    "\nUsage:\n"
    "  build_dataset chat   --input-file F… --output-dir D [options]   from conversations (JSON, JSON Lines)\n"
    "  build_dataset text   --input-file F… --output-dir D [options]   from plain text\n"
    "  build_dataset sudoku --output-dir D (--input-file F | --generate N) [options]   from CSV files, or made\n"
    "  build_dataset maze   --output-dir D (--input-file F | --generate N) [options]   from CSV files, or made\n"
    "  build_dataset arc    --input-file-prefix P --output-dir D --subsets S… --test-set-name S [options]\n"
    "  build_dataset <kind> --help                                     the options, with an example\n"
    "\nExample:\n"
    "  build_dataset chat --input-file conversations.json --output-dir data/my-chat --format sharegpt\n";

struct Subcommand {
  const char* name;
  int (*run)(int argc, char** argv);
};

constexpr Subcommand subcommands[] = {{"chat", trm::chat_command},
                                      {"text", trm::text_command},
                                      {"sudoku", trm::sudoku_command},
                                      {"maze", trm::maze_command},
                                      {"arc", trm::arc_command}};

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    std::cout << kUsage;
    return 0;
  }
  std::string known;
  for (const Subcommand& one : subcommands) {
    if (name == one.name) return one.run(argc - 1, argv + 1);
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  if (name.empty()) throw trm::UsageError("what to build is missing: " + known + "; see build_dataset --help");
  throw trm::UsageError("unknown kind of dataset '" + name + "'; available are " + known +
                        "; see build_dataset --help");
}

/// A thread that waits for Ctrl-C: the folders being built go, and the process ends.
void clean_up_when_told_to_stop() {
  sigset_t stops;
  sigemptyset(&stops);
  for (const int one : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    ::sigaction(one, nullptr, &now);
    if (now.sa_handler != SIG_IGN) sigaddset(&stops, one);  // as nohup leaves them
  }
  ::pthread_sigmask(SIG_BLOCK, &stops, nullptr);  // threads made from here on have this too
  const auto wait = [stops] {
    int signal = 0;
    ::sigwait(&stops, &signal);
    trm::OutputFolder::abandon_all();
    ::write(STDERR_FILENO, "\nStopped: nothing was written.\n", 32);
    ::_exit(128 + signal);
  };
  try {
    std::thread(wait).detach();
  } catch (const std::system_error&) {
    ::pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);  // a later build of the same name tidies up
  }
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes is an error of writing
  try {
    clean_up_when_told_to_stop();
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
