#include "data/npy_header.h"

#include <cctype>
#include <charconv>
#include <stdexcept>

#include "text/printable.h"

namespace trm {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        if (peek() != '\'' && peek() != '"') throw std::invalid_argument("its dtype is a record, not an integer");
        header.descr = string();
        descr = true;
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
        order = true;
      } else if (key == "shape") {
        header.shape = tuple();
        shape = true;
      } else {
        throw std::invalid_argument("its header has an unknown key '" + printable(key) + "'");
      }
      if (!accept(',') && peek() != '}') malformed();
    }
    if (!descr || !order || !shape) throw std::invalid_argument("its header lacks descr, fortran_order or shape");
    return header;
  }

 private:
  [[noreturn]] static void malformed() { throw std::invalid_argument("its header is malformed"); }

  char peek() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    if (at_ == text_.size()) malformed();
    return text_[at_];
  }

  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) malformed();
  }

  std::string string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') malformed();
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) malformed();
    const std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }

  bool boolean() {
    peek();
    for (const auto& [word, value] : {std::pair{"True", true}, std::pair{"False", false}}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += std::string_view(word).size();
        return value;
      }
    }
    malformed();
  }

  std::vector<uint64_t> tuple() {
    std::vector<uint64_t> values;
    expect('(');
    while (!accept(')')) {
      peek();
      uint64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (error != std::errc()) malformed();
      at_ = static_cast<size_t>(end - text_.data());
      values.push_back(value);
      accept('L');  // written by Python 2
      if (!accept(',') && peek() != ')') malformed();
    }
    return values;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view text) { return Parser(text).parse(); }

}  // namespace trm
