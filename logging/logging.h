#pragma once
// What a program tells its user besides its answers: notes, warnings and errors, on the terminal and in a file.
#include <filesystem>
#include <functional>
#include <string>

namespace trm::logging {

enum class Level { note, warning, error };

/// "info" (a note), "warning" or "error"; throws std::invalid_argument naming the text and these.
Level parse_level(const std::string& text);

/// Where notes go; warnings and errors go to standard error.
enum class Notes { standard_output, standard_error };
void send_notes_to(Notes where);

/// Only messages of this level and above on the terminal; at first, all. A file has all of them.
void show_from(Level least);
bool shows_notes();

/// The message as it is.
void note(const std::string& text);
/// "warning: …"
void warn(const std::string& text);
/// "error: …"
void error(const std::string& text);

/// Called before each line on the terminal, for what must be wiped away first: a progress bar.
void before_lines(std::function<void()> act);

/// Also appends messages, with their times, to a file: those so far (256 at most) and all that follow. Where writing
/// fails later, that is said once. Throws std::runtime_error naming the file where it cannot be opened.
void append_to(const std::filesystem::path& file);

}  // namespace trm::logging
