#include "device/cuda/packed.h"

namespace trm::cuda {
namespace {

constexpr int64_t group = 8;                   // rows of gate, then of up
constexpr int64_t widest_interleaved = 16384;  // heads of a vocabulary are no gate-up weights
constexpr int64_t most_elements = 1 << 30;     // pack_weight.cu counts them in int

size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }
int64_t rounded(int64_t value, int64_t to) { return (value + to - 1) / to * to; }
const char* at(const Tensor& bytes, size_t offset) { return static_cast<const char*>(bytes.address()) + offset; }

}  // namespace

PackedLayout forward_layout(const Context& context, int64_t out, int64_t in, DType dtype, bool token) {
  PackedLayout layout;
  if (dtype != DType::bfloat16 || out * rounded(in, 64) > most_elements) return layout;
  if (token && in % 8 != 0) {
    layout.has_padded = true;
    layout.padded_ld = rounded(in, 8);
    layout.bytes = aligned(static_cast<size_t>(out * layout.padded_ld) * 2);
  }
  if (context.hopper() && out % (2 * group) == 0 && out <= widest_interleaved && (token ? in <= 128 : in % 8 == 0)) {
    layout.has_interleaved = true;
    layout.interleaved = layout.bytes;
    layout.interleaved_ld = token ? rounded(in, 64) : in;
    layout.bytes += aligned(static_cast<size_t>(out * layout.interleaved_ld) * 2);
  }
  return layout;
}

PackedBackwardLayout backward_layout(const Context& context, int64_t out, int64_t in, DType dtype, bool token) {
  PackedBackwardLayout layout;
  if (dtype != DType::bfloat16 || token || !context.hopper() || out % 8 != 0 || in % 8 != 0 ||
      out > widest_interleaved || out * in > most_elements)
    return layout;
  layout.has_transposed = true;
  layout.transposed_ld = out;
  layout.bytes = aligned(static_cast<size_t>(in * out) * 2);
  return layout;
}

Backend::PackedBytes packed_sizes(const Context& context, int64_t out, int64_t in, DType dtype, bool token) {
  return {forward_layout(context, out, in, dtype, token).bytes, backward_layout(context, out, in, dtype, token).bytes};
}

View plain(const Context& context, const Weight& w) {
  const auto layout = forward_layout(context, w.out(), w.in(), w.value.dtype(), w.token);
  if (layout.has_padded && w.packed) return {at(w.packed, layout.padded), layout.padded_ld};
  return {w.value.address(), w.in()};
}

View interleaved(const Context& context, const Weight& w) {
  const auto layout = forward_layout(context, w.out(), w.in(), w.value.dtype(), w.token);
  if (!layout.has_interleaved || !w.packed) return {};
  return {at(w.packed, layout.interleaved), layout.interleaved_ld};
}

View transposed(const Context& context, const Weight& w) {
  const auto layout = backward_layout(context, w.out(), w.in(), w.value.dtype(), w.token);
  if (!layout.has_transposed || !w.packed_backward) return {};
  return {at(w.packed_backward, layout.transposed), layout.transposed_ld};
}

}  // namespace trm::cuda
