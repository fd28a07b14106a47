#include "checkpoint/digest.h"

#include <xxhash.h>

#include <memory>

namespace trm::checkpoint {
namespace {

class Stream {
 public:
  Stream() : state_(XXH64_createState(), XXH64_freeState) { XXH64_reset(state_.get(), 0); }
  void number(uint64_t value) { XXH64_update(state_.get(), &value, sizeof value); }
  void text(std::string_view text) {
    number(text.size());
    XXH64_update(state_.get(), text.data(), text.size());
  }
  uint64_t hash() const { return XXH64_digest(state_.get()); }

 private:
  std::unique_ptr<XXH64_state_t, decltype(&XXH64_freeState)> state_;
};

}  // namespace

uint64_t hash_bytes(std::span<const std::byte> bytes) { return XXH64(bytes.data(), bytes.size(), 0); }

uint64_t hash_metadata(int64_t version, const Checkpoint& checkpoint,
                       const std::map<std::string, ArrayDigest>& arrays) {
  Stream stream;
  stream.number(static_cast<uint64_t>(version));
  stream.number(static_cast<uint64_t>(checkpoint.step));
  stream.text(checkpoint.config_yaml);
  stream.text(checkpoint.tokenizer_json);
  stream.number(checkpoint.notes.size());
  for (const auto& [key, note] : checkpoint.notes) stream.text(key), stream.text(note);
  stream.number(arrays.size());
  for (const auto& [key, array] : arrays) {
    stream.text(key);
    stream.text(name(array.type));
    stream.number(array.shape.size());
    for (int64_t size : array.shape) stream.number(static_cast<uint64_t>(size));
    stream.number(array.hash);
  }
  return stream.hash();
}

}  // namespace trm::checkpoint
