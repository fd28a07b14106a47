// Configurations, as files and as checkpoints store them.
#include "fuzz/target.h"
#include "settings/error.h"
#include "settings/stored.h"
#include "settings/yaml_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  const std::string text(fuzz::text_of(data, size));
  try {
    to_text(parse_yaml(text, "input"));
    const StoredSettings read = settings_from_yaml(text, "input");
    const std::string written = to_yaml(read.settings, read.data);
    const StoredSettings again = settings_from_yaml(written, "written");
    FUZZ_REQUIRE(again.settings == read.settings);
    FUZZ_REQUIRE(to_yaml(again.settings, again.data) == written);
  } catch (const SettingsError& error) {
    FUZZ_REQUIRE(std::string_view(error.what()).size() < 20000);
  }
  return 0;
}
