// The pickle of a PyTorch state dict.
#include "checkpoint/pickle.h"

#include "checkpoint/error.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm::checkpoint;
  try {
    const pickle::Document document = pickle::parse(trm::fuzz::text_of(data, size));
    FUZZ_REQUIRE(document.root != nullptr);
    size_t items = 0;
    for (const pickle::Value& value : document.values) items += value.items.size() + value.tensor.shape.size();
    FUZZ_REQUIRE(items <= (4 << 20) + 64 * size);
  } catch (const Error&) {
  }
  return 0;
}
