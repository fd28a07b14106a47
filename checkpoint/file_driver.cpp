#include "checkpoint/file_driver.h"
#if __has_include(<H5FDdevelop.h>)
#include <H5FDdevelop.h>  // the driver interface since HDF5 1.13
#endif
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "checkpoint/hdf5.h"

namespace trm::checkpoint {
namespace {

struct OpenFile : H5FD_t {
  FileAccess* access;
  haddr_t end_allocated;
};

FileAccess& access(H5FD_t* file) { return *static_cast<OpenFile*>(file)->access; }

constexpr haddr_t max_address = haddr_t{1} << 62;

H5FD_t* open_file(const char*, unsigned, hid_t list, haddr_t) {
  auto* info = static_cast<FileAccess* const*>(H5Pget_driver_info(list));
  auto* file = new (std::nothrow) OpenFile{};
  if (!info || !file) return nullptr;
  file->access = *info;
  return file;
}

herr_t close_file(H5FD_t* file) {
  delete static_cast<OpenFile*>(file);
  return 0;
}

haddr_t get_end_allocated(const H5FD_t* file, H5FD_mem_t) { return static_cast<const OpenFile*>(file)->end_allocated; }

herr_t set_end_allocated(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  static_cast<OpenFile*>(file)->end_allocated = end;
  return 0;
}

haddr_t get_end(const H5FD_t* file, H5FD_mem_t) { return static_cast<const OpenFile*>(file)->access->end; }

// Beyond the end of the file there are zeros.
herr_t read_file(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  FileAccess& at = access(file);
  auto* bytes = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t got = ::pread(at.descriptor, bytes, std::min<size_t>(size, 1 << 30), static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      if (!at.error) at.error = errno;
      return -1;
    }
    if (got == 0) {
      std::memset(bytes, 0, size);
      break;
    }
    bytes += got, address += static_cast<haddr_t>(got), size -= static_cast<size_t>(got);
  }
  return 0;
}

herr_t write_file(H5FD_t* file, H5FD_mem_t kind, hid_t, haddr_t address, size_t size, const void* buffer) {
  FileAccess& at = access(file);
  const auto* bytes = static_cast<const char*>(buffer);
  at.end = std::max<uint64_t>(at.end, address + size);
  if (kind == H5FD_MEM_DRAW) at.raw[address] = size;
  while (size > 0 && !at.error) {
    const ssize_t put = ::pwrite(at.descriptor, bytes, std::min<size_t>(size, 1 << 30), static_cast<off_t>(address));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      at.error = put < 0 ? errno : ENOSPC;
      break;
    }
    bytes += put, address += static_cast<haddr_t>(put), size -= static_cast<size_t>(put);
  }
  return 0;
}

// Also cuts off what was reserved and not needed.
herr_t truncate_file(H5FD_t* file, hid_t, hbool_t closing) {
  FileAccess& at = access(file);
  if (!closing) return 0;
  at.end = static_cast<OpenFile*>(file)->end_allocated;
  if (!at.error && ::ftruncate(at.descriptor, static_cast<off_t>(at.end)) != 0) at.error = errno;
  return 0;
}

hid_t driver() {
  static const hid_t id = [] {
    static H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION
    driver.version = H5FD_CLASS_VERSION;
    driver.value = static_cast<decltype(driver.value)>(600);
#endif
    driver.name = "trm";
    driver.maxaddr = max_address;
    driver.fc_degree = H5F_CLOSE_STRONG;
    driver.fapl_size = sizeof(FileAccess*);
    driver.open = open_file;
    driver.close = close_file;
    driver.get_eoa = get_end_allocated;
    driver.set_eoa = set_end_allocated;
    driver.get_eof = get_end;
    driver.read = read_file;
    driver.write = write_file;
    driver.truncate = truncate_file;
    return H5FDregister(&driver);
  }();
  return id;
}

}  // namespace

void use_file(hid_t list, FileAccess& file) {
  FileAccess* pointer = &file;
  check(H5Pset_driver(list, driver(), &pointer), "choosing the file driver");
}

}  // namespace trm::checkpoint
