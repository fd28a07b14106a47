#pragma once
#include <array>
#include <atomic>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "device/device.h"
#include "device/errors.h"
#include "device/tensor.h"
#include "device/weight.h"

namespace trm {

/// What dispatch keeps of an op on a device kind.
struct OpCounts {
  std::atomic<uint64_t> calls{0}, fallback_calls{0}, bytes{0};
  std::atomic<uint64_t> nanoseconds{0};  // without the ops called inside
};

/// What happens on a device that has no kernel for an op. Declared with the op, in kernels.h.
enum class WithoutKernel : uint8_t {
  fallback,  // the call runs on the cpu, with copies; such an op has a cpu kernel
  composed,  // optional: callers ask why_not and compose it from other ops; the cpu need not have a kernel
  unneeded,  // optional: what it does is not wanted on such a device, it is never called
};

/// Floating-point types of an op's tensors, as a set. Tensors of integers and those marked f32 in kernels.h do not count where activations are taken.
enum class Dtypes : uint8_t { float32 = 1, bfloat16 = 2, both = 3 };
constexpr Dtypes operator&(Dtypes a, Dtypes b) { return static_cast<Dtypes>(static_cast<uint8_t>(a) & static_cast<uint8_t>(b)); }

/// The part of an op that does not depend on its signature. Made when the program is loaded, before anything else runs, so that
/// kernels can be registered in any order.
class OpBase {
 public:
  constexpr explicit OpBase(const char* name, WithoutKernel without = WithoutKernel::fallback, Dtypes dtypes = Dtypes::both)
      : name_(name), without_(without), dtypes_(dtypes) {
    kernel_dtypes_.fill(Dtypes::both);
  }
  constexpr OpBase(const char* name, Dtypes dtypes) : OpBase(name, WithoutKernel::fallback, dtypes) {}
  const char* name() const { return name_; }
  WithoutKernel without_kernel() const { return without_; }
  virtual bool native(DeviceKind kind) const = 0;
  Dtypes dtypes() const { return dtypes_; }
  /// Those that the kind's kernel serves.
  Dtypes dtypes(DeviceKind kind) const { return dtypes_ & kernel_dtypes_[static_cast<int>(kind)]; }
  /// Conditions under which the kind's kernel serves ("float32 only"); empty: always.
  std::string condition(DeviceKind kind) const { return conditions_[static_cast<int>(kind)]; }
  const OpCounts& counts(DeviceKind kind) const { return counts_[static_cast<int>(kind)]; }
  /// Sets the counts of all ops to zero.
  static void reset_counts();
  /// Every op of device/kernels.h, in its order.
  static const std::vector<OpBase*>& all();
  /// Throws DeviceError naming those of `ops` that are not optional and have no kernel for the kind: no file of its backend registers one. Held against the cpu
  /// when a program starts, and against the other backends in tests.
  static void require_kernels(const std::vector<OpBase*>& ops, DeviceKind kind);

 protected:
  void require_same_device(const Tensor& tensor, const Tensor*& first) const;
  /// Decides what happens without a native kernel: warns once and returns where the fallback is on, throws DeviceError where it is off.
  void enter_fallback(Device device, const std::string& reason) const;

