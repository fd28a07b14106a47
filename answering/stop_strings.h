#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace trm {

/// Lets streamed text through up to the first of some strings, which may be spread over several pieces: the end of the
/// text that may yet become one is held back.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {}

  /// The text that can be written now. After the first stop string, nothing. A piece that is not `shown`, such as the
  /// text of a special token, may be or be part of a stop string, and is never written.
  std::string push(std::string_view piece, bool shown = true);
  /// What was held back, as no more text comes.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> strings_;  // none is empty
  std::string release(size_t size);

  std::string held_;
  std::string shown_;  // for each byte held, whether it is written
  bool stopped_ = false;
};

}  // namespace trm
