#pragma once
#include <memory>

#include "device/tensor.h"

namespace trm {

/// Where the gradient of a value is summed during backward. Undefined until something is added.
class Gradient {
 public:
  /// Adds `part`; the first one is kept as it is, so its giver must not write it afterwards.
  void accumulate(const Tensor& part);
  /// The same, where the giver keeps no share of `part`: later ones may be added to it in place.
  void give(Tensor part);
  /// The sum so far, for adding to in place; zeros in the form of `like` where there is none.
  Tensor& in_place(const Tensor& like);
  const Tensor& value() const { return value_; }
  bool defined() const { return value_.defined(); }
  /// Gives the sum away: its memory is free once the taker is done.
  Tensor take() {
    own_ = false;
    return std::move(value_);
  }

 private:
  Tensor value_;
  bool own_ = false;  // nobody else holds value_
};

/// A value in a computation that may be recorded. Copies share the gradient.
class Variable {
 public:
  Variable() = default;
  /// A constant.
  explicit Variable(Tensor value) : value_(std::move(value)) {}
  /// A value whose gradient is wanted.
  static Variable leaf(Tensor value);

  const Tensor& value() const { return value_; }
  bool requires_gradient() const { return gradient_ != nullptr; }
  const std::shared_ptr<Gradient>& gradient() const { return gradient_; }
  /// The same value, cut off from what was recorded.
  Variable detach() const { return Variable(value_); }

 private:
  Tensor value_;
  std::shared_ptr<Gradient> gradient_;
};

}  // namespace trm
