#pragma once

namespace trm {

/// From now on SIGINT and SIGTERM are noted instead of ending the program; a second one ends it at once with status 128
/// + its number.
void catch_stop_signals();

/// The signal that asked to stop, or 0.
int stop_signal();

/// "SIGINT"
const char* signal_name(int signal);

}  // namespace trm
