// Every byte of a checkpoint is changed, every length is cut: load() either throws a named error or gives the same.
#include <hdf5.h>

#include "tests/checkpoint/folder.h"
#include "tests/checkpoint/reseal.h"
#include "tests/shared.h"

using namespace trm::checkpoint;
using namespace trm::testing;

namespace {

std::string load_error(const std::filesystem::path& file) {
  return error_of([&] { load(file); });
}

/// Changes the bytes at `positions` by `mask`, one at a time; returns how many changes were noticed.
size_t flip(const std::filesystem::path& file, const Checkpoint& saved, const std::vector<size_t>& positions,
            unsigned char mask) {
  const std::string whole = read_bytes(file);
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](size_t at, char byte) {
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte).flush();
  };
  size_t noticed = 0;
  for (const size_t at : positions) {
    put(at, static_cast<char>(whole[at] ^ mask));
    try {
      EXPECT_TRUE(same(load(file), saved)) << "byte " << at << " of " << whole.size() << ", mask " << int{mask};
    } catch (const Error& error) {
      EXPECT_SAYS(std::string(error.what()), file.filename().string());
      ++noticed;
    }
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL), 0) << "byte " << at;
    put(at, whole[at]);
  }
  EXPECT_EQ(read_bytes(file), whole);
  return noticed;
}

std::vector<size_t> positions(size_t begin, size_t end, size_t stride) {
  std::vector<size_t> made;
  for (size_t at = begin; at < end; at += stride) made.push_back(at);
  return made;
}

/// `change` rewrites the open file by plain HDF5, as another program could.
template <class Change>
void edit(const std::filesystem::path& file, const Change& change) {
  const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  ASSERT_GE(opened, 0);
  change(opened);
  H5Fclose(opened);
  reseal(file);
}

void set_number(hid_t file, const char* name, int64_t value) {
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_INT64, &value);
  H5Aclose(attribute);
}

}  // namespace

TEST(Damage, EveryFlippedByteIsNoticedOrHarmless) {
  const TemporaryFolder folder;
  const auto file = folder / "a.h5";
  save(sample(), file);
  const size_t size = std::filesystem::file_size(file);
  EXPECT_GT(flip(file, sample(), positions(0, size, 1), 0x01), size / 4);
  flip(file, sample(), positions(0, size, 7), 0x80);
  flip(file, sample(), positions(1, size, 7), 0xff);
}

// A text above 64 KiB leaves the object header, and with it HDF5's own checksums.
TEST(Damage, EveryFlippedByteAroundALargeTokenizerIsNoticedOrHarmless) {
  const TemporaryFolder folder;
  const auto file = folder / "a.h5";
  const Checkpoint saved = sample(70'000);
  save(saved, file);
  const size_t text = read_bytes(file).find(saved.tokenizer_json);
  ASSERT_NE(text, std::string::npos);
  const size_t begin = text - 200;
  for (const unsigned char mask : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff})
    flip(file, saved, positions(begin, text + 10, 1), mask);
  const auto within = positions(text, text + saved.tokenizer_json.size(), 1009);
  EXPECT_EQ(flip(file, saved, within, 0x04), within.size());
}

// Above eight arrays HDF5 keeps the names of a group in a heap of their own.
TEST(Damage, FlippedBytesOfAGroupOfManyArraysAreNoticedOrHarmless) {
  const TemporaryFolder folder;
  const auto file = folder / "a.h5";
  Checkpoint saved = sample();
  for (int i = 0; i < 20; ++i) saved.arrays["model/layer" + std::to_string(i)] = saved.arrays.begin()->second;
  save(saved, file);
  const std::string whole = read_bytes(file);
  const size_t heap = whole.find("FHDB"), size = whole.size();
  ASSERT_NE(heap, std::string::npos);
  EXPECT_GT(flip(file, saved, positions(heap, std::min(heap + 600, size), 1), 0x41), 500u);
  flip(file, saved, positions(0, size, 61), 0x41);
}

TEST(Damage, EveryCutIsNoticed) {
  const TemporaryFolder folder;
  save(sample(), folder / "a.h5");
  const std::string whole = read_bytes(folder / "a.h5");
  write_bytes(folder / "b.h5", whole);
  for (size_t size = whole.size(); size-- > 0;) {
    std::filesystem::resize_file(folder / "b.h5", size);
    const auto message = load_error(folder / "b.h5");
    EXPECT_SAYS(message, "b.h5");
    EXPECT_SAYS(message, size == 0 ? "empty" : "cut short");
  }
}

TEST(Damage, BytesAfterTheEndAreHarmless) {
  const TemporaryFolder folder;
  save(sample(), folder / "a.h5");
  write_bytes(folder / "a.h5", read_bytes(folder / "a.h5") + "more");
  EXPECT_TRUE(same(load(folder / "a.h5"), sample()));
}

TEST(Damage, TheDamagedArrayIsNamed) {
  const TemporaryFolder folder;
  Checkpoint saved = sample();
  saved.arrays["model/victim"] = Array::of<float>({2}, {1.25f, -3.75f});
  save(saved, folder / "a.h5");
  std::string bytes = read_bytes(folder / "a.h5");
  const auto& data = saved.arrays["model/victim"].bytes;
  const auto at = bytes.find(std::string(reinterpret_cast<const char*>(data.data()), data.size()));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 5] ^= 0x20;
  write_bytes(folder / "a.h5", bytes);
  const auto message = load_error(folder / "a.h5");
  EXPECT_SAYS(message, "damaged");
  EXPECT_SAYS(message, "'model/victim'");
  EXPECT_NO_THROW(load(folder / "a.h5", {"ema/"}));
  EXPECT_THROW(verify(folder / "a.h5"), Error);
}

