#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autograd/functions.h"
#include "autograd/parameter.h"
#include "model/config.h"
#include "model/initialization.h"

namespace trm {

/// What a mixer keeps of earlier positions at one depth. Every tensor has a leading axis of slots (sequences that
/// advance independently of each other); the rest is the mixer's: attention's are keys and values.
struct DepthState {
  std::vector<Tensor> tensors;
};

/// The states of a model: one for each application of a mixer, in the order in which a pass reaches them (supervision
/// step, H cycle, L call or H update, layer).
class DepthStates {
 public:
  void add(DepthState state) { states_.push_back(std::move(state)); }
  size_t size() const { return states_.size(); }
  /// A pass from the first depth on begins.
  void rewind() { next_ = 0; }
  /// The state of the application that comes next. Throws std::logic_error past the last.
  DepthState& next();
  DepthState& at(size_t depth) { return states_.at(depth); }
  /// Views of `count` slots from `first` on, rewound.
  DepthStates slots(int64_t first, int64_t count) const;

 private:
  std::vector<DepthState> states_;
  size_t next_ = 0;
};

/// Where a pass takes place. Without states: over whole sequences [B, N, D]. With them: over T new positions a row,
/// [B, T, D], without gradient: row b goes on with the sequence in slots[b], from positions[b] on. No slot occurs twice;
/// -1 is a row without meaning.
struct Pass {
  DepthStates* states = nullptr;
  const Tensor *slots = nullptr, *positions = nullptr;  // i32 [B]
};

/// What the layers of a model are made from, and what they share.
struct Construction {
  const ModelConfig& config;
  ParameterStore& store;
  Initializer& initializer;
  std::shared_ptr<const ops::RopeTables> rope{};  // made by the first mixer that rotates
};

class Mixer;

/// A block as its level shows it to Mixer::step_level: its parts, and the state of its mixer.
struct BlockStep {
  const Mixer* mixer;
  const Parameter *gate_up_proj, *down_proj;
  DepthState* state;
};

/// What lets the positions of a sequence see each other, with residual and norm, so that a device may fuse them with
/// the last product: rms_norm(h + mix(h)). Its constructor declares its parameters. Stateless but for those.
class Mixer {
 public:
  virtual ~Mixer() = default;

  /// Whether a position's result depends on later ones: then there is no state that could be advanced.
  virtual bool sees_future() const = 0;
  /// h [B, N, D]
  virtual Variable forward(const Variable& h) const = 0;

  /// The state of one depth before the first position. Throws std::logic_error for a mixer that sees the future, as the
  /// next three do.
  virtual DepthState empty_state(int64_t slots) const;
  /// Makes it that of no position again.
  virtual void reset(DepthState& state) const;
  /// T new positions h [1, T, D] of one slot (a prompt), advancing its state.
  virtual Tensor prefill(const Tensor& h, DepthState& state, const Pass& pass) const;
  /// One new position h [1, 1, D].
  virtual Tensor step(const Tensor& h, DepthState& state, const Pass& pass) const { return prefill(h, state, pass); }
  /// A fast path of the mixer: all blocks of a level at one new position a row, from the one to three inputs [B, 1, D]
  /// that the level sums, each row with the bits that it has alone. Undefined where there is none.
  virtual Tensor step_level(const std::vector<Tensor>& inputs, std::span<const BlockStep> blocks,
                            const Pass& pass) const;
};

/// The mixer that the config names, with parameters below `prefix`.
std::unique_ptr<Mixer> make_mixer(const std::string& prefix, Construction& construction);

/// Declares a product's weight [out, in], truncated normal of deviation 1/√in. token: it multiplies the sequence axis.
Parameter& linear_parameter(Construction& construction, const std::string& name, int64_t out, int64_t in,
                            bool token = false);

/// Two weights of a SwiGLU over width d.
struct SwigluProjections {
  Parameter* gate_up = nullptr;  // [2·inter, d]
  Parameter* down = nullptr;     // [d, inter]
};
SwigluProjections swiglu_parameters(Construction& construction, const std::string& prefix, int64_t d,
                                    bool token = false);

}  // namespace trm
