#include "autograd/parameter.h"

#include <stdexcept>

#include "device/ops.h"

namespace trm {
namespace {

Weight compute_form(const Parameter& p, const Tensor& value) {
  return p.use == ParameterUse::table ? Weight{value, {}, {}, false}
                                      : ops::make_weight(value, p.use == ParameterUse::token_product);
}

}  // namespace

Parameter& ParameterStore::add(std::string name, const Shape& shape, ParameterUse use, ParameterRole role,
                               std::vector<float> initial) {
  if (values_) throw std::logic_error("parameter " + name + " is declared after materialize");
  if (static_cast<int64_t>(initial.size()) != shape.elements())
    throw std::logic_error("parameter " + name + " " + to_string(shape) + " has " + std::to_string(initial.size()) + " initial values");
  parameters_.push_back(std::make_unique<Parameter>(Parameter{std::move(name), shape, use, role, {}, {}, {}, 1}));
  initial_.push_back(std::move(initial));
  return *parameters_.back();
}

Parameter& ParameterStore::derive(std::string name, const Shape& shape, ParameterUse use, Derivation derivation) {
  if (values_) throw std::logic_error("parameter " + name + " is derived after materialize");
  auto parameter =
      std::make_unique<Parameter>(Parameter{std::move(name), shape, use, ParameterRole::vector, {}, {}, {}, 1});
  derived_.push_back({std::move(parameter), std::move(derivation)});
  return *derived_.back().parameter;
}

void ParameterStore::materialize(bool trained) {
  offsets_.resize(parameters_.size());
  for (const bool matrix : {false, true}) {
    if (matrix) matrices_ = size_;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if ((parameters_[i]->role == ParameterRole::matrix) != matrix) continue;
      offsets_[i] = size_;
      size_ += (parameters_[i]->shape.elements() + 63) / 64 * 64;
    }
  }
  values_ = Tensor::zeros({size_}, DType::float32, device_);
  if (trained) gradients_ = Tensor::zeros({size_}, DType::float32, device_);
  if (compute_dtype_ == DType::bfloat16) narrow_ = Tensor::zeros({size_}, DType::bfloat16, device_);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = *parameters_[i];
    p.master = values_.view(offsets_[i], p.shape);
    if (trained) p.gradient = gradients_.view(offsets_[i], p.shape);
    p.master.copy_from_host(initial_[i].data());
    if (p.use == ParameterUse::master) continue;
    const Tensor value = narrow_ ? narrow_.view(offsets_[i], p.shape) : p.master;
    p.weight = compute_form(p, value);
  }
  for (const Derived& derived : derived_) {
    Parameter& p = *derived.parameter;
    p.master = Tensor::zeros(p.shape, DType::float32, device_);
    if (trained) p.gradient = Tensor::zeros(p.shape, DType::float32, device_);
    if (p.use != ParameterUse::master)
      p.weight = compute_form(p, narrow_ ? Tensor::zeros(p.shape, compute_dtype_, device_) : p.master);
  }
  initial_.clear();
  refresh();
}

void ParameterStore::refresh(bool narrow_is_current) {
  if (narrow_ && !narrow_is_current) ops::cast_into(values_, narrow_);
  std::vector<Weight*> weights;
  const auto packed = [&](Parameter& p) {
    if (p.use == ParameterUse::product || p.use == ParameterUse::token_product) weights.push_back(&p.weight);
  };
  for (const auto& p : parameters_) packed(*p);
  for (const Derived& derived : derived_) {
    Parameter& p = *derived.parameter;
    derived.derivation.make(p.master);
    if (narrow_ && p.weight.value) ops::cast_into(p.master, p.weight.value);
    packed(p);
  }
  ops::repack(weights);
}

void ParameterStore::pull_back() const {
  for (auto derived = derived_.rbegin(); derived != derived_.rend(); ++derived) {
    const Parameter& p = *derived->parameter;
    if (!p.trained()) continue;
    derived->derivation.pull_back(p.gradient);
    p.gradient.fill_zero();
  }
}

Parameter* ParameterStore::find(const std::string& name) const {
  for (const auto& p : parameters_)
    if (p->name == name) return p.get();
  return nullptr;
}

Tensor ParameterStore::view(const Tensor& flat, const Parameter& parameter) const {
  return flat.view(offset(parameter), parameter.shape);
}

int64_t ParameterStore::offset(const Parameter& parameter) const {
  for (size_t i = 0; i < offsets_.size(); ++i)
    if (parameters_[i].get() == &parameter) return offsets_[i];
  throw std::logic_error("parameter " + parameter.name + " is not in this store");
}

int64_t ParameterStore::count() const {
  int64_t count = 0;
  for (const auto& p : parameters_) count += p->shape.elements();
  return count;
}

}  // namespace trm
