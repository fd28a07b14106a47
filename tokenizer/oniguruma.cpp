#include <cctype>
#include <cstring>

#include "text/printable.h"
#include "tokenizer/regex.h"
#include "tokenizer/tokenizer.h"

namespace trm {

const char* const kSpaceClass =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// Alphabetic (letters, letter numbers, marks, circled and squared letters), Mark, decimal numbers, connectors, joiners.
const char* const kWordClass =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200c}\x{200d}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";

namespace {

class Translator {
 public:
  explicit Translator(const std::string& pattern) : in_(pattern) {}

  std::string run() {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '\\') {
        escape();
      } else if (in_class_) {
        in_bracket(c);
      } else {
        outside(c);
      }
    }
    return out_;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw TokenizerError("the regular expression \"" + printable(in_) + "\" has " + what + " at byte " +
                         std::to_string(at_) + ", which is not supported");
  }

  void keep(size_t count) {
    out_ += in_.substr(at_, count);
    at_ += count;
  }

  void replace(size_t count, const std::string& with) {
    out_ += with;
    at_ += count;
  }

  // `count` and the braces that follow, whose end is not one of an interval.
  size_t braced(size_t count) const {
    if (in_.compare(at_ + count, 1, "{") != 0) return count;
    const size_t end = in_.find('}', at_);
    return end == std::string::npos ? count : end + 1 - at_;
  }

  void escape() {
    if (at_ + 1 == in_.size()) refuse("a lone backslash");
    const char c = in_[at_ + 1];
    const auto set = [&](const char* inside) { replace(2, in_class_ ? inside : std::string("[") + inside + "]"); };
    switch (c) {
      case 's':
        return set(kSpaceClass);
      case 'w':
        return set(kWordClass);
      case 'S':
        return replace(2, in_class_ ? R"(\S\x{180e})" : std::string("[^") + kSpaceClass + "]");
      case 'W':
        if (in_class_) refuse("\\W inside a class");
        return replace(2, std::string("[^") + kWordClass + "]");
      case 'v':
        return replace(2, R"(\x0b)");
      case 'u':
        if (at_ + 6 > in_.size() || in_.find_first_not_of("0123456789abcdefABCDEF", at_ + 2) < at_ + 6)
          refuse("\\u without four hexadecimal digits");
        return replace(6, "\\x{" + in_.substr(at_ + 2, 4) + "}");
      case 'p':
      case 'P':
        return keep(braced(2));
      case 'x':
        if (in_.compare(at_ + 2, 1, "{") != 0 && in_.find_first_of("89abcdefABCDEF", at_ + 2) == at_ + 2)
          refuse("a byte above \\x7f");
        return keep(braced(2));
      default:
        if (std::isalnum(static_cast<unsigned char>(c)) && !std::strchr("dDrntfaeAzZ", c))
          refuse(std::string("\\") + c);
        return keep(2);
    }
  }

  void in_bracket(char c) {
    if (c == '[') refuse("a class inside a class");
    if (c == '&' && in_.compare(at_, 2, "&&") == 0) refuse("an intersection of classes (&&)");
    if (c == ']' && at_ > class_start_) in_class_ = false;
    keep(1);
  }

  void outside(char c) {
    if (c == '[') {
      in_class_ = true;
      keep(in_.compare(at_, 2, "[^") == 0 ? 2 : 1);
      class_start_ = at_;
    } else if (c == '}' && in_.compare(at_, 2, "}+") == 0) {
      refuse("a repeated interval ({…}+)");
    } else if (c == '{' && in_.compare(at_, 2, "{,") == 0) {
      refuse("an interval without a lower bound ({,…})");
    } else if (in_.compare(at_, 2, "(?") == 0) {
      keep(2);
      while (at_ < in_.size() && std::strchr("imx-", in_[at_])) {
        if (in_[at_] == 'm') {
          replace(1, "s");  // Ruby's m: the dot matches a newline
        } else {
          keep(1);
        }
      }
    } else {
      keep(1);
    }
  }

  const std::string& in_;
  std::string out_;
  size_t at_ = 0, class_start_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string from_oniguruma(const std::string& pattern) { return Translator(pattern).run(); }

}  // namespace trm
