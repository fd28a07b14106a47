#include "device/arena.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "device/backend.h"
#include "device/random.h"
#include "device/tensor.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

std::shared_ptr<Arena> new_arena() { return std::make_shared<Arena>(cpu_device); }
char* address(const std::shared_ptr<Storage>& block) { return static_cast<char*>(block->base) + block->offset; }

/// Requests and releases in a random but repeatable order; the offsets that were given out.
std::vector<std::ptrdiff_t> walk(const std::shared_ptr<Arena>& arena, int steps) {
  std::vector<std::shared_ptr<Storage>> held;
  std::vector<std::ptrdiff_t> places;
  for (int i = 0; i < steps; ++i) {
    const auto bits = random_numbers(1, RandomPurpose::test, 0, static_cast<uint32_t>(i));
    if (held.size() > 20 || (!held.empty() && bits[0] % 3 == 0)) {
      held.erase(held.begin() + bits[1] % held.size());
    } else {
      held.push_back(arena->allocate(bits[2] % 300000));
      places.push_back(address(held.back()) - static_cast<char*>(held.front()->base));
    }
  }
  return places;
}

TEST(Arena, TheSameSequenceGetsTheSameAddresses) {
  const auto arena = new_arena();
  const auto first = walk(arena, 500);
  EXPECT_EQ(arena->bytes_in_use(), 0u);
  const size_t reserved = arena->reserved_bytes();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(walk(arena, 500), first);
  EXPECT_EQ(arena->reserved_bytes(), reserved) << "a repeated step takes no more memory";
  EXPECT_EQ(walk(new_arena(), 500), first) << "and another arena places alike";
}

TEST(Arena, BlocksAreAlignedAndDoNotOverlap) {
  const auto arena = new_arena();
  std::vector<std::shared_ptr<Storage>> held;
  for (const size_t bytes : {1u, 255u, 256u, 257u, 0u, 5000u, 40000000u, 3u}) held.push_back(arena->allocate(bytes));
  for (size_t i = 0; i < held.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(address(held[i])) % Arena::alignment, 0u);
    for (size_t j = 0; j < i; ++j)
      EXPECT_TRUE(address(held[i]) >= address(held[j]) + std::max<size_t>(held[j]->bytes, 1) ||
                  address(held[j]) >= address(held[i]) + std::max<size_t>(held[i]->bytes, 1));
  }
}

TEST(Arena, FreedNeighboursMerge) {
  const auto arena = new_arena();
  constexpr size_t part = 1 << 20;
  std::vector<std::shared_ptr<Storage>> held;
  for (int i = 0; i < 8; ++i) held.push_back(arena->allocate(part));
  char* const start = address(held[1]);
  const size_t reserved = arena->reserved_bytes();
  for (const int i : {2, 4, 3, 1}) held[i].reset();  // with a free neighbour after, before, on both sides and none
  const auto large = arena->allocate(4 * part);
  EXPECT_EQ(address(large), start);
  EXPECT_EQ(arena->reserved_bytes(), reserved);
}

TEST(Arena, TheSmallestBlockThatFitsIsTaken) {
  const auto arena = new_arena();
  auto large = arena->allocate(8192), wall = arena->allocate(256), small = arena->allocate(1024),
       end = arena->allocate(256);
  char* const place = address(small);
  large.reset();
  small.reset();
  EXPECT_EQ(address(arena->allocate(1000)), place);
}

TEST(Arena, CountsBytes) {
  const auto arena = new_arena();
  auto a = arena->allocate(1000), b = arena->allocate(256);
  EXPECT_EQ(arena->bytes_in_use(), 1024u + 256u);
  a.reset();
  EXPECT_EQ(arena->bytes_in_use(), 256u);
  b.reset();
  EXPECT_EQ(arena->bytes_in_use(), 0u);
  EXPECT_GT(arena->reserved_bytes(), 0u) << "kept for the next request";
}

TEST(Arena, MemoryThatIsNotThereIsAnErrorWithAdvice) {
  const auto arena = new_arena();
  try {
    arena->allocate(size_t{1} << 52);
    FAIL() << "allocated 4 PiB";
  } catch (const OutOfMemory& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("out of memory on cpu"), std::string::npos) << message;
    for (const char* part :
         {"asked for 4294967296 MiB", "free ", " of ", "gradient_accumulation_steps", "arch.hidden_size"})
      EXPECT_NE(message.find(part), std::string::npos) << part << " is not in: " << message;
    EXPECT_NE(message.find("global_batch_size"), std::string::npos) << message;
  }
  EXPECT_TRUE(arena->allocate(1000)) << "the arena survives";
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
TEST(Arena, WhatWasAskedForHasToDoWhereGrowthDoesNotFit) {
  const auto arena = new_arena();
  const auto held = arena->allocate(size_t{512} << 20);
  std::ifstream pages("/proc/self/statm");
  rlim_t mapped = 0;
  pages >> mapped;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit limit{mapped * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{24} << 20), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
  std::shared_ptr<Storage> more;  // an eighth of what is reserved would be 64 MiB
  std::string message;
  try {
    more = arena->allocate(size_t{5} << 20);
  } catch (const OutOfMemory& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_AS, &before);
  EXPECT_TRUE(more) << message;
  EXPECT_EQ(arena->reserved_bytes(), size_t{518} << 20);
}
#endif

TEST(Arena, ScopesNest) {
  const auto outer = new_arena(), inner = new_arena();
  {
    const ArenaScope first(outer);
    const Tensor a = Tensor::empty({100}, DType::float32, cpu_device);
    EXPECT_EQ(outer->bytes_in_use(), 512u);
    {
      const ArenaScope second(inner);
      const Tensor b = Tensor::empty({100}, DType::float32, cpu_device);
      EXPECT_EQ(inner->bytes_in_use(), 512u);
      EXPECT_EQ(outer->bytes_in_use(), 512u);
    }
    EXPECT_EQ(inner->bytes_in_use(), 0u);
    EXPECT_EQ(Arena::current(cpu_device), outer);
  }
  EXPECT_EQ(Arena::current(cpu_device), Arena::of(cpu_device));
  EXPECT_EQ(outer->bytes_in_use(), 0u);
}

TEST(Arena, ATensorKeepsItsArena) {
  Tensor tensor;
  {
    const ArenaScope scope(new_arena());
    tensor = Tensor::from(std::vector<float>{1, 2, 3}, {3});
  }
  EXPECT_EQ(tensor.to_vector<float>(), (std::vector<float>{1, 2, 3}));
}

}  // namespace
}  // namespace trm::testing
