#include "pretrain/append.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace trm {

int append_whole(const std::filesystem::path& file, const std::string& text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor < 0) return errno;
  const off_t before = ::lseek(descriptor, 0, SEEK_END);
  int error = 0;
  for (size_t done = 0; done < text.size() && error == 0;) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written >= 0)
      done += static_cast<size_t>(written);
    else if (errno != EINTR)
      error = errno;
  }
  if (error != 0 && before >= 0 && ::ftruncate(descriptor, before) != 0) error = errno;
  if (::close(descriptor) != 0 && error == 0) error = errno;
  return error;
}

}  // namespace trm
