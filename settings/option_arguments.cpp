#include "settings/option_arguments.h"

#include <algorithm>

namespace trm {

std::string option_name(const std::string& argument) {
  if (!argument.starts_with("--") || argument.size() == 2) return "";
  return argument.substr(2, argument.find('=') - 2);
}

std::vector<std::string> separate_values(const std::vector<std::string>& arguments,
                                         const std::vector<std::string>& with_value) {
  std::vector<std::string> separated;
  bool value = false;  // of the option before
  for (const std::string& argument : arguments) {
    const std::string name = value ? "" : option_name(argument);
    const bool takes_value = std::ranges::find(with_value, name) != with_value.end();
    const size_t equals = argument.find('=');
    value = takes_value && equals == std::string::npos;
    if (takes_value && equals != std::string::npos) {
      separated.push_back("--" + name);
      separated.push_back(argument.substr(equals + 1));
    } else {
      separated.push_back(argument);
    }
  }
  return separated;
}

}  // namespace trm
