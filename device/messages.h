#pragma once
// What this layer has to tell the user. It knows no logger: programs say where messages go.
#include <string>

namespace trm {

enum class MessageKind { note, warning };
using MessageSink = void (*)(MessageKind kind, const std::string& text);

/// From now on messages go to `sink`; at first, and with nullptr, to standard error. May be called from any thread, and
/// so may the sink.
void set_message_sink(MessageSink sink);

void tell(MessageKind kind, const std::string& text);

}  // namespace trm
