#include "distributed/spawn.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

#include "device/messages.h"
#include "distributed/error.h"
#include "distributed/socket.h"

namespace trm {
namespace {

/// Seconds that processes have to end by themselves after one of them failed.
constexpr int grace = 10;

std::string program_file(const std::string& program) {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  return length > 0 ? std::string(path.data(), static_cast<size_t>(length)) : program;
}

[[noreturn]] void execute(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& part : command) argv.push_back(const_cast<char*>(part.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  throw DistributedError("cannot start " + command[0] + ": " + std::strerror(errno));
}

void clear_launcher() {
  for (const char* name :
       {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT"})
    ::unsetenv(name);
}

volatile sig_atomic_t asked = 0;

/// Starts rank `rank`; its own process group, so that Ctrl-C reaches it once, through us.
pid_t start(int rank, int count, int port, const std::string& run, const std::vector<std::string>& command) {
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::setpgid(0, 0);
#if defined(__linux__)
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
  if (::getppid() != parent) ::_exit(1);
  const auto set = [](const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); };
  set("RANK", std::to_string(rank));
  set("LOCAL_RANK", std::to_string(rank));
  set("WORLD_SIZE", std::to_string(count));
  set("LOCAL_WORLD_SIZE", std::to_string(count));
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", std::to_string(port));
  set("TRM_RUN_ID", run);
  ::unsetenv("TORCHELASTIC_USE_AGENT_STORE");
  try {
    execute(command);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  ::_exit(127);
}

int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

int in_child(const std::function<int()>& work) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 255;
    try {
      result = work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error: %s\n", error.what());
    }
    ::_exit(result);
  }
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) != 255 ? WEXITSTATUS(status) : -1;
}

void become_mpirun(int count, const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"mpirun"};
  // What Open MPI needs to start as many as are asked for, to leave them time to save when it is stopped, and to leave
  // the cores to those that compute.
  if (::geteuid() == 0) command.emplace_back("--allow-run-as-root");
  for (const char* option : {"--oversubscribe", "--bind-to", "none", "--mca", "odls_base_sigkill_timeout", "60",
                             "--mca", "mpi_yield_when_idle", "1"})
    command.emplace_back(option);
  command.insert(command.end(), {"-n", std::to_string(count), program_file(program)});
  command.insert(command.end(), arguments.begin(), arguments.end());
  clear_launcher();
  std::fflush(nullptr);
  try {
    execute(command);
  } catch (const DistributedError& error) {
    throw DistributedError(std::string(error.what()) +
                           ": on cpu, several processes are started by Open MPI's mpirun "
                           "(Debian and Ubuntu: openmpi-bin, scripts/install_packages.sh --distributed)");
  }
}

int run_processes(int count, DeviceKind kind, const std::string& program, const std::vector<std::string>& arguments) {
  if (kind == DeviceKind::cpu) become_mpirun(count, program, arguments);
  std::string why;
  int port = 0;
  {
    const auto free_port = Socket::listen(0, why);
    if (!free_port) throw DistributedError("no port is free: " + why);
    port = free_port->port();
  }
  const std::string run = std::to_string(std::random_device{}()) + "." + std::to_string(::getpid());
  std::vector<std::string> command{program_file(program)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  struct sigaction action {};
  action.sa_handler = [](int signal) { asked = signal; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);

  std::vector<pid_t> running;
  for (int rank = 0; rank < count; ++rank) {
    const pid_t child = start(rank, count, port, run, command);
    if (child < 0) {
      for (const pid_t one : running) ::kill(one, SIGKILL);
      throw DistributedError("process " + std::to_string(rank) + " of " + std::to_string(count) +
                             " could not be started: " + std::strerror(errno));
    }
    running.push_back(child);
  }
  int result = 0;
  auto deadline = std::chrono::steady_clock::time_point::max();
  const auto to_all = [&](int signal) {
    for (const pid_t child : running) ::kill(child, signal);
  };
  while (!running.empty()) {
    if (const int signal = asked) {
      asked = 0;
      to_all(signal);
    }
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended > 0) {
      std::erase(running, ended);
      if (status_of(status) != 0 && result == 0) {
        result = status_of(status);
        deadline = std::chrono::steady_clock::now() + std::chrono::seconds(grace);
      }
      continue;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      to_all(SIGKILL);
      deadline = std::chrono::steady_clock::time_point::max();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return result;
}

}  // namespace trm
