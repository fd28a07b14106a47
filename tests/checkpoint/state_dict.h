#pragma once
// Builds what torch.save writes, for tests: pickles by opcode, and the zip around them.
#include <zip.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace trm::testing {

inline std::string opcode_with(char opcode, uint32_t number) {
  std::string made(5, opcode);
  std::memcpy(made.data() + 1, &number, sizeof number);
  return made;
}

inline std::string text(const std::string& value) {  // BINUNICODE
  return opcode_with('X', static_cast<uint32_t>(value.size())).append(value);
}

inline std::string integer(int32_t value) {  // BININT
  return opcode_with('J', static_cast<uint32_t>(value));
}

inline std::string tuple(const std::vector<int32_t>& values) {
  std::string items;
  for (int32_t value : values) items += integer(value);
  return "(" + items + "t";
}

struct TensorSpec {
  std::string storage = "FloatStorage", key = "0";
  int32_t elements = 4, offset = 0;
  std::vector<int32_t> shape = {2, 2}, stride = {2, 1};
};

inline std::string tensor(const TensorSpec& spec) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + spec.storage + "\n" + text(spec.key) +
         text("cpu") + integer(spec.elements) + "tQ" + integer(spec.offset) + tuple(spec.shape) + tuple(spec.stride) +
         "\x89" + "ccollections\nOrderedDict\n)RtR";
}

/// An OrderedDict of the entries (name, pickled value) with PyTorch's _metadata attribute.
inline std::string state_dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string items;
  for (const auto& [name, value] : entries) items += text(name) + value;
  const std::string metadata = "}" + text("_metadata") + "ccollections\nOrderedDict\n)R(" + text("") + "}" +
                               text("version") + "K\x01" + "s" + "us";
  return "\x80\x02" + std::string("ccollections\nOrderedDict\n)Rq") + std::string(1, '\0') + "(" + items + "u" +
         metadata + "b.";
}

using Entries = std::vector<std::pair<std::string, std::string>>;

inline void write_zip(const std::filesystem::path& file, const Entries& entries, int method = ZIP_CM_STORE) {
  int code = 0;
  zip_t* archive = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!archive) throw std::runtime_error("zip_open failed");
  for (const auto& [name, bytes] : entries) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const auto index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
  }
  if (zip_close(archive) != 0) throw std::runtime_error("zip_close failed");
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace trm::testing
