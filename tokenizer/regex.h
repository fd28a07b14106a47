#pragma once
// Regular expressions over UTF-8 (PCRE2, Unicode properties, just-in-time compiled where the platform allows).
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace trm {

class Regex {
 public:
  /// Throws TokenizerError naming the pattern and the place that PCRE2 objects to.
  explicit Regex(const std::string& pattern, bool literal = false);

  using OnMatch = std::function<void(size_t begin, size_t end)>;

  /// Each match from left to right; after an empty one the next starts a character later. Bytes that are not UTF-8
  /// match nothing and end the subject on either side.
  void each_match(std::string_view subject, const OnMatch& on_match) const;

  /// Whether a match starts at the first byte of `subject` (valid UTF-8).
  bool starts(std::string_view subject) const;

  const std::string& pattern() const { return pattern_; }

 private:
  struct Match;
  void each_match_in_valid(Match& match, std::string_view subject, size_t offset, const OnMatch& on_match) const;

  std::string pattern_;
  std::shared_ptr<void> code_;
};

/// A pattern of a tokenizer.json (Oniguruma, Ruby's syntax) for PCRE2. Throws TokenizerError naming the construct if it
/// means something else there.
std::string from_oniguruma(const std::string& pattern);

/// White_Space, and Oniguruma's and Rust's \w, as the inside of a PCRE2 character class. PCRE2's own \s adds U+180E,
/// its \w differs from version to version.
extern const char* const kSpaceClass;
extern const char* const kWordClass;

}  // namespace trm
