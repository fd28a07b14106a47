// dataset.json.
#include "data/error.h"
#include "data/metadata.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  const fuzz::MemoryFile file(fuzz::text_of(data, size)), again("");
  try {
    const Metadata read = read_metadata(file.path());
    write_metadata(again.path(), read);
    const Metadata written = read_metadata(again.path());
    FUZZ_REQUIRE(written.vocab_size == read.vocab_size && written.seq_len == read.seq_len);
    FUZZ_REQUIRE(written.pad_id == read.pad_id && written.ignore_label_id == read.ignore_label_id);
    FUZZ_REQUIRE(written.total_groups == read.total_groups && written.sets == read.sets);
    FUZZ_REQUIRE(written.mean_puzzle_examples == read.mean_puzzle_examples || read.total_groups == 0);
    for (const std::string& set : read.sets) FUZZ_REQUIRE(set.find('/') == std::string::npos);
    planned_steps(read, 1000000, 1);
  } catch (const DataError&) {
  }
  return 0;
}
