#include "checkpoint/hdf5.h"

#include <array>
#include <bit>

#include "checkpoint/error.h"

namespace trm::checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints are hashed as little-endian");

std::mutex& turn() {
  static std::mutex mutex;
  return mutex;
}

struct TypePair {
  ArrayType array;
  hid_t file;
};

/// Sign, 8 bits of exponent, 7 of mantissa: told to HDF5 as what it is, so that tools without the type convert it as
/// they read.
hid_t bfloat16() {
  static const hid_t type = [] {
    Handle made = checked(H5Tcopy(H5T_IEEE_F32LE), "bfloat16");
    check(H5Tset_fields(made, 15, 7, 8, 0, 7), "bfloat16");
    check(H5Tset_precision(made, 16), "bfloat16");
    check(H5Tset_size(made, 2), "bfloat16");
    check(H5Tset_ebias(made, 127), "bfloat16");
    check(H5Tlock(made), "bfloat16");
    H5Iinc_ref(made);  // kept for as long as the program runs
    return static_cast<hid_t>(made);
  }();
  return type;
}

std::array<TypePair, 8> types() {
  return {{{ArrayType::float32, H5T_IEEE_F32LE},
           {ArrayType::int32, H5T_STD_I32LE},
           {ArrayType::int64, H5T_STD_I64LE},
           {ArrayType::uint8, H5T_STD_U8LE},
           {ArrayType::uint64, H5T_STD_U64LE},
           {ArrayType::float64, H5T_IEEE_F64LE},
           {ArrayType::uint32, H5T_STD_U32LE},
           {ArrayType::bfloat16, bfloat16()}}};
}

std::string attribute(std::string_view name) { return "attribute '" + std::string(name) + "'"; }

void write_scalar(hid_t object, const char* name, hid_t stored, const void* value) {
  const Handle space = checked(H5Screate(H5S_SCALAR), attribute(name));
  const Handle made = checked(H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT), attribute(name));
  check(H5Awrite(made, stored, value), attribute(name));
}

/// Opens a scalar attribute whose type is of that class.
Handle open_scalar(hid_t object, const char* name, H5T_class_t wanted) {
  if (!has_attribute(object, name)) throw Error(attribute(name) + " is missing");
  Handle opened = checked(H5Aopen(object, name, H5P_DEFAULT), attribute(name));
  const Handle space = checked(H5Aget_space(opened), attribute(name));
  const Handle type = checked(H5Aget_type(opened), attribute(name));
  if (H5Sget_simple_extent_npoints(space) != 1 || H5Tget_class(type) != wanted)
    throw Error(attribute(name) + " is of an unexpected type");
  return opened;
}

}  // namespace

Hdf5Session::Hdf5Session() : turn_(turn()) {
  // HDF5 1.10 leaks memory of its own on some damaged files, and would complain to stderr at exit.
  [[maybe_unused]] static const herr_t quiet_exit = H5dont_atexit();
  H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Session::~Hdf5Session() {
  H5Eclear2(H5E_DEFAULT);
  H5Eset_auto2(H5E_DEFAULT, print_, print_data_);
}

void Handle::release() {
  if (id_ >= 0) H5Idec_ref(id_);
  id_ = -1;
}

void check(int64_t result, std::string_view doing) {
  if (result < 0) throw Error(std::string(doing) + ": " + hdf5_reason());
}

Handle checked(hid_t id, std::string_view doing) {
  check(id, doing);
  return Handle(id);
}

std::string hdf5_reason() {
  std::string reason;
  const auto take_first = [](unsigned, const H5E_error2_t* error, void* data) -> herr_t {
    auto& text = *static_cast<std::string*>(data);
    if (text.empty() && error->desc) text = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &reason);
  return reason.empty() ? "unknown HDF5 error" : reason;
}

hid_t file_type(ArrayType type) {
  for (const auto& pair : types())
    if (pair.array == type) return pair.file;
  throw Error("unknown element type");
}

ArrayType array_type(hid_t type) {
  for (const auto& pair : types())
    if (H5Tequal(type, pair.file) > 0) return pair.array;
  throw Error("its element type is not one that checkpoints have");
}

bool has_attribute(hid_t object, const char* name) {
  const htri_t exists = H5Aexists(object, name);
  check(exists, attribute(name));
  return exists > 0;
}

void write_text(hid_t object, const std::string& name, const std::string& text) {
  if (text.find('\0') != std::string::npos) throw Error(attribute(name) + " holds a NUL character");
  const Handle type = checked(H5Tcopy(H5T_C_S1), attribute(name));
  check(H5Tset_size(type, std::max<size_t>(text.size(), 1)), attribute(name));
  check(H5Tset_strpad(type, H5T_STR_NULLPAD), attribute(name));
  check(H5Tset_cset(type, H5T_CSET_UTF8), attribute(name));
  write_scalar(object, name.c_str(), type, text.c_str());
}

void write_number(hid_t object, const char* name, int64_t number) {
  write_scalar(object, name, H5T_STD_I64LE, &number);
}

void write_hash(hid_t object, const char* name, uint64_t hash) { write_scalar(object, name, H5T_STD_U64LE, &hash); }

std::string read_text(hid_t object, const std::string& name, uint64_t limit) {
  const Handle opened = open_scalar(object, name.c_str(), H5T_STRING);
  const Handle type = checked(H5Aget_type(opened), attribute(name));
  const size_t size = H5Tget_size(type);
  if (H5Tis_variable_str(type) != 0 || size > limit) throw Error(attribute(name) + " is of an unexpected type");
  std::string text(size, '\0');
  check(H5Aread(opened, type, text.data()), attribute(name));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

int64_t read_number(hid_t object, const char* name) {
  const Handle opened = open_scalar(object, name, H5T_INTEGER);
  int64_t number = 0;
  check(H5Aread(opened, H5T_NATIVE_INT64, &number), attribute(name));
  return number;
}

uint64_t read_hash(hid_t object, const char* name) {
  const Handle opened = open_scalar(object, name, H5T_INTEGER);
  uint64_t hash = 0;
  check(H5Aread(opened, H5T_NATIVE_UINT64, &hash), attribute(name));
  return hash;
}

}  // namespace trm::checkpoint
