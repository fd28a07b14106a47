#pragma once
#include <string>
#include <vector>

namespace trm {

/// "name" of "--name" and "--name=value"; "" of anything else.
std::string option_name(const std::string& argument);

/// The arguments (without the program's name) as the option library reads them whatever is in them: it matches each one
/// with a recursive regular expression, which a long value or a line end behind "=" is too much for. So "--name=value"
/// of an option in `with_value` becomes two arguments.
std::vector<std::string> separate_values(const std::vector<std::string>& arguments,
                                         const std::vector<std::string>& with_value);

}  // namespace trm
