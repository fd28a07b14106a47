#include "generate/puzzle_page.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "generate/puzzle_grid.h"

namespace trm {
namespace {

using Json = nlohmann::ordered_json;

/// The drawn cells of a state, row after row.
Json cells_of(const PuzzleKind& kind, std::span<const int32_t> state, const GridSize& size) {
  Json cells = Json::array();
  for (int row = 0; row < size.rows; ++row)
    for (int column = 0; column < size.columns; ++column)
      cells.push_back(state[static_cast<size_t>(row * kind.columns() + column)]);
  return cells;
}

Json puzzle_json(const PuzzleKind& kind, const PagePuzzle& shown) {
  const auto& tokens = shown.puzzle.tokens;
  std::vector<std::span<const int32_t>> states;
  for (const TracedStep& step : shown.steps) states.emplace_back(step.tokens);
  const bool apart = std::all_of(tokens.begin(), tokens.end(), [&](int32_t token) { return kind.is_free(token); });
  if (!apart) states.emplace_back(tokens);
  const GridSize size = drawn_size(kind, states);

  Json json;
  json["name"] = shown.puzzle.name;
  json["rows"] = size.rows;
  json["columns"] = size.columns;
  if (apart) {
    const GridSize own = drawn_size(kind, {std::span<const int32_t>(tokens)});
    json["input"] = {{"rows", own.rows}, {"columns", own.columns}, {"cells", cells_of(kind, tokens, own)}};
  } else {
    json["start"] = cells_of(kind, tokens, size);
    json["given"] = Json::array();
    for (int row = 0; row < size.rows; ++row)
      for (int column = 0; column < size.columns; ++column)
        json["given"].push_back(kind.is_free(tokens[static_cast<size_t>(row * kind.columns() + column)]) ? 0 : 1);
  }
  json["steps"] = Json::array();
  for (const TracedStep& step : shown.steps)
    json["steps"].push_back({{"cells", cells_of(kind, step.tokens, size)},
                             {"right", 1 / (1 + std::exp(-static_cast<double>(step.q_halt)))}});
  json["verdict"] = !shown.judged ? "" : shown.broken.empty() ? "keeps the rules" : shown.broken;
  json["right"] = shown.judged && shown.broken.empty();
  return json;
}

Json looks_json(const PuzzleKind& kind, const std::vector<PagePuzzle>& puzzles) {
  std::set<int32_t> tokens;
  for (const PagePuzzle& shown : puzzles) {
    tokens.insert(shown.puzzle.tokens.begin(), shown.puzzle.tokens.end());
    for (const TracedStep& step : shown.steps) tokens.insert(step.tokens.begin(), step.tokens.end());
  }
  Json looks = Json::object();
  for (const int32_t token : tokens) {
    const CellLook look = kind.look(token);
    Json& entry = looks[std::to_string(token)] = {{"text", std::string(1, look.character)}};
    if (!look.colour) continue;
    char colour[8];
    std::snprintf(colour, sizeof colour, "#%06x", *look.colour);
    entry["colour"] = colour;
  }
  return looks;
}

/// Inside a script element: JSON where no tag can begin.
std::string for_script(const Json& json) {
  std::string text;
  for (const char c : json.dump(-1, ' ', false, Json::error_handler_t::replace))
    c == '<' ? text += "\\u003c" : text += c;
  return text;
}

}  // namespace

std::string puzzle_page(const PuzzleKind& kind, const std::string& title, const std::vector<PagePuzzle>& puzzles) {
  Json data;
  data["title"] = title;
  data["kind"] = kind.name();
  data["box"] = {kind.box().rows, kind.box().columns};
  data["looks"] = looks_json(kind, puzzles);
  data["puzzles"] = Json::array();
  for (const PagePuzzle& shown : puzzles) data["puzzles"].push_back(puzzle_json(kind, shown));
  std::string page = puzzle_page_html.text;
  const std::string place = "/*DATA*/null";
  page.replace(page.find(place), place.size(), for_script(data));
  return page;
}

}  // namespace trm
