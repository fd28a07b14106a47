#include "data/text.h"

#include <chrono>
#include <cstdio>
#include <ostream>
#include <span>

#include "data/error.h"
#include "data/files.h"
#include "data/output_folder.h"
#include "data/split_writer.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

std::vector<std::string> read_texts(const std::vector<std::filesystem::path>& files) {
  if (files.empty()) throw DataError("no --input-file given");
  std::vector<std::string> texts;
  for (const auto& file : files) {
    texts.push_back(read_text_file(file));
    if (texts.back().empty()) throw DataError(quoted(file) + " is empty");
  }
  return texts;
}

/// The first share of the bytes, to the end of a character: what a tokenizer may be learned from.
std::vector<std::string> first_share(const std::vector<std::string>& texts, double share) {
  uint64_t left = 0;
  for (const std::string& text : texts) left += text.size();
  left = train_count(left, share);
  std::vector<std::string> result;
  for (const std::string& text : texts) {
    size_t size = std::min<uint64_t>(text.size(), left);
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) ++size;
    if (size > 0) result.push_back(text.substr(0, size));
    left -= std::min<uint64_t>(left, size);
  }
  return result;
}

uint64_t windows(std::span<const int32_t> tokens, uint64_t length) {
  return tokens.empty() ? 0 : (tokens.size() - 1) / length;
}

void write_split(std::span<const int32_t> tokens, const std::filesystem::path& folder, const Metadata& metadata) {
  const auto length = static_cast<uint64_t>(metadata.seq_len);
  const uint64_t count = windows(tokens, length);
  SplitWriter writer(folder, "all", metadata, count);
  for (uint64_t i = 0; i < count; ++i)
    writer.add(tokens.subspan(i * length, length), tokens.subspan(i * length + 1, length));
  writer.finish_singly(std::vector<int32_t>(count, 0));
}

}  // namespace

void build_text(const TextBuild& build, std::ostream& log) {
  const auto start = std::chrono::steady_clock::now();
  if (build.max_length < 1) {
    throw DataError("--max-length is " + std::to_string(build.max_length) + "; at least 1 is needed");
  }
  train_count(1, build.train_split);
  OutputFolder output(build.output_dir, build.force);
  const std::vector<std::string> texts = read_texts(build.input_files);

  std::vector<std::string> special = {markers::kPad};
  if (texts.size() > 1) special.insert(special.begin(), markers::kEndOfText);
  const bool learned = !build.tokens.tokenizer && !build.tokens.characters;
  const Tokenizer tokenizer =
      make_tokenizer(build.tokens, learned ? first_share(texts, build.train_split) : texts, special);
  std::vector<int32_t> tokens;
  for (const std::string& text : texts) {
    if (!tokens.empty()) tokens.push_back(tokenizer.token_id(markers::kEndOfText).value());
    const std::vector<int32_t> more = tokenizer.encode(text);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  const std::span<const int32_t> all = tokens;
  const uint64_t first = tokens.empty() ? 0 : train_count(tokens.size(), build.train_split);
  const auto length = static_cast<uint64_t>(build.max_length);
  if (windows(all.first(first), length) == 0) {
    throw DataError("the training share of the text has " + std::to_string(first) + " tokens; at least " +
                    std::to_string(length + 1) + " are needed for one window of --max-length " +
                    std::to_string(length));
  }

  Metadata metadata;
  metadata.pad_id = tokenizer.token_id(markers::kPad).value();
  metadata.ignore_label_id = -100;
  metadata.vocab_size = tokenizer.vocab_size();
  metadata.seq_len = build.max_length;
  metadata.num_puzzle_identifiers = 1;
  const uint64_t test_windows = windows(all.subspan(first), length);
  write_split(all.first(first), output.path() / "train", metadata);
  if (test_windows > 0) write_split(all.subspan(first), output.path() / "test", metadata);
  write_text_file(output.path() / "identifiers.json", "[\"<blank>\"]\n");
  save_tokenizer(tokenizer, output.path());
  output.commit();

  log << "Tokenizer: "
      << (learned                   ? "learned from the training share"
          : build.tokens.characters ? "one token for each character"
                                    : build.tokens.tokenizer->string())
      << ", vocabulary " << tokenizer.vocab_size() << '\n'
      << "train: " << windows(all.first(first), length) << " windows of " << length << " (" << first << " tokens)\n"
      << "test: " << test_windows << " windows of " << length << " (" << tokens.size() - first << " tokens)\n";
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  char took[32];
  std::snprintf(took, sizeof(took), "%.1f", seconds.count());
  log << "Dataset saved to " << build.output_dir.string() << " in " << took << " s\n";
}

}  // namespace trm
