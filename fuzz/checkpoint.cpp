// Our layer over HDF5. A file without a seal goes to the HDF5 library as it is, which crashes on some (version 1.10):
// of those only what comes before the library is looked at here.
#include "checkpoint/checkpoint.h"

#include <cstring>

#include "checkpoint/seal.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  const std::string_view bytes = fuzz::text_of(data, size);
  if (!checkpoint::has_seal(bytes) && bytes.starts_with("\x89HDF\r\n\x1a\n")) return 0;
  const fuzz::MemoryFile file(bytes);
  try {
    const checkpoint::Checkpoint read = checkpoint::load(file.path());
    for (const auto& [name, array] : read.arrays) FUZZ_REQUIRE(array.bytes.size() <= size);
  } catch (const checkpoint::Error& error) {
    FUZZ_REQUIRE(std::strstr(error.what(), "/proc/self/fd/"));
  }
  return 0;
}
