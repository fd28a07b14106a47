#include "autograd/tape.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "device/ops.h"

namespace trm {
namespace {

thread_local Tape* active = nullptr;

}  // namespace

void Gradient::accumulate(const Tensor& part) {
  // A first part may be shared with another gradient, so it is never written: the first sum is a new tensor.
  if (own_)
    ops::add_into(value_, part, value_);
  else if (!value_)
    value_ = part;
  else {
    value_ = ops::add(value_, part);
    own_ = true;
  }
}

void Gradient::give(Tensor part) {
  if (own_)
    ops::add_into(value_, part, value_);
  else {
    if (value_) ops::add_into(value_, part, part);
    value_ = std::move(part);
    own_ = true;
  }
}

Tensor& Gradient::in_place(const Tensor& like) {
  if (!own_) {
    Tensor copy = value_ ? Tensor::empty(value_.shape(), value_.dtype(), value_.device())
                         : Tensor::zeros(like.shape(), like.dtype(), like.device());
    if (value_) copy.copy_from(value_);
    value_ = std::move(copy);
    own_ = true;
  }
  return value_;
}

Variable Variable::leaf(Tensor value) {
  Variable variable(std::move(value));
  variable.gradient_ = std::make_shared<Gradient>();
  return variable;
}

Tape* Tape::current() { return active; }

void Tape::backward() {
  const NoGradient off;
  while (!entries_.empty()) {
    const Entry entry = std::move(entries_.back());
    entries_.pop_back();
    entry();
  }
}

TapeScope::TapeScope(Tape& tape) : outer_(active) { active = &tape; }
TapeScope::~TapeScope() { active = outer_; }
NoGradient::NoGradient() : outer_(active) { active = nullptr; }
NoGradient::~NoGradient() { active = outer_; }

Tape* recording(std::initializer_list<const Variable*> inputs, bool has_parameters) {
  if (!active) return nullptr;
  const bool wanted = has_parameters || std::any_of(inputs.begin(), inputs.end(),
                                                    [](const Variable* v) { return v->requires_gradient(); });
  return wanted ? active : nullptr;
}

void require_no_gradient(const char* op, std::initializer_list<const Variable*> inputs) {
  if (recording(inputs))
    throw std::logic_error(std::string(op) + " has no gradient: call it outside a tape, or detach its input");
}

}  // namespace trm
