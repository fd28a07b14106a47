#include "settings/interpolate.h"

#include <algorithm>
#include <cstdlib>

#include "settings/error.h"
#include "settings/keys.h"

namespace trm {
namespace {

struct Resolver {
  const Node& root;
  std::vector<std::string> visiting;  // the keys whose references are being followed
  int steps_left = 10000;

  [[noreturn]] void fail(const Node& at, const std::string& why) const {
    throw SettingsError(visiting.back() + ": got '" + to_text(at) + "' (" + at.origin + "), " + why);
  }

  Node resolve(const Node& value) {
    if (value.is_scalar()) return resolve_text(value);
    Node out = value;
    for (Node& item : out.items) item = resolve(item);
    for (auto& entry : out.entries) entry.second = resolve(entry.second);
    return out;
  }

  Node resolve_text(const Node& value) {
    const std::string& text = value.text;
    Node out = value;
    out.text.clear();
    for (std::size_t at = 0; at < text.size();) {
      if (text.compare(at, 3, "\\${") == 0) {
        out.text += "${";
        at += 3;
      } else if (text.compare(at, 2, "${") != 0) {
        out.text += text[at++];
      } else {
        const std::size_t end = text.find('}', at);
        if (end == std::string::npos) fail(value, "where a reference is not closed; write ${.sibling} or ${a.b}");
        Node target = follow(text.substr(at + 2, end - at - 2), value);
        if (at == 0 && end + 1 == text.size()) {
          target.origin = value.origin;
          return target;
        }
        if (!target.is_scalar())
          fail(value, "where the reference within text is to '" + to_text(target) + "', not to a word");
        out.text += target.text;
        at = end + 1;
      }
      if (out.text.size() > 65536) fail(value, "which grows without end");
    }
    return out;
  }

  /// The resolved value that `${reference}` stands for.
  Node follow(const std::string& reference, const Node& at) {
    if (--steps_left < 0) fail(at, "whose references do not end");
    if (reference.rfind("oc.env:", 0) == 0) return environment(reference.substr(7), at);
    if (reference.find(':') != std::string::npos)
      fail(at,
           "where '${" + reference + "}' is not a reference known here; write ${.sibling}, ${a.b} or ${oc.env:NAME}");
    const std::string path = absolute(reference, at);
    if (std::find(visiting.begin(), visiting.end(), path) != visiting.end()) {
      std::string chain;
      for (const std::string& key : visiting) chain += key + " -> ";
      fail(at, "a reference to itself: " + chain + path);
    }
    const Node* target = root.find(path);
    if (const Key* key = target ? nullptr : find_key(path)) target = &key->default_value;
    if (!target)
      fail(at, "which refers to '" + path + "', and there is no such key; the nearest known key is '" +
                   nearest_key(path).path + "'");
    visiting.push_back(path);
    Node out = resolve(*target);
    visiting.pop_back();
    return out;
  }

  std::string absolute(const std::string& reference, const Node& at) const {
    if (reference.empty()) fail(at, "an empty reference; write ${.sibling} or ${a.b}");
    if (reference[0] != '.') return reference;
    std::string parent = visiting.back();
    std::size_t dots = 0;
    for (; dots < reference.size() && reference[dots] == '.'; ++dots) {
      if (parent.empty()) fail(at, "which refers above the top of the configuration");
      const auto last = parent.rfind('.');
      parent = last == std::string::npos ? "" : parent.substr(0, last);
    }
    return (parent.empty() ? "" : parent + ".") + reference.substr(dots);
  }

  Node environment(const std::string& what, const Node& at) const {
    const auto comma = what.find(',');
    const std::string name = what.substr(0, comma);
    if (const char* set = std::getenv(name.c_str())) return Node::scalar(set, at.origin);
    if (comma == std::string::npos)
      fail(at, "and the environment has no " + name + "; set it, or write ${oc.env:" + name + ",DEFAULT}");
    Node out = Node::scalar(what.substr(comma + 1), at.origin);
    if (out.text == "null") out.kind = Node::Kind::null;
    return out;
  }
};

}  // namespace

Node resolve(const Node& root, const std::string& path, const Node& value) {
  return Resolver{root, {path}}.resolve(value);
}

}  // namespace trm
