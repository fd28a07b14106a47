#pragma once
#include <memory>
#include <string>
#include <vector>

#include "data/loader.h"
#include "device/rules.h"
#include "settings/settings.h"

namespace trm {

/// What a run trains and evaluates on.
struct TrainingData {
  std::shared_ptr<const Dataset> train, test;  // test may be null: `notes` says so
  DataMetadata metadata;                       // what of it decides the model
  std::string tokenizer_json;                  // empty where the folders have none
  std::vector<std::string> notes;

  /// Opens data_paths, and data_paths_test or the test splits of data_paths. Throws DataError naming folder and file,
  /// SettingsError where none is named, TokenizerError.
  static TrainingData open(const Settings& settings);
};

/// Batches as settings and device have them.
LoaderOptions loader_options(const Settings& settings, Device device, const LoaderRule& rule);

}  // namespace trm
