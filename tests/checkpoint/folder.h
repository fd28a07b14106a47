#pragma once
// Whole files in and out, and a small checkpoint to write.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "checkpoint/checkpoint.h"
#include "tests/temporary_folder.h"

namespace trm::testing {

inline std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

/// The message of the Error that `act` throws; "" where it throws none.
template <class Act>
std::string error_of(const Act& act) {
  try {
    act();
  } catch (const checkpoint::Error& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << (message)

/// A small checkpoint with every element type, an empty array, a scalar, nested names and a tokenizer of `text` bytes.
inline checkpoint::Checkpoint sample(size_t text = 100) {
  using checkpoint::Array;
  checkpoint::Checkpoint made;
  made.step = 120;
  made.config_yaml = "arch:\n  name: trm\n  note: größer\n";
  made.tokenizer_json = std::string(text, 't');
  made.notes = {{"device", "cpu"}, {"threads", "2"}, {"version", ""}};
  std::vector<float> weights(200);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = 0.5f * static_cast<float>(i) - 3;
  made.arrays["model/model.inner.L_level.layers.0.mlp.down_proj.weight"] = Array::of<float>({10, 20}, weights);
  made.arrays["model/model.inner.H_init"] = Array::of<float>({3}, {1.5f, -0.0f, 1e-40f});
  made.arrays["ema/model.inner.H_init"] = Array::of<float>({3}, {1, 2, 3});
  made.arrays["optimizer/exp_avg/model.inner.H_init"] = Array::of<float>({3}, {4, 5, 6});
  made.arrays["optimizer/step"] = Array::scalar<int64_t>(120);
  made.arrays["carry/steps"] = Array::of<int32_t>({2, 1}, {3, -4});
  made.arrays["carry/halted"] = Array::of<uint8_t>({2}, {1, 0});
  made.arrays["carry/z_H"] = {
      checkpoint::ArrayType::bfloat16, {1, 2}, {std::byte{0x80}, std::byte{0x3f}, std::byte{1}, std::byte{0xff}}};
  made.arrays["rng/counter"] = Array::of<uint64_t>({2}, {~uint64_t{0}, 7});
  made.arrays["rng/key"] = Array::of<uint32_t>({1}, {0xffffffffu});
  made.arrays["loader/epoch_share"] = Array::scalar<double>(0.1);
  made.arrays["loader/pending"] = Array::zeros(checkpoint::ArrayType::int64, {0, 5});
  return made;
}

inline bool same(const checkpoint::Checkpoint& a, const checkpoint::Checkpoint& b) {
  return a.step == b.step && a.config_yaml == b.config_yaml && a.tokenizer_json == b.tokenizer_json &&
         a.notes == b.notes && a.arrays == b.arrays;
}

}  // namespace trm::testing
