#pragma once

namespace trm {

/// From now on SIGINT, SIGTERM and SIGHUP are noted (and said on standard error) instead of ending the program; a
/// second one ends it at once with status 128 + its number. Writing to a closed pipe or beyond a limit of file sizes is
/// an error where it happens, and memory-mapped data that is gone from the disk ends the program with an error.
void catch_stop_signals();

/// The signal that asked to stop, or 0.
int stop_signal();

/// "SIGINT"
const char* signal_name(int signal);

}  // namespace trm
