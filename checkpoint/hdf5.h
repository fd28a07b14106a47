#pragma once
// Thin helpers over HDF5's C interface: handles that close, failures that throw, nothing printed to stderr.
#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "checkpoint/array.h"

namespace trm::checkpoint {

/// While it lives: the one user of HDF5 (which need not be thread-safe), and HDF5 prints no errors.
class Hdf5Session {
 public:
  Hdf5Session();
  ~Hdf5Session();
  Hdf5Session(const Hdf5Session&) = delete;

 private:
  std::lock_guard<std::mutex> turn_;
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
};

/// An HDF5 identifier, released at the end of its scope.
class Handle {
 public:
  explicit Handle(hid_t id) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  ~Handle() { release(); }
  operator hid_t() const { return id_; }
  void release();

 private:
  hid_t id_;
};

/// Throws Error("<doing>: <HDF5's reason>") for a negative result.
void check(int64_t result, std::string_view doing);
Handle checked(hid_t id, std::string_view doing);
/// The innermost reason on HDF5's error stack.
std::string hdf5_reason();

/// The element type in a file (little-endian).
hid_t file_type(ArrayType type);
/// Throws Error for a type that checkpoints do not have.
ArrayType array_type(hid_t type);

bool has_attribute(hid_t object, const char* name);
/// Fixed-length UTF-8, which lies under HDF5's metadata checksums (variable-length strings do not).
void write_text(hid_t object, const std::string& name, const std::string& text);
void write_number(hid_t object, const char* name, int64_t number);
void write_hash(hid_t object, const char* name, uint64_t hash);
/// Throw Error naming the attribute where it is missing or of another kind; texts of more than `limit` bytes too.
std::string read_text(hid_t object, const std::string& name, uint64_t limit);
int64_t read_number(hid_t object, const char* name);
uint64_t read_hash(hid_t object, const char* name);

}  // namespace trm::checkpoint
