#include "data/mapped_file.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

#include "data/error.h"
#include "data/files.h"

namespace trm {
namespace {

/// What is mapped, for the signal handler: entries stay where they are, a size of 0 is a free one.
struct Entry {
  std::atomic<const unsigned char*> start{nullptr};
  std::atomic<uint64_t> size{0};
  std::array<char, 512> name{};
};
std::array<Entry, 512> entries;
std::mutex entries_mutex;

void say(const char* text) {
  if (::write(STDERR_FILENO, text, ::strlen(text)) < 0) return;
}

void cut_short(int, siginfo_t* info, void*) {
  const auto* place = static_cast<const unsigned char*>(info->si_addr);
  for (const Entry& entry : entries) {
    const unsigned char* start = entry.start;
    if (entry.size == 0 || place < start || place >= start + entry.size) continue;
    say("\nerror: '");
    say(entry.name.data());
    say("' was cut short while it was read: the dataset is being built anew in place. Start again when it is whole.\n");
    ::_exit(1);
  }
  ::signal(SIGBUS, SIG_DFL);  // not a file of ours: the faulty access runs again, and ends the program
  if (info->si_code <= 0) ::raise(SIGBUS);  // or nothing runs again: somebody sent it
}

void watch() {
  static const bool once = [] {
    struct sigaction now {};
    ::sigaction(SIGBUS, nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) return true;  // somebody else's
    struct sigaction ours {};
    ours.sa_sigaction = cut_short;
    ours.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &ours, nullptr);
    return true;
  }();
  (void)once;
}

Entry* remember(const unsigned char* start, uint64_t size, const std::filesystem::path& path) {
  watch();
  const std::lock_guard lock(entries_mutex);
  for (Entry& entry : entries) {
    if (entry.size != 0) continue;
    ::strncpy(entry.name.data(), path.c_str(), entry.name.size() - 1);
    entry.start = start;
    entry.size = size;
    return &entry;
  }
  return nullptr;  // its name will not be said
}

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw DataError(quoted(path) + " cannot be used: " + what);
}

}  // namespace

MappedFile map_file(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path, ::strerror(errno));
  struct stat status {};
  const bool known = ::fstat(file, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(file);
    fail(path, "it is not a regular file");
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0) {
    ::close(file);
    fail(path, "it is empty");
  }
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  const int error = errno;
  ::close(file);
  if (bytes == MAP_FAILED) fail(path, std::string("it cannot be memory-mapped: ") + ::strerror(error));
  Entry* entry = remember(static_cast<const unsigned char*>(bytes), size, path);
  return {std::shared_ptr<const unsigned char>(static_cast<const unsigned char*>(bytes),
                                               [size, entry](const unsigned char* p) {
                                                 if (entry) entry->size = 0;
                                                 ::munmap(const_cast<unsigned char*>(p), size);
                                               }),
          size};
}

}  // namespace trm
