#include "checkpoint/read_at.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "checkpoint/error.h"

namespace trm::checkpoint {

size_t read_at(int descriptor, uint64_t offset, void* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(descriptor, static_cast<char*>(to) + done, std::min<size_t>(size - done, 1 << 30),
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error("reading it failed: " + std::generic_category().message(errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace trm::checkpoint
