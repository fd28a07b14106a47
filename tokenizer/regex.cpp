#include "tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <utf8.h>

#include "text/printable.h"
#include "tokenizer/tokenizer.h"

namespace trm {
namespace {

std::string message_of(int error) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(error, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

pcre2_match_context* match_context() {
  static pcre2_match_context* const context = [] {
    auto* made = pcre2_match_context_create(nullptr);
    pcre2_set_match_limit(made, 200'000'000);  // a megabyte of white space backtracks a million times
    return made;
  }();
  return context;
}

}  // namespace

struct Regex::Match {
  explicit Match(const pcre2_code* code) : data(pcre2_match_data_create_from_pattern(code, nullptr)) {
    if (!data) throw std::bad_alloc();
  }
  ~Match() { pcre2_match_data_free(data); }
  Match(const Match&) = delete;
  Match& operator=(const Match&) = delete;
  pcre2_match_data* data;
};

Regex::Regex(const std::string& pattern, bool literal) : pattern_(pattern) {
  std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  const uint32_t options = literal ? PCRE2_UTF | PCRE2_LITERAL : PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;
  int error = 0;
  size_t at = 0;
  auto* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &error, &at, context.get());
  if (!code)
    throw TokenizerError("the regular expression \"" + printable(pattern) + "\" is not understood at byte " +
                         std::to_string(at) + ": " + message_of(error));
  code_ = std::shared_ptr<void>(code, [](void* p) { pcre2_code_free(static_cast<pcre2_code*>(p)); });
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where it fails, matching is interpreted
}

void Regex::each_match_in_valid(Match& match, std::string_view subject, size_t offset, const OnMatch& on_match) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const auto* text = reinterpret_cast<PCRE2_SPTR>(subject.data());
  for (size_t from = 0; from < subject.size();) {
    int found = pcre2_match(code, text, subject.size(), from, PCRE2_NO_UTF_CHECK, match.data, match_context());
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found =
          pcre2_match(code, text, subject.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match.data, match_context());
    if (found == PCRE2_ERROR_NOMATCH) return;
    if (found < 0)
      throw TokenizerError("the regular expression \"" + printable(pattern_) +
                           "\" fails on the text: " + message_of(found));
    const size_t* range = pcre2_get_ovector_pointer(match.data);
    on_match(offset + range[0], offset + range[1]);
    if (range[1] > range[0]) {
      from = range[1];
    } else {  // on from the character after an empty match
      if (range[0] >= subject.size()) return;
      const char* next = subject.data() + range[0];
      utf8::unchecked::next(next);
      from = next - subject.data();
    }
  }
}

void Regex::each_match(std::string_view subject, const OnMatch& on_match) const {
  Match match(static_cast<const pcre2_code*>(code_.get()));
  for (size_t from = 0; from < subject.size();) {
    const auto rest = subject.substr(from);
    const size_t valid = utf8::find_invalid(rest.begin(), rest.end()) - rest.begin();
    each_match_in_valid(match, rest.substr(0, valid), from, on_match);
    from += valid + 1;
  }
}

bool Regex::starts(std::string_view subject) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  Match match(code);
  return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), 0, PCRE2_ANCHORED, match.data,
                     match_context()) >= 0;
}

}  // namespace trm
