#pragma once
// The command-line library, with file names that may have commas in them.
#define CXXOPTS_VECTOR_DELIMITER '\0'
#include <cxxopts.hpp>
