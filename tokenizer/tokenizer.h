#pragma once
// Byte-level byte-pair encoding, the GPT-2 family, in the Hugging Face tokenizer.json form.
// Sennrich et al. 2016 (https://arxiv.org/abs/1508.07909); Radford et al. 2019 (byte-level alphabet and word pattern).
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trm {

/// A tokenizer that cannot be read, is of another kind, or was asked for an id it does not have.
struct TokenizerError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A value: copies are cheap and independent. Const members may be called from several threads at once.
class Tokenizer {
 public:
  /// A tokenizer.json, a folder holding one, or a folder holding vocab.json + merges.txt (GPT-2's; those of our markers
  /// that it has, and the tokens of an added_tokens.json, are special tokens). Throws TokenizerError naming the file
  /// and what in it is wrong or not supported.
  static Tokenizer load(const std::filesystem::path& path);

  /// From the text of a tokenizer.json; `name` stands for the file in errors.
  static Tokenizer from_json(std::string_view text, const std::string& name);

  /// Learns a byte-level BPE: 256 byte symbols, then merges, then `special_tokens`; at most vocab_size tokens in all.
  /// Fewer where no pair of symbols occurs twice. Equally frequent pairs: lowest left id first, then lowest right id,
  /// so the same texts, in any order, give the same tokenizer (that of Hugging Face with min_frequency 2). Special
  /// tokens inside the texts are not learned from and never merged across. Throws TokenizerError if vocab_size is below
  /// 256 + specials.
  static Tokenizer train(const std::vector<std::string>& texts, int vocab_size,
                         const std::vector<std::string>& special_tokens);

  /// A token for each Unicode character of the texts, by code point, after the 256 byte symbols. A character not in the
  /// texts is encoded as its bytes.
  static Tokenizer characters(const std::vector<std::string>& texts);

  /// Token ids of `text`; special tokens inside it are read as special tokens. Nothing is put before or after it,
  /// whatever the file's post_processor says. Any bytes are accepted; those for which the vocabulary has no token
  /// become its unk_token, or nothing if it has none (a tokenizer made here has all 256).
  std::vector<int32_t> encode(std::string_view text) const;

  /// The text of `ids`, invalid UTF-8 replaced by U+FFFD; `skip_special` leaves special tokens out.
  /// Throws TokenizerError for an id that is not in the vocabulary.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  /// A tokenizer.json that Hugging Face `tokenizers` loads, with the same encodings.
  std::string to_json() const;

  /// Writes folder/tokenizer.json, creating the folder. Throws TokenizerError if that fails; an older file is then
  /// kept.
  void save(const std::filesystem::path& folder) const;

  /// Highest id + 1.
  int vocab_size() const;

  /// The id of a token as it stands in the vocabulary (a byte-level symbol string, or an added token), if there is one.
  std::optional<int32_t> token_id(std::string_view token) const;

  /// The token of an id as it stands in the vocabulary. Throws TokenizerError for an id that is not there.
  std::string token(int32_t id) const;

  bool is_special(int32_t id) const;

  /// The bytes that an id stands for: of a special token, its text. Throws TokenizerError for an id that is not there.
  std::string_view bytes(int32_t id) const;

  /// Adds those not present yet, in this order, with new ids after the highest; returns the ids of all of them.
  std::vector<int32_t> add_special_tokens(const std::vector<std::string>& tokens);

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// Decodes a stream of tokens: holds back the bytes of an unfinished UTF-8 character, so that the pieces joined equal
/// decode() of all the ids. The tokenizer must outlive it.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// The text that this token completes; may be empty.
  std::string push(int32_t id);

  /// What is still held back, as U+FFFD.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  std::string pending_;
};

}  // namespace trm
