#include "runtime/checkpoint_state.h"

#include <cstring>

#include "data/error.h"

namespace trm {
namespace {

using checkpoint::Array;
using checkpoint::ArrayType;
using checkpoint::Error;

const std::string gradient_prefix = "accumulation/gradients/";

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
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
    case DType::bfloat16:
      return ArrayType::bfloat16;
    default:
      return ArrayType::float32;
  }
}

/// How the tensors of several processes make the one of the global batch.
enum class Share {
  whole,  // all have the same
  rows,   // each has its rows of each of `blocks` batches
  sum     // each has a part of a sum
};
struct RunTensor {
  Tensor tensor;
  Share share = Share::whole;
  int64_t blocks = 1;
};

/// The tensors of a run that are overwritten as they are: all but the model's.
std::map<std::string, RunTensor> run_tensors(const Model& model, const OptimizerState& optimizer, TrainingStep& step,
                                             bool pending) {
  std::map<std::string, RunTensor> all;
  for (const auto& [name, tensor] : optimizer.state(model.parameters())) all[name] = {tensor};
  for (const auto& [name, tensor] : step.carry().state(model)) all["carry/" + name] = {tensor, Share::rows};
  for (const auto& [name, tensor] : step.pending_state()) {
    if (name == "metrics") all["accumulation/" + name] = {tensor, Share::sum};
    if (pending && name.starts_with("puzzle_"))
      all["accumulation/" + name] = {tensor, Share::rows, step.options().accumulation};
  }
  if (pending)
    for (const auto& p : model.parameters().all()) all[gradient_prefix + p->name] = {p->gradient, Share::sum};
  return all;
}

/// The rows of all processes, on the first one; one process's share at a time is on the device.
Array collected(const RunTensor& part, Communicator& communicator) {
  const Tensor piece = Tensor::empty(part.tensor.shape(), part.tensor.dtype(), part.tensor.device());
  Array all;
  for (int root = 0; root < communicator.size(); ++root) {
    if (root == communicator.rank()) piece.copy_from(part.tensor);
    communicator.broadcast(piece, root, "the carry for a checkpoint");
    if (!communicator.first()) continue;
    const Array rows = to_array(piece);
    if (root == 0) {
      all = {rows.type, rows.shape, {}};
      all.shape[0] *= communicator.size();
      all.bytes.resize(rows.bytes.size() * static_cast<size_t>(communicator.size()));
    }
    const size_t block = rows.bytes.size() / static_cast<size_t>(part.blocks);
    for (size_t i = 0; i < static_cast<size_t>(part.blocks); ++i)
      std::memcpy(all.bytes.data() + (i * static_cast<size_t>(communicator.size()) + static_cast<size_t>(root)) * block,
                  rows.bytes.data() + i * block, block);
  }
  return all;
}

/// A process's rows of an array of the global batch; the array itself where it does not have these rows.
Array share_of(const Array& all, const RowRange& rows, int64_t blocks) {
  if (rows.all() || all.shape.empty() || all.shape[0] != blocks * rows.total) return all;
  Array mine{all.type, all.shape, {}};
  mine.shape[0] = blocks * rows.count;
  const auto row = all.bytes.size() / static_cast<size_t>(all.shape[0]);
  for (int64_t i = 0; i < blocks; ++i) {
    const auto start = all.bytes.begin() + static_cast<int64_t>(row) * (i * rows.total + rows.first);
    mine.bytes.insert(mine.bytes.end(), start, start + static_cast<int64_t>(row) * rows.count);
  }
  return mine;
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
  array.bytes.resize(tensor.bytes());
  tensor.copy_to_host(array.bytes.data());
  return array;
}

void copy_array(const Array& array, const Tensor& to, const std::string& name) {
  const auto floating = [](ArrayType type) { return type == ArrayType::float32 || type == ArrayType::bfloat16; };
  const ArrayType wanted = stored_type(to.dtype());
  if (array.shape != sizes(to.shape()) || (array.type != wanted && !(floating(array.type) && floating(wanted))))
    throw Error(name + " is " + std::string(checkpoint::name(array.type)) + " " + shape_text(array.shape) +
                " in the checkpoint, and " + name_of(to.dtype()) + " " + to_string(to.shape()) + " in this run");
  if (array.type == wanted) return to.copy_from_host(array.bytes.data());
  // Of a run in another dtype, or of an earlier version, which stored bfloat16 as float32.
  if (to.dtype() == DType::bfloat16) {
    std::vector<bfloat16> narrow;
    for (const float value : array.as<float>()) narrow.emplace_back(value);
    return to.copy_from_host(narrow.data());
  }
  std::vector<float> wide;
  for (size_t at = 0; at < array.bytes.size(); at += sizeof(bfloat16)) {
    bfloat16 value;
    std::memcpy(&value, &array.bytes[at], sizeof value);
    wide.push_back(static_cast<float>(value));
  }
  to.copy_from_host(wide.data());
}

checkpoint::Checkpoint capture_run(const Model& model, OptimizerState& optimizer, TrainingStep& step, uint64_t seed,
                                   const RunPosition& position) {
  Communicator* communicator = step.options().communicator;
  const bool several = communicator && !communicator->alone();
  const bool writes = !several || communicator->first();
  checkpoint::Checkpoint made;
  made.step = step.counters()[Counter::step];
  step.bring_sums_together();
  for (const auto& [name, part] : run_tensors(model, optimizer, step, step.pending() > 0)) {
    if (several && part.share == Share::rows)
      made.arrays[name] = collected(part, *communicator);
    else if (writes)
      made.arrays[name] = to_array(part.tensor);
  }
  if (!writes) return {};
  for (const auto& [name, tensor] : model.state()) made.arrays["model/" + name] = to_array(tensor);
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
  const RowRange& rows = step.options().rows;
  const std::map<std::string, RunTensor> run = run_tensors(model, optimizer, step, pending > 0);
  for (const auto& [name, part] : run) array_of(checkpoint, file, name);
  load_weights(checkpoint.arrays, file, model);
  for (const auto& [name, part] : run) {
    const Array& all = checkpoint.arrays.at(name);
    if (part.share == Share::sum && rows.first > 0)
      part.tensor.fill_zero();
    else
      copy_array(part.share == Share::rows ? share_of(all, rows, part.blocks) : all, part.tensor,
                 "'" + file + "': " + name);
  }
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
