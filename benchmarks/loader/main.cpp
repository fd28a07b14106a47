// Examples a second that one thread loads, augmented on the fly, as JSON lines.
//   bench_loader [examples]     default 1000000 (grids of 900 cells: a tenth)
#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "data/loader.h"
#include "data/split_writer.h"
#include "puzzles/augmentation.h"
#include "puzzles/kinds.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

struct Case {
  const char *kind, *augment;
  int vocab_size, seq_len;
};

/// Random cells: what they say does not matter for the time.
void write_examples(const fs::path& folder, const Case& one, uint64_t examples) {
  Metadata metadata;
  metadata.ignore_label_id = 0;
  metadata.vocab_size = one.vocab_size;
  metadata.seq_len = one.seq_len;
  metadata.num_puzzle_identifiers = 1;
  metadata.puzzle_kind = one.kind;
  SplitWriter writer(folder / "train", "all", metadata, examples, NpyType::uint8);
  SplitMix64 random(1);
  std::vector<uint8_t> row(static_cast<size_t>(one.seq_len));
  for (uint64_t i = 0; i < examples; ++i) {
    for (uint8_t& cell : row)
      cell = static_cast<uint8_t>(2 + random.next() % static_cast<uint64_t>(one.vocab_size - 2));
    writer.add_rows(row, row);
  }
  writer.finish_singly(std::vector<int32_t>(examples, 0));
}

double heap_mib() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  char line[256];
  long kib = 0;
  while (file && std::fgets(line, sizeof line, file))
    if (std::sscanf(line, "RssAnon: %ld", &kib) == 1) break;
  if (file) std::fclose(file);
  return static_cast<double>(kib) / 1024;
}

void run(const fs::path& folder, const Case& one, uint64_t examples) {
  const double before = heap_mib();
  const auto data = std::make_shared<const Dataset>(Dataset::open({folder}, "train", 0));
  LoaderOptions options;
  options.batch_size = 768;
  options.augment = augmentation(one.augment, puzzle_kind(one.kind, one.vocab_size, one.seq_len), 1);
  Loader loader = Loader::training(data, DatasetType::kPuzzle, 1, 1000, options);
  loader.next();  // the permutation of the first epoch
  const std::clock_t start = std::clock();
  uint64_t loaded = 0;
  double seconds = 0;  // of the processor: other work on the machine does not count
  while (seconds < 1) {
    loaded += loader.next()->rows;
    seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  }
  std::printf(
      "{\"bench\": \"loader\", \"kind\": \"%s\", \"augment\": \"%s\", \"cells\": %d, \"examples\": %llu, "
      "\"examples_per_s\": %.0f, \"heap_mib\": %.1f}\n",
      one.kind, one.augment, one.seq_len, static_cast<unsigned long long>(examples),
      static_cast<double>(loaded) / seconds, heap_mib() - before);
  std::fflush(stdout);
}

}  // namespace
}  // namespace trm

int main(int argc, char** argv) {
  using namespace trm;
  const uint64_t examples = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000000;
  std::string name = (fs::temp_directory_path() / "trm-bench-XXXXXX").string();
  if (examples < 10 || !::mkdtemp(name.data())) return 1;
  int status = 0;
  try {
    for (const Case& one :
         {Case{"sudoku", "sudoku", 11, 81}, Case{"maze", "dihedral", 6, 900}, Case{"arc", "arc", 12, 900}}) {
      const uint64_t count = one.seq_len > 100 ? examples / 10 : examples;
      const fs::path folder = fs::path(name) / one.kind;
      write_examples(folder, one, count);
      run(folder, {one.kind, "none", one.vocab_size, one.seq_len}, count);
      run(folder, one, count);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    status = 1;
  }
  fs::remove_all(name);
  return status;
}
