#include "generate/output.h"

#include <iostream>
#include <stdexcept>

#include "logging/logging.h"

namespace trm {

void write_answer(std::string_view text) {
  std::cout << text << std::flush;
  if (!std::cout) throw std::runtime_error("the answer cannot be written to standard output");
}

void note(std::string_view text) { logging::note(std::string(text)); }

}  // namespace trm
