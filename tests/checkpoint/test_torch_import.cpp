#include <hdf5.h>

#include <bit>
#include <cmath>

#include "checkpoint/run_folder.h"
#include "checkpoint/torch_import.h"
#include "tests/checkpoint/folder.h"
#include "tests/checkpoint/state_dict.h"
#include "tests/shared.h"

using namespace trm::checkpoint;
using namespace trm::testing;

namespace {

std::string import_error(const std::filesystem::path& file) {
  return error_of([&] { import_torch(file); });
}

/// The float32 datasets of the group initial_state.
std::map<std::string, Array> initial_state(const std::filesystem::path& file) {
  std::map<std::string, Array> arrays;
  const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t group = H5Gopen2(opened, "initial_state", H5P_DEFAULT);
  const auto read = [](hid_t group, const char* name, const H5L_info_t*, void* data) -> herr_t {
    const hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    std::vector<hsize_t> shape(static_cast<size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, shape.data(), nullptr);
    Array array = Array::zeros(ArrayType::float32, {shape.begin(), shape.end()});
    H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.bytes.data());
    (*static_cast<std::map<std::string, Array>*>(data))[name] = std::move(array);
    H5Sclose(space);
    H5Dclose(dataset);
    return 0;
  };
  H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, read, &arrays);
  H5Gclose(group);
  H5Fclose(opened);
  return arrays;
}

Array rounded_to_bfloat16(Array array) {
  for (float& value : array.as<float>()) {
    uint32_t bits = std::bit_cast<uint32_t>(value);
    bits += 0x7fff + (bits >> 16 & 1);
    value = std::bit_cast<float>(bits & 0xffff0000);
  }
  return array;
}

/// A file with one tensor "weight" over a storage of these bytes.
std::filesystem::path write_tensor(const TemporaryFolder& folder, const TensorSpec& spec, const std::string& bytes,
                                   const std::string& name = "weight") {
  write_zip(folder / "step_10", {{"m/data.pkl", state_dict({{name, tensor(spec)}})}, {"m/data/0", bytes}});
  return folder / "step_10";
}

std::vector<float> imported(const TemporaryFolder& folder, const TensorSpec& spec, const std::string& bytes) {
  const auto arrays = import_torch(write_tensor(folder, spec, bytes));
  const auto values = arrays.at("weight").as<float>();
  return {values.begin(), values.end()};
}

using Floats = std::vector<float>;

}  // namespace

