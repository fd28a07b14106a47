#pragma once
#include "puzzles/build.h"

namespace trm {

/// Gives a build its progress bar, on standard error where that is a terminal, its lines on standard output, and as
/// many threads as there are cores.
void show_progress(BuildOutput& output);

/// Runs a build, then says where the dataset is and how long it took.
void timed(const BuildOutput& output, const std::function<void()>& build);

}  // namespace trm
