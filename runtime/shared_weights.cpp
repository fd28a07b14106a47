#include "runtime/shared_weights.h"

#include <sstream>

#include "checkpoint/digest.h"
#include "distributed/error.h"

namespace trm {
namespace {

std::string checksum(const Tensor& tensor) {
  std::vector<std::byte> bytes(tensor.bytes());
  tensor.copy_to_host(bytes.data());
  return std::to_string(checkpoint::hash_bytes(bytes));
}

/// A rank's text that is not the first one's, or 0.
size_t different(const std::vector<std::string>& texts) {
  for (size_t rank = 1; rank < texts.size(); ++rank)
    if (texts[rank] != texts[0]) return rank;
  return 0;
}

}  // namespace

void share_weights(Model& model, Communicator& communicator) {
  if (communicator.alone()) return;
  for (const auto& [name, tensor] : model.state()) communicator.broadcast(tensor, 0, "the broadcast of weights");
  model.parameters().refresh();
}

void require_equal_weights(const Model& model, Communicator& communicator) {
  if (communicator.alone()) return;
  const auto weights = model.state();
  std::string all;
  for (const auto& [name, tensor] : weights) all += checksum(tensor) + "\n";
  const auto texts = communicator.gather_texts(all, "the comparison of weights");
  const size_t rank = different(texts);
  if (rank == 0) return;
  std::istringstream first(texts[0]), other(texts[rank]);
  std::string of_first, of_other, names;
  int count = 0;
  for (const auto& [name, tensor] : weights) {
    std::getline(first, of_first);
    std::getline(other, of_other);
    if (of_first != of_other && ++count <= 3) names += (names.empty() ? "" : ", ") + name;
  }
  throw DistributedError("the weights of rank 0 and rank " + std::to_string(rank) + " are not the same any more: " +
                         names + (count > 3 ? " and " + std::to_string(count - 3) + " more" : "") +
                         "; memory or a device of one of them is at fault, go on from the last checkpoint");
}

}  // namespace trm
