#include "device/cpu/pages.h"

#include <sys/mman.h>

#include <cstdlib>

namespace trm::cpu {

void* allocate_pages(size_t bytes) {
  constexpr size_t huge = size_t{2} << 20, small = 4096;
  const size_t page = bytes >= huge / 2 ? huge : small, rounded = (bytes + page - 1) / page * page;
  void* memory = std::aligned_alloc(page, rounded);
#if defined(MADV_HUGEPAGE)
  if (memory && page == huge) madvise(memory, rounded, MADV_HUGEPAGE);  // refused: ordinary pages
#endif
  return memory;
}

}  // namespace trm::cpu
