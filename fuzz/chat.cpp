// Conversations in JSON and JSON Lines, of every format.
#include "data/chat_example.h"
#include "data/conversations.h"
#include "data/error.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  for (const bool skip_bad : {false, true}) {
    try {
      const Conversations all = read_conversations({file.path()}, std::nullopt, skip_bad);
      FUZZ_REQUIRE(!all.list.empty());
      for (const Conversation& conversation : all.list) {
        FUZZ_REQUIRE(!conversation_text(conversation, true).empty());
        learned_answers(conversation, false);
      }
    } catch (const DataError& error) {
      FUZZ_REQUIRE(std::string_view(error.what()).size() < 2000);
    }
  }
  return 0;
}
