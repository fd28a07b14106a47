#pragma once
// The builder of chat datasets.
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <vector>

#include "data/chat_example.h"
#include "data/conversations.h"
#include "data/token_source.h"

namespace trm {

struct ChatBuild {
  std::vector<std::filesystem::path> input_files;
  std::filesystem::path output_dir;
  std::optional<ChatFormat> format;  ///< none: that of the first record
  TokenSource tokens;
  int32_t max_length = 2048;  ///< tokens a conversation, and seq_len
  double train_split = 0.95;  ///< share of the conversations, the first ones
  uint64_t seed = 42;         ///< of the subsampling
  std::optional<uint64_t> subsample_size;
  LossOn loss_on = LossOn::kAll;
  bool keep_system = true;
  bool skip_bad_records = false;  ///< leave out, and count, records that cannot be read
  bool force = false;             ///< replace a dataset under output_dir
};

/// Builds <output_dir>/{train,test} of one set `all` (no test where there is nothing for it), identifiers.json (the
/// conversations of train by id), tokenizer/ and config.json, and writes a summary to `log`. Conversations without a
/// label that counts are left out, and counted. Throws DataError or TokenizerError; nothing has then changed.
void build_chat(const ChatBuild& build, std::ostream& log);

}  // namespace trm
