#include "data/npy.h"

#include <gtest/gtest.h>

#include <cstring>

#include "data/error.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using testing::TemporaryFolder;
using testing::write_file;

std::string npy_bytes(const std::string& header, const std::string& data, int version = 1) {
  std::string bytes("\x93NUMPY", 6);
  bytes += static_cast<char>(version);
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  if (version > 1) bytes += std::string(2, '\0');
  return bytes + header + data;
}

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), std::data(values), bytes.size());
  return bytes;
}

class Npy : public ::testing::Test {
 protected:
  NpyArray open(const std::string& bytes) {
    write_file(folder_ / "a.npy", bytes);
    return NpyArray::open(folder_ / "a.npy");
  }
  template <class T>
  void expect_type(const std::string& descr, std::initializer_list<T> values, const std::vector<int64_t>& expected) {
    EXPECT_EQ(open(npy_bytes(dictionary(descr, "(2,)"), raw(values))).read_all(), expected) << descr;
  }
  TemporaryFolder folder_;
};

TEST_F(Npy, EveryIntegerTypeIsWidened) {
  expect_type<uint8_t>("|u1", {0, 255}, {0, 255});
  expect_type<int8_t>("|i1", {-128, 127}, {-128, 127});
  expect_type<uint16_t>("<u2", {1, 65535}, {1, 65535});
  expect_type<int16_t>("<i2", {-2, 300}, {-2, 300});
  expect_type<uint32_t>("<u4", {1, 4000000000u}, {1, 4000000000});
  expect_type<int32_t>("<i4", {-100, 50265}, {-100, 50265});
  expect_type<uint64_t>("<u8", {3, 1}, {3, 1});
  expect_type<int64_t>("<i8", {-100, 1LL << 40}, {-100, 1LL << 40});
}

