#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/tensor.h"
#include "device/weight.h"

namespace trm {

/// How a parameter is used, which decides its compute form.
enum class ParameterUse : uint8_t {
  product,        // [out, in], packed for products over the last axis
  token_product,  // [out, in], packed for products over the sequence axis
  table,          // rows that are looked up or added, in the compute dtype
  master,         // used in float32 as it is (q head)
};

/// What a parameter is in the model, by which optimizers and groups choose.
enum class ParameterRole : uint8_t {
  matrix,     // a dense matrix [out, in] inside a block: all that optimizers of matrices take
  vector,     // biases, gains and other parameters of a block that are no dense matrix
  embedding,  // token rows
  position,   // learned rows of positions
  head,       // the vocabulary's
  q_head,     // the halting head's weight and bias
};

/// Elements [first, first + count) of the flat buffers.
struct ParameterSpan {
  int64_t first = 0, count = 0;

  int64_t end() const { return first + count; }
};

/// A trained tensor: float32 master, float32 gradient (undefined where it is not trained), and the form used in
/// computations. Another type than Tensor, so that nothing immutable is updated by mistake.
struct Parameter {
  std::string name;
  Shape shape;
  ParameterUse use;
  ParameterRole role;
  Tensor master, gradient;
  Weight weight;
  int row_blocks = 1;  // equal blocks of rows that are matrices by themselves: the heads of a qkv projection

  bool trained() const { return gradient.defined(); }
};

/// How a derived parameter comes from others, its sources.
struct Derivation {
  /// Writes the value f32 from the sources' masters.
  std::function<void(Tensor& value)> make;
  /// Adds to the sources' gradients what `gradient` f32, that of the value summed over all its uses, says of them.
  std::function<void(const Tensor& gradient)> pull_back;
};

/// All dense parameters of a model in flat float32 buffers (each begins at a multiple of 64 elements, gaps are zero),
/// so that clipping, optimizers, EMA and casts are one pass each. The matrices of the blocks lie behind all others, so
/// that they are one span, as the others are.
class ParameterStore {
 public:
  ParameterStore(Device device, DType compute_dtype) : device_(device), compute_dtype_(compute_dtype) {}
  ParameterStore(const ParameterStore&) = delete;

  /// Declares a parameter; `initial` gives its values on the host. Addresses of parameters are stable.
  Parameter& add(std::string name, const Shape& shape, ParameterUse use, ParameterRole role,
                 std::vector<float> initial);
  /// Declares a parameter that is computed from others, used like them but neither optimized nor saved: `make` runs
  /// once per change of the masters (in materialize and refresh), and the gradient is summed over all uses until
  /// pull_back. A source may be a derived parameter that was declared before.
  Parameter& derive(std::string name, const Shape& shape, ParameterUse use, Derivation derivation);
  /// Takes the memory, writes the initial values and makes the compute forms. `trained`: with gradients.
  void materialize(bool trained);
  /// Remakes the compute forms after the masters changed; `narrow_is_current` where the optimizer has written the
  /// bfloat16 copy already.
  void refresh(bool narrow_is_current = false);
  /// Passes the gradients of derived parameters on to their sources and zeroes them: once a micro-step, after the
  /// tape's backward.
  void pull_back() const;

  const std::vector<std::unique_ptr<Parameter>>& all() const { return parameters_; }
  /// Null where there is none of that name.
  Parameter* find(const std::string& name) const;
  /// A view of a flat buffer (values, a moment, the EMA) at one parameter.
  Tensor view(const Tensor& flat, const Parameter& parameter) const;
  /// Where a parameter's elements begin in the flat buffers.
  int64_t offset(const Parameter& parameter) const;
  ParameterSpan everything() const { return {0, size_}; }
  ParameterSpan matrices() const { return {matrices_, size_ - matrices_}; }
  ParameterSpan others() const { return {0, matrices_}; }
  /// Number of trained values, gaps not counted.
  int64_t count() const;

  const Tensor& values() const { return values_; }
  const Tensor& gradients() const { return gradients_; }
  const Tensor& narrow() const { return narrow_; }  // bfloat16 copy; undefined in float32
  Device device() const { return device_; }
  DType compute_dtype() const { return compute_dtype_; }

 private:
  struct Derived {
    std::unique_ptr<Parameter> parameter;
    Derivation derivation;
  };

  Device device_;
  DType compute_dtype_;
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<Derived> derived_;
  std::vector<std::vector<float>> initial_;
  std::vector<int64_t> offsets_;
  int64_t size_ = 0, matrices_ = 0;
  Tensor values_, gradients_, narrow_;
};

}  // namespace trm
