#include "checkpoint/torch_import.h"

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <fstream>
#include <functional>
#include <iterator>
#include <new>

#include "checkpoint/error.h"
#include "checkpoint/pickle.h"
#include "checkpoint/zip_archive.h"
#include "text/encoding.h"
#include "text/printable.h"

namespace trm::checkpoint {
namespace {

constexpr size_t max_pickle = 8 << 20;
constexpr std::string_view zip_magic = "PK\x03\x04", old_magic = "\x80\x02\x8a\x0a";

template <class T>
T element(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <class T>
float from(const std::byte* bytes) {
  return static_cast<float>(element<T>(bytes));
}

float from_bfloat16(const std::byte* bytes) {
  return std::bit_cast<float>(static_cast<uint32_t>(element<uint16_t>(bytes)) << 16);
}

float from_half(const std::byte* bytes) {
  return static_cast<float>(std::bit_cast<Eigen::half>(element<uint16_t>(bytes)));
}

float from_bool(const std::byte* bytes) { return *bytes != std::byte{0} ? 1.0f : 0.0f; }

struct StorageType {
  std::string_view name;
  size_t size;
  float (*convert)(const std::byte*);
};

const StorageType& storage_type(const std::string& name) {
  static constexpr StorageType types[] = {{"FloatStorage", 4, from<float>},   {"DoubleStorage", 8, from<double>},
                                          {"HalfStorage", 2, from_half},      {"BFloat16Storage", 2, from_bfloat16},
                                          {"LongStorage", 8, from<int64_t>},  {"IntStorage", 4, from<int32_t>},
                                          {"ShortStorage", 2, from<int16_t>}, {"CharStorage", 1, from<int8_t>},
                                          {"ByteStorage", 1, from<uint8_t>},  {"BoolStorage", 1, from_bool}};
  for (const auto& type : types)
    if (type.name == name) return type;
  throw Error("its storage type torch." + name + " is not known");
}

/// Elements of the tensor. Throws Error where it reaches outside of its storage.
int64_t checked_count(const pickle::Tensor& tensor) {
  if (tensor.shape.size() != tensor.stride.size()) throw Error("its shape and stride differ in length");
  int64_t count = 1, last = tensor.offset;
  bool bad = tensor.offset < 0, empty = false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const int64_t size = tensor.shape[i], stride = tensor.stride[i];
    bad = bad || size < 0 || stride < 0;
    if (size == 0) empty = true;
    int64_t reach = 0;
    bad = __builtin_mul_overflow(count, size, &count) || bad;
    bad = __builtin_mul_overflow(size - 1, stride, &reach) || bad;
    bad = __builtin_add_overflow(last, reach, &last) || bad;
  }
  if (empty && !bad) return 0;
  if (bad || last >= tensor.storage->count) throw Error("its shape reaches outside of its storage");
  if (count > tensor.storage->count)
    throw Error("it is expanded: it shows elements of its storage more than once; save a contiguous copy");
  return count;
}

Array read_tensor(const pickle::Tensor& tensor, const ZipArchive& archive, const std::string& folder) {
  const StorageType& type = storage_type(tensor.storage->type);
  const int64_t count = checked_count(tensor);
  const auto bytes = archive.read(folder + "/data/" + tensor.storage->key);
  if (tensor.storage->count < 0 || bytes.size() / type.size != static_cast<uint64_t>(tensor.storage->count) ||
      bytes.size() % type.size)
    throw Error("its storage has " + std::to_string(bytes.size()) + " bytes, which is not " +
                std::to_string(tensor.storage->count) + " elements of torch." + tensor.storage->type);

  Array array{ArrayType::float32, tensor.shape, {}};
  array.bytes.resize(static_cast<size_t>(count) * sizeof(float));
  std::vector<int64_t> index(tensor.shape.size(), 0);
  int64_t at = tensor.offset;
  for (float& value : array.as<float>()) {
    value = type.convert(bytes.data() + static_cast<size_t>(at) * type.size);
    for (size_t i = index.size(); i-- > 0;) {
      at += tensor.stride[i];
      if (++index[i] < tensor.shape[i]) break;
      at -= tensor.stride[i] * tensor.shape[i];
      index[i] = 0;
    }
  }
  return array;
}

/// Without what torch.compile, DDP and FSDP put into the names, in whatever order.
std::string parameter_name(const std::string& name) {
  constexpr std::string_view wrappers[] = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"};
  std::string bare;
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('.', start), name.size());
    const std::string_view part = std::string_view(name).substr(start, end - start);
    const bool wrapper = std::ranges::find(wrappers, part) != std::end(wrappers) || (bare.empty() && part == "module");
    if (!wrapper) bare.append(bare.empty() ? "" : ".").append(part);
    start = end + 1;
  }
  return bare;
}

