#pragma once
#include <cstddef>

namespace trm::cpu {

/// Who uses a workspace: kernels that call each other have different ones.
enum class Workspace { products, widened, gate_up, inner, sum, input, attention, count };

/// Memory of the calling thread, at least `bytes`, aligned to 64 bytes; kept and reused by the next call with the same
/// `use`, contents undefined. Throws OutOfMemory.
void* workspace(Workspace use, size_t bytes);

}  // namespace trm::cpu