TEST(TorchImport, GoldenFilesGiveTheInitialState) {
  TRM_REQUIRE_SHARED("golden");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared_dir() / "golden")) {
    if (entry.path().extension() != ".pt") continue;
    auto expected = entry.path();
    expected.replace_extension(".h5");
    EXPECT_TRUE(is_torch_file(entry.path()));
    const auto state = initial_state(expected);
    const auto arrays = import_torch(entry.path());
    ASSERT_EQ(arrays.size(), state.size()) << entry.path();
    for (const auto& [name, array] : arrays) {
      const bool exact = array == state.at(name);
      // Some of the files hold the init vectors in bfloat16.
      EXPECT_TRUE(exact || (name.ends_with("_init") && array == rounded_to_bfloat16(state.at(name))))
          << entry.path() << ": " << name;
    }
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST(TorchImport, EveryElementTypeBecomesFloat32) {
  const TemporaryFolder folder;
  const auto whole = [&](const std::string& storage, const std::string& bytes) {
    return imported(folder, {.storage = storage}, bytes);
  };
  EXPECT_EQ(whole("FloatStorage", bytes_of<float>({1, -2, 3.5, 4})), (Floats{1, -2, 3.5, 4}));
  EXPECT_EQ(whole("DoubleStorage", bytes_of<double>({1, -2, 0.1, 4})), (Floats{1, -2, 0.1f, 4}));
  EXPECT_EQ(whole("LongStorage", bytes_of<int64_t>({1, -2, 3, 4})), (Floats{1, -2, 3, 4}));
  EXPECT_EQ(whole("IntStorage", bytes_of<int32_t>({1, -2, 3, 4})), (Floats{1, -2, 3, 4}));
  EXPECT_EQ(whole("ShortStorage", bytes_of<int16_t>({1, -2, 3, 4})), (Floats{1, -2, 3, 4}));
  EXPECT_EQ(whole("CharStorage", bytes_of<int8_t>({1, -2, 3, 4})), (Floats{1, -2, 3, 4}));
  EXPECT_EQ(whole("ByteStorage", bytes_of<uint8_t>({1, 254, 3, 4})), (Floats{1, 254, 3, 4}));
  EXPECT_EQ(whole("BoolStorage", bytes_of<uint8_t>({1, 0, 0, 1})), (Floats{1, 0, 0, 1}));
  EXPECT_EQ(whole("BFloat16Storage", bytes_of<uint16_t>({0x3f80, 0xc000, 0x0001, 0x7f80})),
            (Floats{1, -2, 0x1p-133f, HUGE_VALF}));
  EXPECT_EQ(whole("HalfStorage", bytes_of<uint16_t>({0x3c00, 0xc000, 0x8001, 0xfc00})),
            (Floats{1, -2, -0x1p-24f, -HUGE_VALF}));
  EXPECT_EQ(whole("HalfStorage", bytes_of<uint16_t>({0x7bff, 0x0400, 0x03ff, 0x3555})),
            (Floats{65504, 0x1p-14f, 1023 * 0x1p-24f, 0x1.554p-2f}));
}

TEST(TorchImport, OffsetsAndStridesAreFollowed) {
  const TemporaryFolder folder;
  const auto bytes = bytes_of<float>({0, 1, 2, 3, 4, 5, 6, 7});
  const auto view = [&](int32_t offset, std::vector<int32_t> shape, std::vector<int32_t> stride) {
    return imported(folder, {.elements = 8, .offset = offset, .shape = std::move(shape), .stride = std::move(stride)},
                    bytes);
  };
  EXPECT_EQ(view(0, {2, 4}, {4, 1}), (Floats{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(view(0, {4, 2}, {1, 4}), (Floats{0, 4, 1, 5, 2, 6, 3, 7}));
  EXPECT_EQ(view(3, {2, 1, 2}, {2, 77, 2}), (Floats{3, 5, 5, 7}));
  EXPECT_EQ(view(7, {}, {}), (Floats{7}));
  EXPECT_EQ(view(8, {0, 3}, {3, 1}), (Floats{}));
}

TEST(TorchImport, NamesLoseTheCompilePrefix) {
  const TemporaryFolder folder;
  const auto arrays =
      import_torch(write_tensor(folder, {}, bytes_of<float>({1, 2, 3, 4}), "_orig_mod.model.inner.H_init"));
  ASSERT_EQ(arrays.count("model.inner.H_init"), 1u);
  EXPECT_EQ(arrays.at("model.inner.H_init").shape, (std::vector<int64_t>{2, 2}));
}

TEST(TorchImport, AFileWithoutExtensionIsFoundInARunFolder) {
  const TemporaryFolder folder;
  const auto file = write_tensor(folder, {}, bytes_of<float>({1, 2, 3, 4}));
  write_bytes(folder / "step_90", "text");
  EXPECT_TRUE(is_torch_file(file));
  EXPECT_FALSE(is_torch_file(folder / "step_90"));
  EXPECT_FALSE(is_torch_file(folder.path()));
  EXPECT_FALSE(is_torch_file(folder / "absent"));
  EXPECT_EQ(find_checkpoint(folder.path()), file);
}

TEST(TorchImport, ImpossibleTensorsAreNamed) {
  const TemporaryFolder folder;
  const auto refused = [&](const TensorSpec& spec, const std::string& bytes) {
    const auto message = import_error(write_tensor(folder, spec, bytes));
    EXPECT_SAYS(message, "step_10");
    EXPECT_SAYS(message, "'weight'");
    return message;
  };
  const auto bytes = bytes_of<float>({1, 2, 3, 4});
  EXPECT_SAYS(refused({.offset = 1}, bytes), "outside");
  EXPECT_SAYS(refused({.offset = -1}, bytes), "outside");
  EXPECT_SAYS(refused({.shape = {2, -2}}, bytes), "outside");
  EXPECT_SAYS(refused({.stride = {2, -1}}, bytes), "outside");
  EXPECT_SAYS(refused({.shape = {2147483647, 2147483647}, .stride = {2147483647, 2147483647}}, bytes), "outside");
  EXPECT_SAYS(refused({.shape = {1000000, 4}, .stride = {0, 1}}, bytes), "expanded");
  EXPECT_SAYS(refused({.shape = {2}}, bytes), "differ in length");
  EXPECT_SAYS(refused({.elements = 5}, bytes), "elements");
  EXPECT_SAYS(refused({.storage = "ComplexFloatStorage"}, bytes), "ComplexFloatStorage");
  EXPECT_SAYS(refused({.key = "1"}, bytes), "missing");
}

TEST(TorchImport, OtherFilesAreNamed) {
  const TemporaryFolder folder;
  const auto with = [&](const Entries& entries, int method = ZIP_CM_STORE) {
    write_zip(folder / "a.pt", entries, method);
    return import_error(folder / "a.pt");
  };
  EXPECT_SAYS(import_error(folder / "absent.pt"), "cannot be opened");
  EXPECT_SAYS(import_error(folder.path()), "a folder");
  EXPECT_SAYS(with({{"m/other", "x"}}), "no data.pkl");
  EXPECT_SAYS(with({{"m/data.pkl",
                     "\x80\x02"
                     "cos\nsystem\n" +
                         text("x") + "\x85R."}}),
              "os.system");
  EXPECT_SAYS(with({{"m/data.pkl", "\x80\x02K\x01."}}), "an integer, not a state dict");
  EXPECT_SAYS(with({{"m/data.pkl", state_dict({{"epoch", "K\x05"}})}}), "'epoch' is an integer");
  EXPECT_SAYS(with({{"m/data.pkl", state_dict({})}, {"m/byteorder", "big"}}), "byte order");
  EXPECT_SAYS(with({{"m/data.pkl", state_dict({{std::string(5000, 'a'), "N"}})}}, ZIP_CM_DEFLATE), "compressed");
  write_bytes(folder / "empty.pt", "");
  EXPECT_SAYS(import_error(folder / "empty.pt"), "empty");
  write_bytes(folder / "text.pt", "weights");
  EXPECT_SAYS(import_error(folder / "text.pt"), "not a zip file");
  write_bytes(folder / "old.pt", "\x80\x02\x8a\x0al\xfc\x9c");
  EXPECT_SAYS(import_error(folder / "old.pt"), "before 1.6");
}

TEST(TorchImport, DamagedFilesAreNamedNeverCrash) {
  const TemporaryFolder folder;
  const auto file = write_tensor(folder, {}, bytes_of<float>({1, 2, 3, 4}));
  const auto expected = import_torch(file);
  const std::string whole = read_bytes(file);
  write_bytes(folder / "b", whole);
  for (size_t size = whole.size(); size-- > 0;) {
    std::filesystem::resize_file(folder / "b", size);
    EXPECT_SAYS(import_error(folder / "b"), "cannot import");
  }
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](size_t at, char byte) {
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte).flush();
  };
  for (size_t at = 0; at < whole.size(); ++at)
    for (const unsigned char mask : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      put(at, static_cast<char>(whole[at] ^ mask));
      try {
        EXPECT_TRUE(import_torch(file) == expected) << "byte " << at;
      } catch (const Error&) {
      }
      put(at, whole[at]);
    }
}

TEST(TorchImport, NamesOfWrappedModelsAreThoseOfTheModel) {
  const TemporaryFolder folder;
  for (const char* name :
       {"_orig_mod.model.H", "module.model.H", "module._orig_mod.model.H", "_orig_mod.module.model.H",
        "_fsdp_wrapped_module.model.H", "model._fsdp_wrapped_module.H", "model.H"}) {
    const auto arrays = import_torch(write_tensor(folder, {}, bytes_of<float>({1, 2, 3, 4}), name));
    EXPECT_EQ(arrays.begin()->first, "model.H") << name;
  }
}

TEST(TorchImport, ACutFileIsStillOneOfPyTorch) {
  const TemporaryFolder folder;
  const auto file = write_tensor(folder, {}, bytes_of<float>({1, 2, 3, 4}), "model.H");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  EXPECT_TRUE(is_torch_file(file));
  EXPECT_SAYS(import_error(file), "cut short or damaged");
}

// The CRC does not protect from files that were made wrong: the same with a valid zip around a changed pickle.
TEST(TorchImport, ChangedPicklesNeverCrash) {
  const TemporaryFolder folder;
  const std::string whole = state_dict({{"weight", tensor({})}});
  for (size_t at = 0; at < whole.size(); ++at)
    for (const unsigned char value : {0x00, 0x2e, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      write_zip(folder / "b", {{"m/data.pkl", changed}, {"m/data/0", bytes_of<float>({1, 2, 3, 4})}});
      error_of([&] { import_torch(folder / "b"); });
    }
}
