// Preloaded into pretrain: makes one call of a kind fail, as a disk that is full or broken would.
// TRM_FAULT=kind:n[:errno][:path]
//   write:n     the n-th write (write, pwrite, ftruncate, fallocate) fails, and all that follow until one second has
//   passed write1:n    the n-th only fsync:n, rename:n, open:n    likewise, that call only clock:n     from the n-th
//   look at the wall clock on it stands a year earlier
// Only files below the folder in TRM_FAULT_FOLDER count. With n = 0 nothing fails, and at exit the number of calls of
// that kind is written to the file in TRM_FAULT_COUNT.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <string>

namespace {

struct Fault {
  std::string kind, folder;
  long at = 0;
  int code = ENOSPC;
};

const Fault& fault() {
  static const Fault* made = [] {
    auto* f = new Fault;
    const char* text = getenv("TRM_FAULT");
    const char* folder = getenv("TRM_FAULT_FOLDER");
    if (folder) f->folder = folder;
    if (!text) return f;
    const std::string all = text;
    const size_t first = all.find(':'), second = all.find(':', first + 1);
    f->kind = all.substr(0, first);
    f->at = atol(all.substr(first + 1, second - first - 1).c_str());
    if (second != std::string::npos) f->code = atoi(all.substr(second + 1).c_str());
    return f;
  }();
  return *made;
}

std::atomic<long> calls{0};
std::atomic<long> first_failure{0};  // milliseconds

struct Report {
  ~Report() {
    const char* file = getenv("TRM_FAULT_COUNT");
    if (!file) return;
    if (FILE* out = fopen(file, "w")) fprintf(out, "%ld\n", calls.load()), fclose(out);
  }
} report;

long now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000 + 1;
}

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

bool below(const char* path) {
  if (fault().folder.empty()) return true;
  char real[4096];
  std::string folder = path;
  const size_t slash = folder.rfind('/');
  folder = slash == std::string::npos ? "." : folder.substr(0, slash + 1);
  return realpath(folder.c_str(), real) && strncmp(real, fault().folder.c_str(), fault().folder.size()) == 0;
}

bool below(int descriptor) {
  char name[64], path[4096];
  snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(name, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = 0;
  return strncmp(path, fault().folder.c_str(), fault().folder.size()) == 0;
}

/// Whether this call is to fail; `errno` is then set.
template <class Where>
bool fails(const char* kind, Where where) {
  const Fault& f = fault();
  const bool mine = f.kind == kind || (f.kind == "write1" && strcmp(kind, "write") == 0);
  if (!mine || !below(where)) return false;
  const long call = ++calls;
  if (f.at == 0) return false;
  bool bad = call == f.at;
  if (f.kind == "write" && call >= f.at) {
    long none = 0;
    first_failure.compare_exchange_strong(none, now());
    bad = now() - first_failure < 1000;
  }
  if (bad) errno = f.code;
  return bad;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  return fails("write", descriptor) ? -1 : real(descriptor, bytes, size);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return fails("write", descriptor) ? -1 : real(descriptor, bytes, size, at);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
  return fails("write", descriptor) ? -1 : real(descriptor, bytes, size, at);
}
int ftruncate(int descriptor, off_t size) {
  static const auto real = next<int (*)(int, off_t)>("ftruncate");
  return fails("write", descriptor) ? -1 : real(descriptor, size);
}
int fallocate(int descriptor, int mode, off_t at, off_t size) {
  static const auto real = next<int (*)(int, int, off_t, off_t)>("fallocate");
  return fails("write", descriptor) ? -1 : real(descriptor, mode, at, size);
}
int fsync(int descriptor) {
  static const auto real = next<int (*)(int)>("fsync");
  return fails("fsync", descriptor) ? -1 : real(descriptor);
}
int rename(const char* from, const char* to) {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return fails("rename", to) ? -1 : real(from, to);
}
int open(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return (flags & O_CREAT) != 0 && fails("open", path) ? -1 : real(path, flags, mode);
}
time_t time(time_t* to) {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (to) *to = t.tv_sec;
  return t.tv_sec;
}
int clock_gettime(clockid_t clock, timespec* to) {
  static const auto real = next<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int result = real(clock, to);
  if (clock == CLOCK_REALTIME && fault().kind == "clock" && ++calls >= fault().at) to->tv_sec -= 365 * 86400;
  return result;
}
}
