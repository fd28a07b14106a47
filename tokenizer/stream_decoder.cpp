#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace trm {

std::string StreamDecoder::push(int32_t id) {
  pending_ += tokenizer_.bytes(id);
  const size_t ready = pending_.size() - unfinished_length(pending_);
  std::string text = to_valid_utf8(std::string_view(pending_).substr(0, ready));
  pending_.erase(0, ready);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text = to_valid_utf8(pending_);
  pending_.clear();
  return text;
}

}  // namespace trm
