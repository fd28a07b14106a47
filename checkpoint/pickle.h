#pragma once
// Reads the pickles of PyTorch state dicts as data. Source: CPython Lib/pickletools.py (protocols 2 to 5); everything
// that would run code is refused by name.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trm::checkpoint::pickle {

/// torch.<Name>Storage in a persistent id.
struct Storage {
  std::string type;  // "FloatStorage"
  std::string key;   // the zip's entry data/<key>
  int64_t count = 0;
};

struct Tensor {
  const Storage* storage = nullptr;
  int64_t offset = 0;  // in elements, as the strides
  std::vector<int64_t> shape, stride;
};

struct Value {
  enum class Kind { none, boolean, integer, real, text, tuple, dict, global, storage, tensor };
  Kind kind = Kind::none;
  int64_t integer = 0;  // booleans too
  double real = 0;
  std::string text;           // also a global's "module.name"
  std::vector<Value*> items;  // tuples and lists; dicts as key, value, key, value
  Storage storage;
  Tensor tensor;
};

/// A read pickle: `root` and what it points to.
struct Document {
  std::deque<Value> values;
  Value* root = nullptr;
};

/// Throws Error.
Document parse(std::string_view bytes);

/// "a dict", "a tensor", ... for messages
std::string_view describe(const Value& value);

}  // namespace trm::checkpoint::pickle
