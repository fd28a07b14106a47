#pragma once
// What the programs say and do alike.
#include <filesystem>
#include <string>

#include "logging/logging.h"

namespace trm {

/// From now on what the device layer has to tell goes where the programs' messages go, and notes to `notes`.
void start_messages(logging::Notes notes);

/// "0.1.0"
std::string program_version();

/// The configurations that were installed with this program (<its folder>/../share/trm/config), or those of the source
/// tree that it was built in; empty where there are none.
std::filesystem::path installed_config_folder();

/// Threads that computations on the cpu use: OMP_NUM_THREADS, else the cores.
int thread_count();

/// So many processes share this machine's cores: each uses its part, where OMP_NUM_THREADS or the launcher's binding does
/// not say otherwise.
void share_cores(int processes);

/// "1,234,567"
std::string with_commas(int64_t number);

}  // namespace trm