TEST(Damage, ForeignFilesAreNamed) {
  const TemporaryFolder folder;
  EXPECT_SAYS(load_error(folder / "absent.h5"), "No such file");
  EXPECT_SAYS(load_error(folder.path()), "a folder");
  write_bytes(folder / "text", "epochs: 3\n");
  EXPECT_SAYS(load_error(folder / "text"), "not an HDF5 file");
  write_bytes(folder / "zip", "PK\x03\x04zzzzzzz");
  EXPECT_SAYS(load_error(folder / "zip"), "torch.save");
  write_bytes(folder / "model.gguf", "GGUF\x03zzzzzzz");
  EXPECT_SAYS(load_error(folder / "model.gguf"), "a GGUF file of weights");
  const hid_t foreign = H5Fcreate((folder / "foreign.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(foreign);
  const auto message = load_error(folder / "foreign.h5");
  EXPECT_SAYS(message, "not a checkpoint");
  EXPECT_SAYS(message, "'format'");
}

TEST(Damage, AGoldenFileIsForeign) {
  TRM_REQUIRE_SHARED("golden/trm_chat.h5");
  EXPECT_SAYS(load_error(shared_dir() / "golden/trm_chat.h5"), "not a checkpoint");
}

TEST(Damage, EditsByOtherProgramsAreNamed) {
  const TemporaryFolder folder;
  const auto file = folder / "a.h5";
  save(sample(), file);
  edit(file, [](hid_t opened) { set_number(opened, "format_version", 99); });
  EXPECT_SAYS(load_error(file), "newer version");
  EXPECT_SAYS(load_error(file), "99");

  save(sample(), file);
  edit(file, [](hid_t opened) { set_number(opened, "step", 7); });
  EXPECT_SAYS(load_error(file), "does not match its checksum");

  save(sample(), file);
  edit(file, [](hid_t opened) { H5Adelete(opened, "config"); });
  EXPECT_SAYS(load_error(file), "no config");

  save(sample(), file);
  edit(file, [](hid_t opened) { H5Ldelete(opened, "carry/steps", H5P_DEFAULT); });
  EXPECT_SAYS(load_error(file), "damaged");

  save(sample(), file);
  edit(file, [](hid_t opened) { H5Lcreate_external("other.h5", "/x", opened, "model/x", H5P_DEFAULT, H5P_DEFAULT); });
  EXPECT_SAYS(load_error(file), "damaged");
}

TEST(Damage, EditsThatLeaveTheSealAreNoticedBeforeTheLibrarySeesThem) {
  const TemporaryFolder folder;
  const auto file = folder / "a.h5";
  save(sample(), file);
  const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  ASSERT_GE(opened, 0) << "any HDF5 program opens it";
  set_number(opened, "step", 7);
  H5Fclose(opened);
  EXPECT_SAYS(load_error(file), "do not match their checksum");
  // A torn page: what a crash leaves of a file that was not synced.
  save(sample(70'000), file);
  const std::string whole = read_bytes(file);
  for (size_t page = 0; page < whole.size(); page += 4096) {
    std::string torn = whole;
    for (size_t i = page; i < std::min(page + 4096, whole.size()); ++i) torn[i] = 0;
    if (torn == whole) continue;
    write_bytes(file, torn);
    EXPECT_NE(load_error(file), "") << page;
  }
}

/// The same contents as a program before the seal wrote them.
void without_seal(const std::filesystem::path& from, const std::filesystem::path& to) {
  const hid_t list = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18);
  const hid_t source = H5Fopen(from.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t target = H5Fcreate(to.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, list);
  const auto copy_link = [](hid_t group, const char* name, const H5L_info_t*, void* to) -> herr_t {
    return H5Ocopy(group, name, *static_cast<hid_t*>(to), name, H5P_DEFAULT, H5P_DEFAULT);
  };
  EXPECT_GE(H5Literate(source, H5_INDEX_NAME, H5_ITER_INC, nullptr, copy_link, const_cast<hid_t*>(&target)), 0);
  const auto copy_attribute = [](hid_t object, const char* name, const H5A_info_t* info, void* to) -> herr_t {
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    const hid_t space = H5Aget_space(attribute);
    std::string value(info->data_size + 1, '\0');
    H5Aread(attribute, type, value.data());
    const hid_t copy = H5Acreate2(*static_cast<hid_t*>(to), name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const herr_t result = H5Awrite(copy, type, value.data());
    H5Aclose(copy), H5Sclose(space), H5Tclose(type), H5Aclose(attribute);
    return result;
  };
  EXPECT_GE(H5Aiterate2(source, H5_INDEX_NAME, H5_ITER_INC, nullptr, copy_attribute, const_cast<hid_t*>(&target)), 0);
  H5Fclose(source), H5Fclose(target), H5Pclose(list);
}

TEST(Damage, FilesFromBeforeTheSealStillLoad) {
  const TemporaryFolder folder;
  save(sample(), folder / "a.h5");
  without_seal(folder / "a.h5", folder / "old.h5");
  ASSERT_TRUE(read_bytes(folder / "old.h5").starts_with("\x89HDF"));
  EXPECT_TRUE(same(load(folder / "old.h5"), sample()));
  verify(folder / "old.h5");
}

TEST(Damage, NothingIsPrinted) {
  const TemporaryFolder folder;
  save(sample(), folder / "a.h5");
  std::string bytes = read_bytes(folder / "a.h5");
  bytes[60] ^= 1;
  write_bytes(folder / "a.h5", bytes);
  ::testing::internal::CaptureStderr();
  EXPECT_NE(load_error(folder / "a.h5"), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}
