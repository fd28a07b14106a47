#pragma once
// A temporary folder of configs, and short ways to load from it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "settings/compose.h"
#include "settings/error.h"
#include "tests/shared.h"

namespace trm::testing {

struct Configs : ::testing::Test {
  std::filesystem::path root;

  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root = std::filesystem::temp_directory_path() /
           ("trm_settings_" + std::string(info->name()) + "_" + std::to_string(::getpid()));
    std::filesystem::create_directories(root);
    write("cfg_pretrain", "defaults: [{arch: trm}, _self_]\nepochs: 7\n");
    write("arch/trm", "name: trm\nhidden_size: 128\nnum_heads: 4\npuzzle_emb_ndim: ${.hidden_size}\n");
    write("arch/wide", "name: trm\nhidden_size: 256\n");
  }

  void TearDown() override { std::filesystem::remove_all(root); }

  void write(const std::string& name, const std::string& text) const {
    const auto file = root / (name + ".yaml");
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  LoadedSettings load(const std::vector<std::string>& overrides = {},
                      const std::string& config = "cfg_pretrain") const {
    LoadRequest request;
    request.config_name = config;
    request.local_folder = root;
    request.overrides = overrides;
    return load_settings(request);
  }

  Settings settings(const std::vector<std::string>& overrides = {}, const std::string& config = "cfg_pretrain") const {
    return load(overrides, config).settings;
  }

  /// The message of the error that loading gives; fails where there is none.
  std::string error(const std::vector<std::string>& overrides, const std::string& config = "cfg_pretrain") const {
    try {
      load(overrides, config);
    } catch (const SettingsError& error) {
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }
};

/// The message of the error that `action` gives.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const SettingsError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

/// Each part is in the text.
inline void expect_all(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

}  // namespace trm::testing
