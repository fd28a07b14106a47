#include "checkpoint/pickle.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <unordered_map>

#include "checkpoint/error.h"
#include "text/printable.h"

namespace trm::checkpoint::pickle {
namespace {

using Kind = Value::Kind;

// clang-format off
enum Opcode : uint8_t {
  mark = '(', stop = '.', pop = '0', pop_mark = '1', bin_float = 'G', bin_int = 'J', bin_int1 = 'K', bin_int2 = 'M',
  none = 'N', bin_persistent_id = 'Q', reduce = 'R', bin_unicode = 'X', append = 'a', build = 'b', global = 'c',
  appends = 'e', bin_get = 'h', long_bin_get = 'j', empty_list = ']', bin_put = 'q', long_bin_put = 'r', set_item = 's',
  tuple = 't', empty_tuple = ')', set_items = 'u', empty_dict = '}', protocol = 0x80, new_object = 0x81, tuple1 = 0x85,
  tuple2 = 0x86, tuple3 = 0x87, new_true = 0x88, new_false = 0x89, long1 = 0x8a, short_bin_unicode = 0x8c,
  bin_unicode8 = 0x8d, stack_global = 0x93, memoize = 0x94, frame = 0x95,
};
// clang-format on

class Parser {
 public:
  explicit Parser(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  Document parse() {
    while (true) {
      const uint8_t opcode = number<uint8_t>();
      if (opcode == stop) break;
      step(opcode);
    }
    document_.root = take();
    return std::move(document_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("data.pkl, byte " + std::to_string(size_ - rest_.size()) + ": " + what);
  }

  std::string_view bytes(uint64_t count) {
    if (count > rest_.size()) fail("the pickle is cut short");
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, bytes(sizeof value).data(), sizeof value);
    return value;
  }
  std::string line() {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) fail("the pickle is cut short");
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }

