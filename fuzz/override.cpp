// What stands on pretrain's command line: one override a line.
#include "settings/override.h"

#include <sstream>

#include "fuzz/target.h"
#include "settings/error.h"
#include "settings/interpolate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  std::istringstream lines{std::string(fuzz::text_of(data, size))};
  Node tree = Node::map();
  for (std::string line; std::getline(lines, line);) {
    try {
      const Override read = parse_override(line);
      if (read.value) to_text(*read.value);
      if (read.value && !read.reset) tree.set(read.key, *read.value);
    } catch (const SettingsError& error) {
      FUZZ_REQUIRE(std::string_view(error.what()).size() < 2000);
    }
  }
  try {
    resolve(tree, "x", tree);
  } catch (const SettingsError&) {
  }
  return 0;
}
