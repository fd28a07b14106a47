// .npy files of integers.
#include "data/npy.h"

#include "data/error.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  try {
    const NpyArray array = NpyArray::open(file.path());
    uint64_t count = 1;
    for (const uint64_t extent : array.shape()) count *= extent;
    FUZZ_REQUIRE(count == array.size());
    FUZZ_REQUIRE(array.size() <= size);  // an element has a byte at least
    FUZZ_REQUIRE(array.read_all().size() == array.size());
  } catch (const DataError&) {
  }
  return 0;
}
