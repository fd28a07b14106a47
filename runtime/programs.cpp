#include "runtime/programs.h"

#include <omp.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "device/messages.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

fs::path program_file() {
  std::error_code error;
#if defined(__APPLE__)
  std::array<char, 4096> path{};
  uint32_t size = path.size();
  if (_NSGetExecutablePath(path.data(), &size) != 0) return {};
  return fs::canonical(path.data(), error);
#else
  return fs::read_symlink("/proc/self/exe", error);
#endif
}

}  // namespace

void start_messages(logging::Notes notes) {
  logging::send_notes_to(notes);
  set_message_sink([](MessageKind kind, const std::string& text) {
    kind == MessageKind::warning ? logging::warn(text) : logging::note("Note: " + text);
  });
}

std::string program_version() { return TRM_VERSION; }

fs::path installed_config_folder() {
  std::error_code error;
  const fs::path folder = program_file().parent_path();
  if (folder.empty()) return {};
  if (const fs::path shared = folder.parent_path() / "share" / "trm" / "config";
      fs::exists(shared / "cfg_pretrain.yaml", error))
    return shared;
  fs::path above = folder;
  for (int levels = 0; levels < 4; ++levels) {
    above = above.parent_path();
    if (fs::exists(above / "config" / "cfg_pretrain.yaml", error)) return above / "config";
  }
  return {};
}

int thread_count() { return omp_get_max_threads(); }

void share_cores(int processes) {
  const auto all = static_cast<int>(std::thread::hardware_concurrency());
  if (std::getenv("OMP_NUM_THREADS") || omp_get_num_procs() < all) return;
  omp_set_num_threads(std::max(1, all / processes));
}

std::string with_commas(int64_t number) {
  std::string text = std::to_string(number);
  for (int64_t place = static_cast<int64_t>(text.size()) - 3; place > (number < 0 ? 1 : 0); place -= 3)
    text.insert(static_cast<size_t>(place), 1, ',');
  return text;
}

}  // namespace trm
