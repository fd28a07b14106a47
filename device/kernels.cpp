#include <vector>

#include "device/op.h"

namespace trm {
namespace {

std::vector<OpBase*>& listed() {
  static auto* ops = new std::vector<OpBase*>;
  return *ops;
}

struct Listed {
  explicit Listed(OpBase& op) { listed().push_back(&op); }
};

}  // namespace

const std::vector<OpBase*>& OpBase::all() { return listed(); }

}  // namespace trm

// The definitions of the list in device/kernels.h.
#define TRM_KERNEL(name, type, ...)                          \
  constinit Op<type> name(#name __VA_OPT__(, ) __VA_ARGS__); \
  static const Listed name##_listed(name)
#include "device/kernels.h"
