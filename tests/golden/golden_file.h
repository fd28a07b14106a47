#pragma once
// Reads the reference's numbers (HDF5, see shared/golden/README.md).
#include <map>
#include <string>
#include <vector>

#include "device/tensor.h"
#include "model/config.h"
#include "model/model.h"
#include "optimizer/optimizer.h"

namespace trm::testing {

/// All functions throw std::runtime_error where the file lacks what is asked for, or it is empty, unreadable or not finite.
class GoldenFile {
 public:
  explicit GoldenFile(const std::string& path);
  ~GoldenFile();
  GoldenFile(const GoldenFile&) = delete;

  bool has(const std::string& path) const;
  Shape shape(const std::string& path) const;
  std::vector<double> doubles(const std::string& path) const;
  std::vector<float> floats(const std::string& path) const;
  std::vector<int32_t> integers(const std::string& path) const;
  double scalar(const std::string& path) const { return doubles(path).at(0); }
  /// Names directly below a group; at least one.
  std::vector<std::string> children(const std::string& group) const;
  std::string attribute(const std::string& name) const;

  Tensor float_tensor(const std::string& path, Device device) const { return Tensor::from(floats(path), shape(path), device); }
  Tensor int_tensor(const std::string& path, Device device) const { return Tensor::from(integers(path), shape(path), device); }

  ModelConfig config() const;
  int batch_size() const;
  OptimizerSettings optimizer(const std::string& name, bool clipped) const;
  /// The model with the file's initial state.
  std::unique_ptr<Model> model(Device device, DType dtype) const;

 private:
  int64_t file_;
};

}  // namespace trm::testing
