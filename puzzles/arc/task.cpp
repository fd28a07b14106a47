#include "puzzles/arc/task.h"

#include <nlohmann/json.hpp>

#include "data/files.h"
#include "puzzles/error.h"

namespace trm {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void fail(const std::string& where, const std::string& what) { throw PuzzleError(where + ": " + what); }

std::string brief(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 37) + "…";
  return text;
}

Json parse(std::string_view text, const std::string& name) {
  try {
    Json json = Json::parse(text);
    if (!json.is_object()) fail(name, "it is not a JSON object of tasks");
    return json;
  } catch (const Json::parse_error& error) {
    fail(name, "malformed JSON at " + line_and_column(text, error.byte == 0 ? 0 : error.byte - 1));
  } catch (const Json::exception& error) {
    fail(name, std::string("JSON that cannot be read: ") + error.what());
  }
}

ArcGrid grid_of(const Json& json, const std::string& where) {
  if (!json.is_array()) fail(where, "it is " + brief(json) + "; a grid is a list of rows");
  ArcGrid grid;
  grid.rows = static_cast<int>(json.size());
  if (json.empty()) fail(where, "the grid is empty");
  if (json.size() > static_cast<size_t>(arc_side))
    fail(where, "it has " + std::to_string(json.size()) + " rows; at most 30 fit");
  size_t number = 0;
  for (const Json& row : json) {
    const std::string at = where + ", row " + std::to_string(++number);
    if (!row.is_array()) fail(at, "it is " + brief(row) + "; a row is a list of colours");
    if (row.empty()) fail(at, "it is empty");
    if (row.size() > static_cast<size_t>(arc_side))
      fail(at, "it has " + std::to_string(row.size()) + " cells; at most 30 fit");
    if (number == 1) grid.columns = static_cast<int>(row.size());
    if (row.size() != static_cast<size_t>(grid.columns))
      fail(at, "it has " + std::to_string(row.size()) + " cells, the rows above " + std::to_string(grid.columns));
    size_t column = 0;
    for (const Json& cell : row) {
      ++column;
      const bool colour = cell.is_number_integer() && cell >= 0 && cell < arc_colours;
      if (!colour) fail(at + ", column " + std::to_string(column), "it is " + brief(cell) + "; a colour is 0 to 9");
      grid.colours.push_back(cell.get<uint8_t>());
    }
  }
  return grid;
}

std::vector<ArcPair> pairs_of(const Json& task, const char* part, const std::string& where) {
  const auto found = task.find(part);
  if (found == task.end()) fail(where, std::string("it has no '") + part + "'");
  if (!found->is_array() || found->empty()) fail(where, std::string("'") + part + "' holds no pairs");
  std::vector<ArcPair> pairs;
  for (const Json& json : *found) {
    const std::string at = where + ", " + part + " pair " + std::to_string(pairs.size() + 1);
    if (!json.is_object() || !json.contains("input")) fail(at, "it has no 'input'");
    ArcPair pair{grid_of(json["input"], at + ", input"), {}};
    if (json.contains("output") && !json["output"].is_null()) pair.output = grid_of(json["output"], at + ", output");
    if (!pair.output && std::string_view(part) == "train") fail(at, "it has no 'output'");
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

ArcTask task_of(const Json& json, const std::string& id, const std::string& where) {
  if (!json.is_object()) fail(where, "it is " + brief(json) + "; a task is an object of 'train' and 'test'");
  return {id, pairs_of(json, "train", where), pairs_of(json, "test", where)};
}

}  // namespace

std::vector<ArcTask> read_arc_tasks(std::string_view text, const std::string& name) {
  const Json json = parse(text, name);
  if (json.contains("train") || json.contains("test")) return {task_of(json, name, name)};
  std::vector<ArcTask> tasks;
  for (const auto& [id, task] : json.items()) tasks.push_back(task_of(task, id, name + ", task '" + id + "'"));
  if (tasks.empty()) fail(name, "it holds no tasks");
  return tasks;
}

void add_arc_solutions(std::vector<ArcTask>& tasks, std::string_view text, const std::string& name) {
  const Json json = parse(text, name);
  for (ArcTask& task : tasks) {
    const std::string where = name + ", task '" + task.id + "'";
    const auto found = json.find(task.id);
    if (found == json.end()) fail(where, "its solutions are missing");
    if (!found->is_array() || found->size() != task.test.size())
      fail(where, "it has " + std::to_string(found->is_array() ? found->size() : 0) + " solutions for " +
                      std::to_string(task.test.size()) + " test inputs");
    size_t number = 0;
    for (ArcPair& pair : task.test) {
      const std::string at = where + ", solution " + std::to_string(number + 1);
      ArcGrid output = grid_of((*found)[number++], at);
      if (pair.output && *pair.output != output) fail(at, "it is another one than the output beside the test input");
      pair.output = std::move(output);
    }
  }
}

std::string arc_json(const ArcGrid& grid) {
  std::string text = "[";
  for (int row = 0; row < grid.rows; ++row) {
    text += row > 0 ? ",[" : "[";
    for (int column = 0; column < grid.columns; ++column) {
      if (column > 0) text += ',';
      text += static_cast<char>('0' + grid.colours[static_cast<size_t>(row * grid.columns + column)]);
    }
    text += ']';
  }
  return text + "]";
}

std::string arc_json(const ArcTask& task) {
  const auto list = [](const std::vector<ArcPair>& pairs) {
    std::string text = "[";
    for (const ArcPair& pair : pairs) {
      text += (text.size() > 1 ? ",{\"input\":" : "{\"input\":") + arc_json(pair.input);
      if (pair.output) text += ",\"output\":" + arc_json(*pair.output);
      text += "}";
    }
    return text + "]";
  };
  return "{\"train\":" + list(task.train) + ",\"test\":" + list(task.test) + "}";
}

}  // namespace trm
