#pragma once
// What build_dataset can build: each takes its own arguments (argv[0] being its name) and returns the exit status.
// They throw exceptions derived from std::exception for main to print.

namespace trm {

int chat_command(int argc, char** argv);
int text_command(int argc, char** argv);
int sudoku_command(int argc, char** argv);
int maze_command(int argc, char** argv);
int arc_command(int argc, char** argv);

}  // namespace trm
