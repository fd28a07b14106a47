#include "pretrain/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "checkpoint/error.h"
#include "data/files.h"

namespace trm {

RunLock::RunLock(const std::filesystem::path& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0)
    throw checkpoint::Error("cannot open the run folder " + quoted(folder) + ": " + std::strerror(errno));
  int result = 0;
  do result = ::flock(descriptor_, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);
  if (result == 0) return;
  const int why = errno;
  if (why != EWOULDBLOCK) {
    problem_ = "the run folder " + quoted(folder) + " cannot be locked (" + std::strerror(why) +
               "): nothing keeps a second pretrain from writing there";
    return;
  }
  ::close(descriptor_);
  throw checkpoint::Error("another pretrain is running in the run folder " + quoted(folder) +
                          ": wait for it or stop it, or choose another run_name or checkpoint_path");
}

RunLock::~RunLock() { ::close(descriptor_); }

}  // namespace trm
