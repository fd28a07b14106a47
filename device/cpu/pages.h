#pragma once
#include <cstddef>

namespace trm::cpu {

/// Memory aligned to 4 KiB, to be given back with std::free; large blocks are aligned to 2 MiB and in huge pages where
/// the system has them, which spares address translation. Null where there is none.
void* allocate_pages(size_t bytes);

}  // namespace trm::cpu
