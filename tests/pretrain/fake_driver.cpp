// What the CUDA runtime first asks of NVIDIA's driver (libcuda.so.1). FAKE_DRIVER_CUDA: the version that it supports, 12040
// for 12.4; FAKE_DRIVER_INIT: what cuInit returns (CUresult).
#include <cstdlib>

namespace {

int number(const char* name, int otherwise) {
  const char* set = std::getenv(name);
  return set ? std::atoi(set) : otherwise;
}

}  // namespace

extern "C" {
int cuInit(unsigned) { return number("FAKE_DRIVER_INIT", 0); }
int cuDriverGetVersion(int* version) {
  *version = number("FAKE_DRIVER_CUDA", 11000);
  return 0;
}
}
