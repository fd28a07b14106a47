#include "answering/stop_strings.h"

#include <algorithm>
#include <utility>

namespace trm {

std::string StopStrings::push(std::string_view piece) {
  if (stopped_) return "";
  held_ += piece;
  size_t end = held_.size();
  for (const std::string& stop : strings_) {
    const size_t found = held_.find(stop);
    if (found != std::string::npos && found <= end) {
      end = found;
      stopped_ = true;
    }
  }
  if (stopped_) {
    held_.resize(end);
    return std::exchange(held_, {});
  }
  size_t open = 0;  // bytes at the end that begin a stop string
  for (const std::string& stop : strings_)
    for (size_t size = std::min(stop.size() - 1, held_.size()); size > open; --size)
      if (held_.ends_with(std::string_view(stop).substr(0, size))) open = size;
  std::string text = held_.substr(0, held_.size() - open);
  held_.erase(0, text.size());
  return text;
}

std::string StopStrings::finish() { return stopped_ ? "" : std::exchange(held_, {}); }

}  // namespace trm
