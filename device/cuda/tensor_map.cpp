#include "device/cuda/tensor_map.h"

#include <algorithm>
#include <array>
#include <string>

#include "device/cuda/check.h"
#include "device/errors.h"

namespace trm::cuda {
namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

/// A function of the driver, asked for at run time: the module does not link with libcuda.
Encode encoder() {
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    TRM_CUDA(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found));
    if (found != cudaDriverEntryPointSuccess || !function)
      throw DeviceError("cuda: the driver has no cuTensorMapEncodeTiled; install a newer driver");
    return reinterpret_cast<Encode>(function);
  }();
  return encode;
}

}  // namespace

CUtensorMap make_tensor_map(const void* base, std::initializer_list<int64_t> sizes,
                            std::initializer_list<int64_t> strides, std::initializer_list<int64_t> box, bool narrow) {
  std::array<cuuint64_t, 5> size{}, stride{};
  std::array<cuuint32_t, 5> part{}, step{1, 1, 1, 1, 1};
  std::copy(sizes.begin(), sizes.end(), size.begin());
  std::copy(strides.begin(), strides.end(), stride.begin());
  std::transform(box.begin(), box.end(), part.begin(), [](int64_t n) { return static_cast<cuuint32_t>(n); });
  CUtensorMap map{};
  const CUresult result =
      encoder()(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, static_cast<cuuint32_t>(sizes.size()), const_cast<void*>(base),
                size.data(), stride.data(), part.data(), step.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
                narrow ? CU_TENSOR_MAP_SWIZZLE_64B : CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    throw DeviceError("cuda: cuTensorMapEncodeTiled failed with error " + std::to_string(result));
  return map;
}

CUtensorMap make_matrix_map(const void* base, int64_t rows, int64_t columns, int64_t ld, int64_t box_rows) {
  return make_tensor_map(base, {columns, rows}, {ld * 2}, {64, box_rows});
}

}  // namespace trm::cuda
