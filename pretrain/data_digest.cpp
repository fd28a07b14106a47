#include "pretrain/data_digest.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <span>
#include <vector>

#include "checkpoint/digest.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

/// Appends what tells this file from another: its size and the checksums of its pieces.
void add_file(const fs::path& file, uint64_t size, bool whole, std::vector<uint64_t>& numbers) {
  constexpr uint64_t piece = uint64_t{1} << 20;
  std::ifstream in(file, std::ios::binary);
  std::vector<char> bytes;
  const auto add = [&](uint64_t at) {
    bytes.resize(std::min(piece, size - at));
    in.seekg(static_cast<std::streamoff>(at));
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    numbers.push_back(checkpoint::hash_bytes(std::as_bytes(std::span(bytes))));
  };
  numbers.push_back(size);
  if (whole || size <= 2 * piece) {
    for (uint64_t at = 0; at < size; at += piece) add(at);
  } else {
    add(0);
    add(size - piece);
  }
}

}  // namespace

std::string data_digest(const Dataset& dataset, uint64_t whole) {
  try {
    std::vector<std::pair<fs::path, uint64_t>> files;
    uint64_t bytes = 0;
    for (const ExampleSet& set : dataset.sets())
      for (const NpyArray* array : {&set.inputs, &set.labels}) {
        files.emplace_back(array->path(), fs::file_size(array->path()));
        bytes += files.back().second;
      }
    std::vector<uint64_t> numbers;
    for (const auto& [file, size] : files) add_file(file, size, bytes <= whole, numbers);
    char text[32];
    std::snprintf(text, sizeof text, "%016llx",
                  static_cast<unsigned long long>(checkpoint::hash_bytes(std::as_bytes(std::span(numbers)))));
    return text;
  } catch (const fs::filesystem_error&) {
    return "";
  }
}

}  // namespace trm