  const char* name_;
  WithoutKernel without_;
  Dtypes dtypes_;
  std::array<Dtypes, device_kinds> kernel_dtypes_{};
  std::array<const char*, device_kinds> conditions_{"", "", ""};
  mutable std::array<OpCounts, device_kinds> counts_{};
};

/// How dispatch treats ops without a kernel on the device of their tensors, and what it measures.
struct DispatchSettings {
  bool fallback = true;                    // --fallback off, TRM_FALLBACK=0 turn it off
  std::vector<std::string> fallback_only;  // --fallback only:a,b; not empty: only these ops may fall back
  std::vector<std::string> disabled;       // TRM_OPS_DISABLE=a,b: treated as not native off the cpu
  bool timing = false;                     // waits for every op, for reports
};
/// Read from the environment at first use; programs may change it before the first op.
DispatchSettings& dispatch_settings();
bool op_disabled(const char* name);
/// Number of calls that have fallen back since the start, over all ops.
uint64_t fallback_calls();

namespace detail {
uint64_t clock_nanoseconds();
/// Time of the ops that the op under way has called so far on this thread, which is theirs, not its own.
uint64_t& nanoseconds_inside();
void synchronize(Device device);

/// One argument carried to the cpu for a fallback, and back where the kernel writes it.
template <class Arg> struct Carried {
  Arg value;
  explicit Carried(Arg arg) : value(arg) {}
  Arg get() { return value; }
  void back() {}
};
template <> struct Carried<const Tensor&> {
  Tensor value;
  explicit Carried(const Tensor& t) : value(t ? t.to(cpu_device) : t) {}
  const Tensor& get() { return value; }
  void back() {}
};
template <> struct Carried<Tensor&> {
  Tensor& target;
  Tensor value;
  explicit Carried(Tensor& t) : target(t), value(t ? t.to(cpu_device) : t) {}
  Tensor& get() { return value; }
  void back() { if (target) target.copy_from(value); }
};
template <> struct Carried<const Tensor*> {
  Tensor value;
  bool given;
  explicit Carried(const Tensor* t) : value(t && *t ? t->to(cpu_device) : Tensor()), given(t != nullptr) {}
  const Tensor* get() { return given ? &value : nullptr; }
  void back() {}
};
template <> struct Carried<Tensor*> {
  Tensor* target;
  Tensor value;
  explicit Carried(Tensor* t) : target(t), value(t && *t ? t->to(cpu_device) : Tensor()) {}
  Tensor* get() { return target ? &value : nullptr; }
  void back() { if (target && *target) target->copy_from(value); }
};
template <> struct Carried<const Weight&> {
  Weight value;
  explicit Carried(const Weight& w) : value{w.value.to(cpu_device), {}, {}, w.token} {}
  const Weight& get() { return value; }
  void back() {}
};

template <class F, class Arg>
void visit_tensors(F&& f, const Arg& arg) {
  if constexpr (std::is_same_v<Arg, Tensor>) { if (arg) f(arg); }
  else if constexpr (std::is_same_v<Arg, Weight>) f(arg.value);
  else if constexpr (std::is_same_v<std::decay_t<Arg>, Tensor*> || std::is_same_v<std::decay_t<Arg>, const Tensor*>) { if (arg && *arg) f(*arg); }
}
}  // namespace detail

template <class Signature> class Op;

/// A backend's file registers its kernels with one of these: `const Registration registration([] { kernels::linear.set(…); });`
struct Registration {
  explicit Registration(void (*set_kernels)()) { set_kernels(); }
};

/// An op with a kernel per device kind. Inputs are `const Tensor&`, outputs `Tensor&` (allocated by the caller), optional ones pointers;
/// the rest are plain values. Shapes and dtypes are checked by the function in ops.h that calls it.
template <class... Args>
class Op<void(Args...)> : public OpBase {
 public:
  using Kernel = void (*)(Args...);
  /// Null where the kernel serves these arguments, else why not.
  using Condition = const char* (*)(std::add_lvalue_reference_t<std::add_const_t<std::remove_reference_t<Args>>>...);

  using OpBase::OpBase;

  void set(DeviceKind kind, Kernel kernel, Condition serves = nullptr, const char* condition = "", Dtypes dtypes = Dtypes::both) {
    kernels_[static_cast<int>(kind)] = kernel;
    serves_[static_cast<int>(kind)] = serves;
    conditions_[static_cast<int>(kind)] = condition;
    kernel_dtypes_[static_cast<int>(kind)] = dtypes;
  }
  bool native(DeviceKind kind) const override { return kernels_[static_cast<int>(kind)] && !(kind != DeviceKind::cpu && op_disabled(name_)); }
  /// Null where a native kernel serves these arguments on this kind.
  const char* why_not(DeviceKind kind, Args... args) const {
    const int k = static_cast<int>(kind);
    if (!native(kind)) return "no kernel";
    return serves_[k] ? serves_[k](args...) : nullptr;
  }

  void operator()(Args... args) const {
    const Tensor* first = nullptr;
    uint64_t bytes = 0;
    (detail::visit_tensors([&](const Tensor& t) { require_same_device(t, first); bytes += t.bytes(); }, args), ...);
    const Device device = first ? first->device() : cpu_device;
    const int k = static_cast<int>(device.kind);
    OpCounts& counts = counts_[k];
    counts.calls.fetch_add(1, std::memory_order_relaxed);
    counts.bytes.fetch_add(bytes, std::memory_order_relaxed);
    const bool timing = dispatch_settings().timing;
    if (timing) detail::synchronize(device);
    const uint64_t start = timing ? detail::clock_nanoseconds() : 0, outside = timing ? std::exchange(detail::nanoseconds_inside(), 0) : 0;
    if (const char* reason = why_not(device.kind, args...)) {
      enter_fallback(device, reason);
      counts.fallback_calls.fetch_add(1, std::memory_order_relaxed);
      const auto cpu = kernels_[static_cast<int>(DeviceKind::cpu)];
      std::tuple<detail::Carried<Args>...> carried{detail::Carried<Args>(args)...};
      std::apply([&](auto&... c) { cpu(c.get()...); (c.back(), ...); }, carried);
    } else {
      kernels_[k](args...);
    }
    if (timing) {
      detail::synchronize(device);
      const uint64_t all = detail::clock_nanoseconds() - start;
      counts.nanoseconds.fetch_add(all - detail::nanoseconds_inside(), std::memory_order_relaxed);
      detail::nanoseconds_inside() = outside + all;
    }
  }

 private:
  std::array<Kernel, device_kinds> kernels_{};
  std::array<Condition, device_kinds> serves_{};
};

}  // namespace trm
