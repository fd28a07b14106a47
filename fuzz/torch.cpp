// Files of torch.save: the zip around a pickle and storages.
#include <cstring>

#include "checkpoint/error.h"
#include "checkpoint/torch_import.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  checkpoint::is_torch_file(file.path());
  try {
    for (const auto& [name, array] : checkpoint::import_torch(file.path()))
      FUZZ_REQUIRE(array.bytes.size() <= 4 * size);  // a byte of the file becomes a float32 at most
  } catch (const checkpoint::Error& error) {
    FUZZ_REQUIRE(std::strstr(error.what(), "/proc/self/fd/"));
  }
  return 0;
}
