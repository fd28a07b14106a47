#pragma once
#include <filesystem>
#include <string>

namespace trm {

/// Where the module libtrm_<name>, a library that is opened at run time, is to lie: beside the device library.
std::filesystem::path module_path(const std::string& name);

}  // namespace trm
