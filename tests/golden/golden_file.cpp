#include "tests/golden/golden_file.h"

#include <hdf5.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace trm::testing {
namespace {

hid_t open_dataset(hid_t file, const std::string& path) {
  const hid_t dataset = H5Dopen2(file, path.c_str(), H5P_DEFAULT);
  if (dataset < 0) throw std::runtime_error("golden file lacks " + path);
  return dataset;
}

/// Throws where there is nothing to read, where it cannot be read, and where it holds what is not finite: a test must not pass on such a file.
template <class T>
std::vector<T> read(hid_t file, const std::string& path, hid_t type) {
  const hid_t dataset = open_dataset(file, path), space = H5Dget_space(dataset);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  std::vector<T> values(count > 0 ? static_cast<size_t>(count) : 0);
  const herr_t result = values.empty() ? -1 : H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Sclose(space);
  H5Dclose(dataset);
  if (values.empty()) throw std::runtime_error("golden file: " + path + " is empty");
  if (result < 0) throw std::runtime_error("golden file: " + path + " cannot be read");
  for (const T value : values)
    if (!std::isfinite(static_cast<double>(value))) throw std::runtime_error("golden file: " + path + " holds a value that is not finite");
  return values;
}

}  // namespace

GoldenFile::GoldenFile(const std::string& path) : file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {
  if (file_ < 0) throw std::runtime_error("cannot open " + path);
}
GoldenFile::~GoldenFile() { H5Fclose(file_); }

bool GoldenFile::has(const std::string& path) const {
  std::string partial;
  for (size_t start = 0; start < path.size();) {
    const size_t slash = std::min(path.find('/', start), path.size());
    partial = path.substr(0, slash);
    if (H5Lexists(file_, partial.c_str(), H5P_DEFAULT) <= 0) return false;
    start = slash + 1;
  }
  return true;
}

Shape GoldenFile::shape(const std::string& path) const {
  const hid_t dataset = open_dataset(file_, path), space = H5Dget_space(dataset);
  hsize_t sizes[H5S_MAX_RANK];
  const int rank = H5Sget_simple_extent_dims(space, sizes, nullptr);
  Shape shape;
  for (int i = 0; i < rank; ++i) shape.push_back(static_cast<int64_t>(sizes[i]));
  H5Sclose(space);
  H5Dclose(dataset);
  return shape;
}

std::vector<double> GoldenFile::doubles(const std::string& path) const { return read<double>(file_, path, H5T_NATIVE_DOUBLE); }
std::vector<float> GoldenFile::floats(const std::string& path) const { return read<float>(file_, path, H5T_NATIVE_FLOAT); }
std::vector<int32_t> GoldenFile::integers(const std::string& path) const { return read<int32_t>(file_, path, H5T_NATIVE_INT32); }

std::vector<std::string> GoldenFile::children(const std::string& group) const {
  std::vector<std::string> names;
  const hid_t id = H5Gopen2(file_, group.c_str(), H5P_DEFAULT);
  if (id < 0) throw std::runtime_error("golden file lacks " + group);
  H5Literate(
      id, H5_INDEX_NAME, H5_ITER_INC, nullptr,
      [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
        static_cast<std::vector<std::string>*>(out)->push_back(name);
        return 0;
      },
      &names);
  H5Gclose(id);
  if (names.empty()) throw std::runtime_error("golden file: " + group + " is empty");
  return names;
}

std::string GoldenFile::attribute(const std::string& name) const {
  const hid_t attribute = H5Aopen(file_, name.c_str(), H5P_DEFAULT);
  if (attribute < 0) throw std::runtime_error("golden file lacks the attribute " + name);
  const hid_t type = H5Aget_type(attribute);
  std::string text;
  if (H5Tis_variable_str(type) > 0) {
    char* value = nullptr;
    H5Aread(attribute, type, &value);
    text = value;
    H5free_memory(value);
  } else {
    text.resize(H5Tget_size(type));
    H5Aread(attribute, type, text.data());
  }
  H5Tclose(type);
  H5Aclose(attribute);
  return text;
}

ModelConfig GoldenFile::config() const {
  const auto j = nlohmann::json::parse(attribute("config"));
  ModelConfig c;
  c.name = j["model"];
  c.hidden_size = j["hidden_size"];
  c.num_heads = j["num_heads"];
  c.expansion = j["expansion"];
  c.H_cycles = j["H_cycles"];
  c.L_cycles = j["L_cycles"];
  c.H_layers = j["H_layers"];
  c.L_layers = j["L_layers"];
  const std::string positions = j["pos_encodings"];
  c.pos_encodings = positions == "rope" ? PositionEncoding::rope : positions == "learned" ? PositionEncoding::learned : PositionEncoding::none;
  c.rope_theta = j["rope_theta"];
  c.rms_norm_eps = j["rms_norm_eps"];
  c.puzzle_emb_ndim = j["puzzle_emb_ndim"];
  c.puzzle_emb_len = j["puzzle_emb_len"];
  c.mixer = j["mlp_t"].get<bool>() ? "mlp" : "attention";
  c.causal = j["causal"];
  c.q_position = j["q_position"] == "last" ? QPosition::last : QPosition::first;
  c.no_ACT_continue = j["no_ACT_continue"];
  c.halt_max_steps = j["halt_max_steps"];
  c.halt_exploration_prob = j["halt_exploration_prob"];
  c.loss = j["loss_type"] == "softmax_cross_entropy" ? LossKind::softmax : LossKind::stablemax;
  c.seq_len = j["seq_len"];
  c.vocab_size = j["vocab_size"];
  c.num_puzzle_identifiers = j["num_puzzle_identifiers"];
  c.pad_id = 0;
  return c;
}

int GoldenFile::batch_size() const { return nlohmann::json::parse(attribute("config"))["batch_size"]; }

OptimizerSettings GoldenFile::optimizer(const std::string& name, bool clipped) const {
  const auto j = nlohmann::json::parse(attribute("optimizer"));
  OptimizerSettings s;
  s.name = name;
  s.beta1 = j["beta1"];
  s.beta2 = j["beta2"];
  s.weight_decay = j["weight_decay"];
  s.eps = j["eps"];
  s.ema_rate = j["ema_rate"];
  s.puzzle_weight_decay = j["puzzle_emb_weight_decay"];
  s.ema = true;
  s.lr = j["lr"];
  s.puzzle_lr = j["puzzle_emb_lr"];
  if (clipped) s.grad_clip_norm = j["grad_clip_norm"];
  return s;
}

std::unique_ptr<Model> GoldenFile::model(Device device, DType dtype) const {
  ModelConfig c = config();
  c.forward_dtype = dtype;
  auto model = std::make_unique<Model>(c, device, 0, true);
  std::map<std::string, Tensor> state;
  for (const auto& name : children("initial_state")) state[name] = float_tensor("initial_state/" + name, device);
  model->load_state(state);
  return model;
}

}  // namespace trm::testing
