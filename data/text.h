#pragma once
// The builder of plain-text datasets.
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <vector>

#include "data/token_source.h"

namespace trm {

struct TextBuild {
  std::vector<std::filesystem::path> input_files;
  std::filesystem::path output_dir;
  TokenSource tokens;
  int32_t max_length = 256;  ///< tokens a window, and seq_len
  double train_split = 0.9;  ///< share of the tokens, the first ones
  bool force = false;        ///< replace a dataset under output_dir
};

/// Builds <output_dir>/{train,test} of one set `all`: disjoint windows, inputs t[iL … iL+L), labels one further on, the
/// remainder dropped; all of identifier 0. Several files follow one another, with <|endoftext|> between them. Writes a
/// summary to `log`. Throws DataError or TokenizerError; nothing has then changed.
void build_text(const TextBuild& build, std::ostream& log);

}  // namespace trm
