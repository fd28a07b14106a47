#include "runtime/checkpoint_state.h"

#include "data/error.h"

namespace trm {
namespace {

using checkpoint::Array;
using checkpoint::ArrayType;
using checkpoint::Error;

const std::string gradient_prefix = "accumulation/gradients/";

std::string shape_text(const std::vector<int64_t>& shape) {
  Shape s;
  for (const int64_t size : shape) s.push_back(size);
  return to_string(s);
}

std::vector<int64_t> sizes(const Shape& shape) {
  std::vector<int64_t> all;
  for (int i = 0; i < shape.rank(); ++i) all.push_back(shape[i]);
  return all;
}

ArrayType stored_type(DType dtype) {
  switch (dtype) {
    case DType::int32:
      return ArrayType::int32;
    case DType::int64:
      return ArrayType::int64;
    case DType::boolean:
      return ArrayType::uint8;
    default:
      return ArrayType::float32;
  }
}

/// The tensors of a run that are overwritten as they are: all but the model's.
std::map<std::string, Tensor> run_tensors(const Model& model, const OptimizerState& optimizer, TrainingStep& step,
                                          bool pending) {
  std::map<std::string, Tensor> all = optimizer.state(model.parameters());
  for (const auto& [name, tensor] : step.carry().state(model)) all["carry/" + name] = tensor;
  for (const auto& [name, tensor] : step.pending_state())
    if (name == "metrics" || (pending && name != "gradients")) all["accumulation/" + name] = tensor;
  if (pending)
    for (const auto& p : model.parameters().all()) all[gradient_prefix + p->name] = p->gradient;
  return all;
}

const Array& array_of(const checkpoint::Checkpoint& checkpoint, const std::string& file, const std::string& name) {
  const auto found = checkpoint.arrays.find(name);
  if (found == checkpoint.arrays.end())
    throw Error("'" + file + "' lacks " + name + ": a run cannot be resumed from it; load_checkpoint=" + file +
                " starts a new run from its weights");
  return found->second;
}

template <class T>
T scalar_of(const checkpoint::Checkpoint& checkpoint, const std::string& file, const std::string& name) {
  const auto values = array_of(checkpoint, file, name).as<T>();
  if (values.size() != 1)
    throw Error("'" + file + "': " + name + " has " + std::to_string(values.size()) + " elements, 1 is needed");
  return values[0];
}

}  // namespace

Array to_array(const Tensor& tensor) {
  Array array;
  array.type = stored_type(tensor.dtype());
  array.shape = sizes(tensor.shape());
  if (tensor.dtype() == DType::bfloat16) return Array::of<float>(array.shape, tensor.to_vector<float>());
  array.bytes.resize(tensor.bytes());
  tensor.copy_to_host(array.bytes.data());
  return array;
}

void copy_array(const Array& array, const Tensor& to, const std::string& name) {
  if (array.shape != sizes(to.shape()) || array.type != stored_type(to.dtype()))
    throw Error(name + " is " + std::string(checkpoint::name(array.type)) + " " + shape_text(array.shape) +
                " in the checkpoint, and " + name_of(to.dtype()) + " " + to_string(to.shape()) + " in this run");
  if (to.dtype() != DType::bfloat16) return to.copy_from_host(array.bytes.data());
  std::vector<bfloat16> narrow;
  for (const float value : array.as<float>()) narrow.emplace_back(value);
  to.copy_from_host(narrow.data());
}

checkpoint::Checkpoint capture_run(const Model& model, OptimizerState& optimizer, TrainingStep& step, uint64_t seed,
                                   const RunPosition& position) {
  checkpoint::Checkpoint made;
  made.step = step.counters()[Counter::step];
  for (const auto& [name, tensor] : model.state()) made.arrays["model/" + name] = to_array(tensor);
  for (const auto& [name, tensor] : run_tensors(model, optimizer, step, step.pending() > 0))
    made.arrays[name] = to_array(tensor);
  made.arrays["rng/seed"] = Array::scalar<uint64_t>(seed);
  const auto cursor = position.cursor.to_vector();
  made.arrays["loader/cursor"] = Array::of<uint64_t>({static_cast<int64_t>(cursor.size())}, cursor);
  made.arrays["run/evaluations"] = Array::scalar<int64_t>(position.evaluations);
  made.arrays["accumulation/pending"] = Array::scalar<int64_t>(step.pending());
  made.arrays["accumulation/micro_batches"] = Array::scalar<double>(step.micro_batches());
  return made;
}

RunPosition restore_run(const checkpoint::Checkpoint& checkpoint, const std::string& file, Model& model,
                        OptimizerState& optimizer, TrainingStep& step) {
  const int pending = static_cast<int>(scalar_of<int64_t>(checkpoint, file, "accumulation/pending"));
  const std::map<std::string, Tensor> run = run_tensors(model, optimizer, step, pending > 0);
  for (const auto& [name, tensor] : run) array_of(checkpoint, file, name);
  load_weights(checkpoint.arrays, file, model);
  for (const auto& [name, tensor] : run) copy_array(checkpoint.arrays.at(name), tensor, "'" + file + "': " + name);
  optimizer.resume_at(step.counters()[Counter::step]);
  step.set_pending(pending, scalar_of<double>(checkpoint, file, "accumulation/micro_batches"));
  RunPosition position;
  position.evaluations = scalar_of<int64_t>(checkpoint, file, "run/evaluations");
  try {
    position.cursor = Cursor::from_vector(array_of(checkpoint, file, "loader/cursor").as<uint64_t>());
  } catch (const DataError& error) {
    throw Error("'" + file + "': " + error.what());
  }
  return position;
}

}  // namespace trm