  /// Values may take as much memory as a state dict of that many bytes needs, not what one-byte opcodes could ask for.
  void spend(size_t memory) {
    constexpr size_t fixed = 4 << 20, each_byte = 64;
    spent_ += memory;
    if (spent_ > fixed + each_byte * size_) fail("the pickle makes more values than a state dict of its size has");
  }
  Value* make(Kind kind) {
    spend(sizeof(Value));
    auto& value = document_.values.emplace_back();
    value.kind = kind;
    return &value;
  }
  void push(Value* value) {
    spend(sizeof value);
    stack_.push_back(value);
  }
  void push_integer(Kind kind, int64_t integer) {
    Value* value = make(kind);
    value->integer = integer;
    push(value);
  }
  void push_text(Kind kind, std::string text) {
    spend(text.size());
    Value* value = make(kind);
    value->text = std::move(text);
    push(value);
  }
  Value* take() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("the pickle's stack is empty");
    Value* value = stack_.back();
    stack_.pop_back();
    return value;
  }
  Value* top() {
    Value* value = take();
    push(value);
    return value;
  }
  std::vector<Value*> take_to_mark() {
    if (marks_.empty()) fail("the pickle has no mark");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Value*> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  Value* require(Value* value, Kind kind, std::string_view what) const {
    if (value->kind != kind) fail(std::string(what) + " is " + std::string(describe(*value)));
    return value;
  }

  void push_tuple(std::vector<Value*> items) {
    Value* value = make(Kind::tuple);
    value->items = std::move(items);
    push(value);
  }
  void push_tuple(size_t count) {
    std::vector<Value*> items(count);
    for (size_t i = count; i-- > 0;) items[i] = take();
    push_tuple(std::move(items));
  }
  void extend(Kind kind, std::vector<Value*> items) {
    Value* into = require(top(), kind, "what is extended");
    if (kind == Kind::dict && items.size() % 2) fail("a dict has a key without a value");
    spend(items.size() * sizeof(Value*));
    into->items.insert(into->items.end(), items.begin(), items.end());
  }

  void memoize_as(uint64_t index) {
    spend(64);  // a node of the map
    memo_[index] = top();
  }
  void push_memo(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail("the pickle refers to memo " + std::to_string(index) + ", which is not set");
    push(found->second);
  }

  void push_long(std::string_view digits) {
    if (digits.size() > 8) fail("an integer is too large");
    uint64_t value = !digits.empty() && (digits.back() & 0x80) ? ~uint64_t{0} : 0;
    for (size_t i = digits.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
    push_integer(Kind::integer, static_cast<int64_t>(value));
  }

  void push_global(const std::string& module, const std::string& name) {
    spend(module.size() + name.size());
    const std::string full = module + "." + name;
    const bool storage = module == "torch" && name.ends_with("Storage");
    const bool known = (storage && name.size() < 40) || full == "collections.OrderedDict" ||
                       full == "torch._utils._rebuild_tensor_v2" || full == "torch._utils._rebuild_parameter";
    if (!known)
      fail("it refers to '" + printable(full) + "', which a state dict does not hold; save model.state_dict() alone");
    push_text(Kind::global, full);
  }

  // ('storage', torch.FloatStorage, key, location, elements)
  void push_storage() {
    const auto& items = require(take(), Kind::tuple, "a persistent id")->items;
    if (items.size() != 5 || require(items[0], Kind::text, "a persistent id's kind")->text != "storage")
      fail("a persistent id is not that of a storage");
    const std::string& type = require(items[1], Kind::global, "a storage's type")->text;
    if (!type.ends_with("Storage")) fail("a storage's type is " + type);
    spend(type.size() + items[2]->text.size());
    Value* value = make(Kind::storage);
    value->storage = {type.substr(type.find('.') + 1), require(items[2], Kind::text, "a storage's key")->text,
                      require(items[4], Kind::integer, "a storage's size")->integer};
    push(value);
  }

  std::vector<int64_t> integers(Value* value, std::string_view what) {
    constexpr size_t most_axes = 64;
    if (require(value, Kind::tuple, what)->items.size() > most_axes) fail(std::string(what) + " has too many axes");
    std::vector<int64_t> numbers;
    spend(value->items.size() * sizeof(int64_t));
    for (Value* item : require(value, Kind::tuple, what)->items)
      numbers.push_back(require(item, Kind::integer, what)->integer);
    return numbers;
  }

  // (storage, offset, shape, stride, requires_grad, backward_hooks[, metadata])
  void push_tensor(const std::vector<Value*>& arguments) {
    if (arguments.size() < 6 || arguments.size() > 7) fail("a tensor has a wrong number of arguments");
    Value* value = make(Kind::tensor);
    value->tensor = {&require(arguments[0], Kind::storage, "a tensor's storage")->storage,
                     require(arguments[1], Kind::integer, "a tensor's offset")->integer,
                     integers(arguments[2], "a tensor's shape"), integers(arguments[3], "a tensor's stride")};
    push(value);
  }

  void call() {
    const auto arguments = require(take(), Kind::tuple, "a call's arguments")->items;
    const std::string& callee = require(take(), Kind::global, "what is called")->text;
    if (callee == "collections.OrderedDict") {
      if (!arguments.empty()) fail("an OrderedDict has arguments");
      push(make(Kind::dict));
    } else if (callee == "torch._utils._rebuild_tensor_v2") {
      push_tensor(arguments);
    } else if (callee == "torch._utils._rebuild_parameter") {  // (tensor, requires_grad, backward_hooks)
      if (arguments.empty()) fail("a parameter has no tensor");
      push(require(arguments[0], Kind::tensor, "a parameter's data"));
    } else {
      fail(callee + " is called");
    }
  }

  // clang-format off
  void step(uint8_t opcode) {
    switch (opcode) {
      case protocol: check_protocol(); break;
      case frame: bytes(8); break;
      case mark: spend(sizeof(size_t)); marks_.push_back(stack_.size()); break;
      case pop: take(); break;
      case pop_mark: take_to_mark(); break;
      case none: push(make(Kind::none)); break;
      case new_true: push_integer(Kind::boolean, 1); break;
      case new_false: push_integer(Kind::boolean, 0); break;
      case bin_int: push_integer(Kind::integer, number<int32_t>()); break;
      case bin_int1: push_integer(Kind::integer, number<uint8_t>()); break;
      case bin_int2: push_integer(Kind::integer, number<uint16_t>()); break;
      case long1: push_long(bytes(number<uint8_t>())); break;
      case bin_float: push_real(); break;
      case bin_unicode: push_text(Kind::text, std::string(bytes(number<uint32_t>()))); break;
      case short_bin_unicode: push_text(Kind::text, std::string(bytes(number<uint8_t>()))); break;
      case bin_unicode8: push_text(Kind::text, std::string(bytes(number<uint64_t>()))); break;
      case empty_list:
      case empty_tuple: push(make(Kind::tuple)); break;
      case empty_dict: push(make(Kind::dict)); break;
      case tuple: push_tuple(take_to_mark()); break;
      case tuple1: push_tuple(1); break;
      case tuple2: push_tuple(2); break;
      case tuple3: push_tuple(3); break;
      case append: { Value* item = take(); extend(Kind::tuple, {item}); break; }
      case appends: extend(Kind::tuple, take_to_mark()); break;
      case set_item: { Value* value = take(); Value* key = take(); extend(Kind::dict, {key, value}); break; }
      case set_items: extend(Kind::dict, take_to_mark()); break;
      case bin_put: memoize_as(number<uint8_t>()); break;
      case long_bin_put: memoize_as(number<uint32_t>()); break;
      case memoize: memoize_as(memo_.size()); break;
      case bin_get: push_memo(number<uint8_t>()); break;
      case long_bin_get: push_memo(number<uint32_t>()); break;
      case global: { const std::string module = line(); push_global(module, line()); break; }
      case stack_global: push_stack_global(); break;
      case bin_persistent_id: push_storage(); break;
      case reduce: call(); break;
      case build: take(); require(top(), Kind::dict, "what gets attributes"); break;  // OrderedDict._metadata
      default: fail("pickle opcode " + std::to_string(opcode) + " does not occur in a state dict");
    }
  }
  // clang-format on

  void check_protocol() {
    const int version = number<uint8_t>();
    if (version > 5) fail("pickle protocol " + std::to_string(version) + " is not known");
  }

  void push_real() {
    uint64_t bits = 0;
    for (char byte : bytes(8)) bits = bits << 8 | static_cast<uint8_t>(byte);
    Value* value = make(Kind::real);
    value->real = std::bit_cast<double>(bits);
    push(value);
  }

  void push_stack_global() {
    const Value* name = require(take(), Kind::text, "a global's name");
    const Value* module = require(take(), Kind::text, "a global's module");
    push_global(module->text, name->text);
  }

  std::string_view rest_;
  size_t size_, spent_ = 0;
  Document document_;
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, Value*> memo_;
};

}  // namespace

Document parse(std::string_view bytes) { return Parser(bytes).parse(); }

std::string_view describe(const Value& value) {
  switch (value.kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
      return "an integer";
    case Kind::real:
      return "a float";
    case Kind::text:
      return "a string";
    case Kind::tuple:
      return "a tuple or list";
    case Kind::dict:
      return "a dict";
    case Kind::global:
      return "a Python name";
    case Kind::storage:
      return "a storage";
    case Kind::tensor:
      return "a tensor";
  }
  return "?";
}

}  // namespace trm::checkpoint::pickle
