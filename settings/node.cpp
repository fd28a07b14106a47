#include "settings/node.h"

#include "settings/error.h"
#include "text/printable.h"

namespace trm {
namespace {

Node make(Node::Kind kind, std::string origin) {
  Node node;
  node.kind = kind;
  node.origin = std::move(origin);
  return node;
}

/// Splits "a.b.c" into "a" and "b.c".
std::pair<std::string_view, std::string_view> split(std::string_view path) {
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return {path, {}};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

template <class N>
auto* child(N& node, std::string_view key) {
  for (auto& [name, value] : node.entries)
    if (name == key) return &value;
  return static_cast<decltype(&node.entries.front().second)>(nullptr);
}

void write(const Node& node, std::string& out) {
  constexpr std::size_t longest = 120;
  if (out.size() > longest) return;
  switch (node.kind) {
    case Node::Kind::null:
      out += "null";
      break;
    case Node::Kind::scalar:
      out += printable(node.text, 120);
      break;
    case Node::Kind::list:
      out += '[';
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        if (i) out += ", ";
        const bool empty = node.items[i].kind == Node::Kind::scalar && node.items[i].text.empty();
        empty ? void(out += "''") : write(node.items[i], out);
      }
      out += ']';
      break;
    case Node::Kind::map:
      out += '{';
      for (std::size_t i = 0; i < node.entries.size(); ++i) {
        if (i) out += ", ";
        out += printable(node.entries[i].first) + ": ";
        write(node.entries[i].second, out);
      }
      out += '}';
  }
}

}  // namespace

Node Node::scalar(std::string text, std::string origin) {
  Node node = make(Kind::scalar, std::move(origin));
  node.text = std::move(text);
  return node;
}

Node Node::list(std::string origin) { return make(Kind::list, std::move(origin)); }

Node Node::map(std::string origin) { return make(Kind::map, std::move(origin)); }

const Node* Node::find(std::string_view path) const {
  if (path.empty()) return this;
  if (!is_map()) return nullptr;
  const auto [head, rest] = split(path);
  const Node* next = child(*this, head);
  return next ? next->find(rest) : nullptr;
}

void Node::set(std::string_view path, Node value) {
  if (path.empty()) return merge(*this, std::move(value));
  if (is_null()) *this = map(origin);
  if (!is_map())
    throw SettingsError("'" + printable(path) + "' cannot be set under '" + to_text(*this) + "' (" + origin +
                        "), which is not a map");
  const auto [head, rest] = split(path);
  Node* next = child(*this, head);
  if (!next) next = &entries.emplace_back(std::string(head), Node{}).second;
  next->set(rest, std::move(value));
}

void Node::erase(std::string_view path) {
  const auto [head, rest] = split(path);
  if (rest.empty()) {
    std::erase_if(entries, [head = head](const auto& entry) { return entry.first == head; });
  } else if (Node* next = child(*this, head)) {
    next->erase(rest);
  }
}

void merge(Node& into, Node from) {
  if (!into.is_map() || !(from.is_map() || from.is_null())) {
    into = std::move(from);
    return;
  }
  for (auto& [name, value] : from.entries) {
    if (Node* there = child(into, name))
      merge(*there, std::move(value));
    else
      into.entries.emplace_back(name, std::move(value));
  }
}

std::string to_text(const Node& node) {
  std::string out;
  write(node, out);
  if (out.size() <= 120) return out;
  std::size_t end = 117;
  while (end > 0 && (out[end] & 0xC0) == 0x80) --end;  // not within a character
  return out.substr(0, end) + "...";
}

}  // namespace trm
