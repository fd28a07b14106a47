#include "answering/stop_strings.h"

#include <algorithm>

namespace trm {

/// Takes the first `size` bytes that are held, and returns what of them is written.
std::string StopStrings::release(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i)
    if (shown_[i]) text += held_[i];
  held_.erase(0, size);
  shown_.erase(0, size);
  return text;
}

std::string StopStrings::push(std::string_view piece, bool shown) {
  if (stopped_) return "";
  held_ += piece;
  shown_.append(piece.size(), shown ? 1 : 0);
  size_t end = held_.size();
  for (const std::string& stop : strings_) {
    const size_t found = held_.find(stop);
    if (found != std::string::npos && found <= end) {
      end = found;
      stopped_ = true;
    }
  }
  if (stopped_) return release(end);
  size_t open = 0;  // bytes at the end that begin a stop string
  for (const std::string& stop : strings_)
    for (size_t size = std::min(stop.size() - 1, held_.size()); size > open; --size)
      if (held_.ends_with(std::string_view(stop).substr(0, size))) open = size;
  return release(held_.size() - open);
}

std::string StopStrings::finish() { return stopped_ ? "" : release(held_.size()); }

}  // namespace trm