TEST_F(Npy, HeaderVersionsAndSpellings) {
  const std::string data = raw<int32_t>({1, 2, 3, 4, 5, 6});
  for (const int version : {1, 2, 3}) {
    const NpyArray array = open(npy_bytes(dictionary("<i4", "(2, 3)"), data, version));
    EXPECT_EQ(array.shape(), (std::vector<uint64_t>{2, 3}));
    EXPECT_EQ(array.read_all(), (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
  }
  // Keys in another order, double quotes, no trailing comma, Python 2's long integers.
  const auto other = open(npy_bytes(R"({"shape":(2L,3L),"fortran_order":False,"descr":"<i4"})", data));
  EXPECT_EQ(other.shape(), (std::vector<uint64_t>{2, 3}));
}

TEST_F(Npy, ReadsAPart) {
  const NpyArray array = open(npy_bytes(dictionary("|u1", "(3, 2)"), raw<uint8_t>({1, 2, 3, 4, 5, 6})));
  std::vector<int64_t> row(2);
  array.read(2, row);
  EXPECT_EQ(row, (std::vector<int64_t>{3, 4}));
  EXPECT_THROW(array.read(5, row), DataError);
}

TEST_F(Npy, DefectsAreNamed) {
  const std::string one = raw<int32_t>({1});
  EXPECT_ERROR_WITH(NpyArray::open(folder_ / "missing.npy"), "missing.npy", "No such file");
  EXPECT_ERROR_WITH(NpyArray::open(folder_.path()), "not a regular file");
  EXPECT_ERROR_WITH(open(""), "a.npy", "empty");
  EXPECT_ERROR_WITH(open("PK\x03\x04 something else"), "a.npy", "not a .npy file");
  EXPECT_ERROR_WITH(open(std::string("\x93NUMPY\x01\0", 8)), "truncated");
  EXPECT_ERROR_WITH(open(npy_bytes(dictionary("<i4", "(1,)"), one).substr(0, 40)), "truncated within its header");
  EXPECT_ERROR_WITH(open(npy_bytes(dictionary("<i4", "(2,)"), one)), "a.npy", "truncated", "8 bytes", "4 are there");
  EXPECT_ERROR_WITH(open(npy_bytes(dictionary("<i4", "(1,)"), one, 9)), "version 9");
  EXPECT_ERROR_WITH(open(npy_bytes(dictionary("<i4", "(1, 1)", "True"), one)), "Fortran order");
  EXPECT_ERROR_WITH(open(npy_bytes(dictionary("<f4", "(1,)"), one)), "<f4", "integer");
  EXPECT_ERROR_WITH(open(npy_bytes(dictionary("|b1", "(1,)"), one)), "|b1", "integer");
  EXPECT_ERROR_WITH(open(npy_bytes(dictionary(">i4", "(1,)"), one)), ">i4", "big-endian");
  EXPECT_ERROR_WITH(open(npy_bytes("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}", one)), "record");
  EXPECT_ERROR_WITH(open(npy_bytes("{'descr': '<i4', 'shape': (1,)}", one)), "lacks");
  EXPECT_ERROR_WITH(open(npy_bytes("{'descr': '<i4', 'fortran_order': False, 'shape': (1", one)), "malformed");
  EXPECT_ERROR_WITH(open(npy_bytes("nonsense", one)), "malformed");
  EXPECT_ERROR_WITH(open(npy_bytes(dictionary("<i4", "(4294967296, 4294967296, 16)"), one)), "impossible");
}

TEST_F(Npy, WritesWhatItReads) {
  const auto path = folder_ / "b.npy";
  NpyWriter writer(path, {2, 3});
  writer.append(std::vector<int32_t>{1, 2, 3, 4});
  writer.append(std::vector<int32_t>{-100, 6});
  writer.finish();
  const NpyArray array = NpyArray::open(path);
  EXPECT_EQ(array.dtype(), "<i4");
  EXPECT_EQ(array.shape(), (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(array.read_all(), (std::vector<int64_t>{1, 2, 3, 4, -100, 6}));
  // NumPy aligns the data to 64 bytes.
  EXPECT_EQ((std::filesystem::file_size(path) - 6 * 4) % 64, 0u);
  const std::string bytes = testing::read_file(path);
  EXPECT_NE(bytes.find("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }"), std::string::npos);
}

TEST_F(Npy, WriterCountsAndNamesFailures) {
  NpyWriter short_of(folder_ / "c.npy", {3});
  short_of.append(std::vector<int32_t>{1});
  EXPECT_ERROR_WITH(short_of.finish(), "c.npy", "1 elements for a shape of 3");
  EXPECT_ERROR_WITH(NpyWriter(folder_ / "no" / "d.npy", {1}), "d.npy", "No such file");
  if (std::filesystem::exists("/dev/full")) {
    NpyWriter full("/dev/full", {1});
    EXPECT_ERROR_WITH((full.append(std::vector<int32_t>{1}), full.finish()), "/dev/full", "No space left");
  }
}

TEST_F(Npy, OneDimensionIsATuple) {
  write_npy(folder_ / "e.npy", std::vector<int32_t>{7});
  EXPECT_NE(testing::read_file(folder_ / "e.npy").find("'shape': (1,)"), std::string::npos);
  write_npy(folder_ / "f.npy", {});
  EXPECT_TRUE(NpyArray::open(folder_ / "f.npy").read_all().empty());
}

TEST(NpyDeathTest, AFileCutShortWhileItIsReadIsNamed) {
  const testing::TemporaryFolder folder;
  const std::vector<int32_t> values(100000, 7);
  write_npy(folder / "a.npy", values);
  EXPECT_EXIT(
      {
        const NpyArray array = NpyArray::open(folder / "a.npy");
        std::filesystem::resize_file(folder / "a.npy", 100);
        std::vector<int64_t> last(1);
        array.read(99999, last);
      },
      ::testing::ExitedWithCode(1), "a.npy' was cut short while it was read");
}

}  // namespace
}  // namespace trm