void require_known_kind(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string head(16, '\0');
  if (std::filesystem::is_directory(file)) throw Error("it is a folder");
  if (!stream) throw Error("it cannot be opened");
  stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(stream.gcount()));
  if (head.empty()) throw Error("it is empty");
  if (head.starts_with(old_magic))
    throw Error("it was written by a PyTorch before 1.6 (no zip); load and save it again with a newer one");
  if (head.starts_with(zip_magic)) return;
  const auto format = foreign_format(head);
  throw Error(format ? "it is " + *format + ", not what torch.save writes"
                     : "it is not a zip file, as torch.save writes");
}

std::map<std::string, Array> import_archive(const std::filesystem::path& file) {
  require_known_kind(file);
  const ZipArchive archive(file);
  const auto folder = archive.prefix_of("/data.pkl");
  if (!folder) throw Error("it has no data.pkl, so torch.save did not write it");
  if (const std::string order = *folder + "/byteorder"; archive.has(order)) {
    const auto text = archive.read(order);
    if (std::string(reinterpret_cast<const char*>(text.data()), text.size()) != "little")
      throw Error("its byte order is not little-endian");
  }
  const auto bytes = archive.read(*folder + "/data.pkl");
  if (bytes.size() > max_pickle) throw Error("its data.pkl is too large for a state dict");
  const auto document = pickle::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  using Kind = pickle::Value::Kind;
  if (document.root->kind != Kind::dict)
    throw Error("it holds " + std::string(describe(*document.root)) + ", not a state dict; save model.state_dict()");

  std::map<std::string, Array> arrays;
  const auto& items = document.root->items;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->kind != Kind::text) throw Error("a name in it is " + std::string(describe(*items[i])));
    const std::string name = parameter_name(items[i]->text);
    if (items[i + 1]->kind != Kind::tensor)
      throw Error("'" + printable(name) + "' is " + std::string(describe(*items[i + 1])) +
                  ", not a tensor; save model.state_dict() alone");
    try {
      if (!arrays.emplace(name, read_tensor(items[i + 1]->tensor, archive, *folder)).second)
        throw Error("the name occurs twice");
    } catch (const Error& error) {
      throw Error("tensor '" + printable(name) + "': " + error.what());
    }
  }
  return arrays;
}

}  // namespace

bool is_torch_file(const std::filesystem::path& file) noexcept {
  try {
    std::ifstream stream(file, std::ios::binary);
    std::string head(4, '\0');
    stream.read(head.data(), 4);
    return stream.gcount() == 4 && (head == zip_magic || head == old_magic);
  } catch (...) {
    return false;
  }
}

std::map<std::string, Array> import_torch(const std::filesystem::path& file) {
  const std::string cannot = "cannot import '" + file.string() + "': ";
  try {
    return import_archive(file);
  } catch (const std::bad_alloc&) {
    throw Error(cannot + "not enough memory");
  } catch (const std::exception& error) {
    throw Error(cannot + error.what());
  }
}

}  // namespace trm::checkpoint
