#include "device/messages.h"

#include <atomic>
#include <cstdio>

namespace trm {
namespace {

void to_standard_error(MessageKind kind, const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", kind == MessageKind::warning ? "warning" : "note", text.c_str());
}

std::atomic<MessageSink> current{to_standard_error};

}  // namespace

void set_message_sink(MessageSink sink) { current = sink ? sink : to_standard_error; }

void tell(MessageKind kind, const std::string& text) { current.load()(kind, text); }

}  // namespace trm
