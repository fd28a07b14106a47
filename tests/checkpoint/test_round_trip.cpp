#include <hdf5.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <thread>

#include "tests/checkpoint/folder.h"

using namespace trm::checkpoint;
using namespace trm::testing;

TEST(RoundTrip, KeepsEverythingBitForBit) {
  const TemporaryFolder folder;
  Checkpoint saved = sample();
  saved.arrays["model/odd"] =
      Array::of<float>({3}, {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), -0.0f});
  save(saved, folder / "step_120.h5");
  EXPECT_TRUE(same(load(folder / "step_120.h5"), saved));
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(RoundTrip, OverwritesAnOlderFile) {
  const TemporaryFolder folder;
  save(sample(), folder / "a.h5");
  Checkpoint newer = sample();
  newer.step = 121;
  newer.arrays.erase("carry/steps");
  save(newer, folder / "a.h5");
  EXPECT_TRUE(same(load(folder / "a.h5"), newer));
}

TEST(RoundTrip, WritesTheSameBytesForTheSameContents) {
  const TemporaryFolder folder;
  save(sample(), folder / "a.h5");
  const std::time_t then = std::time(nullptr);
  while (std::time(nullptr) == then) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // HDF5's times count in seconds
  save(sample(), folder / "b.h5");
  EXPECT_TRUE(read_bytes(folder / "a.h5") == read_bytes(folder / "b.h5"));
}

TEST(RoundTrip, ReadsOnlyTheArraysAskedFor) {
  const TemporaryFolder folder;
  save(sample(), folder / "a.h5");
  const Checkpoint model = load(folder / "a.h5", {"model/", "rng/key"});
  EXPECT_EQ(model.arrays.size(), 3u);
  EXPECT_EQ(model.arrays.count("rng/key"), 1u);
  EXPECT_EQ(model.config_yaml, sample().config_yaml);
}

// Programs of before bfloat16 read what has none.
TEST(RoundTrip, OnlyAFileWithBfloat16NeedsANewProgram) {
  const TemporaryFolder folder;
  Checkpoint plain = sample();
  plain.arrays.erase("carry/z_H");
  const auto version = [&](const Checkpoint& checkpoint) {
    save(checkpoint, folder / "a.h5");
    const hid_t file = H5Fopen((folder / "a.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT),
                attribute = H5Aopen(file, "format_version", H5P_DEFAULT);
    int64_t read = 0;
    H5Aread(attribute, H5T_NATIVE_INT64, &read);
    H5Aclose(attribute);
    H5Fclose(file);
    return read;
  };
  EXPECT_EQ(version(plain), 1);
  EXPECT_EQ(version(sample()), 2);
  // Other tools read it as numbers.
  const hid_t file = H5Fopen((folder / "a.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT),
              dataset = H5Dopen2(file, "carry/z_H", H5P_DEFAULT);
  float values[2] = {};
  EXPECT_GE(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
  H5Dclose(dataset);
  H5Fclose(file);
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], std::bit_cast<float>(0xff010000u));
}

TEST(RoundTrip, KeepsLargeTextsManyNotesAndManyArrays) {
  const TemporaryFolder folder;
  Checkpoint saved = sample(3'000'000);
  saved.config_yaml = std::string(100'000, 'c');
  for (int i = 0; i < 50; ++i) saved.notes["note " + std::to_string(i)] = std::string(5000, 'n');
  for (int i = 0; i < 300; ++i)
    saved.arrays["model/model.inner.L_level.layers." + std::to_string(i) + ".weight"] = Array::scalar<float>(i);
  save(saved, folder / "a.h5");
  EXPECT_TRUE(same(load(folder / "a.h5"), saved));
}

TEST(RoundTrip, NeedsNoTokenizerNotesOrArrays) {
  const TemporaryFolder folder;
  Checkpoint saved;
  saved.config_yaml = "a: 1";
  save(saved, folder / "a.h5");
  EXPECT_TRUE(same(load(folder / "a.h5"), saved));
}

TEST(RoundTrip, SavesIntoTheCurrentFolder) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  save(sample(), "step_1.h5");
  EXPECT_TRUE(same(load("step_1.h5"), sample()));
  std::filesystem::current_path(before);
}

TEST(RoundTrip, RefusesWhatItCouldNotReadBack) {
  const TemporaryFolder folder;
  const auto refused = [&](const auto& change) {
    Checkpoint bad = sample();
    change(bad);
    const auto message = error_of([&] { save(bad, folder / "a.h5"); });
    EXPECT_EQ(folder.entries(), 0u);
    EXPECT_SAYS(message, "a.h5");
    return message;
  };
  for (const std::string name : {"weight", "/weight", "model/", "model//x", "model/./x", "../x", "", "notes/x"})
    EXPECT_SAYS(refused([&](Checkpoint& c) { c.arrays[name] = Array::scalar<float>(1); }), "'" + name + "'");
  EXPECT_SAYS(refused([](Checkpoint& c) { c.arrays["model/x"] = {ArrayType::float32, {3}, {}}; }), "model/x");
  EXPECT_SAYS(refused([](Checkpoint& c) { c.config_yaml = std::string("a\0b", 3); }), "config");
  EXPECT_SAYS(refused([](Checkpoint& c) { c.config_yaml.clear(); }), "no config");
  EXPECT_SAYS(refused([](Checkpoint& c) { c.arrays["carry/steps/more"] = Array::scalar<float>(1); }), "carry/steps");
}

TEST(Array, ChecksTypesAndCounts) {
  const Array array = Array::of<int32_t>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(array.as<int32_t>()[3], 4);
  EXPECT_THROW(array.as<float>(), Error);
  EXPECT_THROW(Array::of<float>({2, 2}, {1, 2, 3}), Error);
  EXPECT_THROW(Array::zeros(ArrayType::float32, {-1}), Error);
  EXPECT_THROW(Array::zeros(ArrayType::float32, {int64_t{1} << 40, int64_t{1} << 40}), Error);
  EXPECT_EQ(Array::zeros(ArrayType::float64, {}).count(), 1);
}
