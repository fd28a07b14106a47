#include "data/token_source.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "data/files.h"
#include "tokenizer/markers.h"

namespace trm {

Tokenizer make_tokenizer(const TokenSource& source, const std::vector<std::string>& texts,
                         const std::vector<std::string>& special_tokens) {
  if (source.tokenizer) {
    Tokenizer tokenizer = Tokenizer::load(*source.tokenizer);
    tokenizer.add_special_tokens(special_tokens);
    return tokenizer;
  }
  if (source.characters) {
    Tokenizer tokenizer = Tokenizer::characters(texts);
    tokenizer.add_special_tokens(special_tokens);
    return tokenizer;
  }
  return Tokenizer::train(texts, source.vocab_size, special_tokens);
}

void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& dataset) {
  const auto folder = dataset / "tokenizer";
  tokenizer.save(folder);
  nlohmann::ordered_json config;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  for (const auto& [key, token] : {std::pair{"pad_token", markers::kPad}, std::pair{"eos_token", markers::kEndOfText},
                                   std::pair{"bos_token", markers::kStartOfText}}) {
    if (tokenizer.token_id(token)) config[key] = token;
  }
  config["clean_up_tokenization_spaces"] = false;
  write_text_file(folder / "tokenizer_config.json", config.dump(2) + "\n");
}

std::vector<std::vector<int32_t>> encode_all(const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  constexpr size_t kPiece = 64;  // texts that a thread takes at once
  std::vector<std::vector<int32_t>> tokens(texts.size());
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    try {
      for (size_t first = next.fetch_add(kPiece); first < texts.size(); first = next.fetch_add(kPiece)) {
        for (size_t i = first; i < std::min(texts.size(), first + kPiece); ++i) tokens[i] = tokenizer.encode(texts[i]);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
    }
  };
  const size_t pieces = (texts.size() + kPiece - 1) / kPiece;
  const size_t threads = std::min<size_t>(pieces, std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> others;
  try {
    others.reserve(threads);
    for (size_t i = 1; i < threads; ++i) others.emplace_back(work);
  } catch (const std::system_error&) {
    // A limit of threads: those that started, and this one, do the work.
  }
  work();
  for (std::thread& other : others) other.join();
  if (error) std::rethrow_exception(error);
  return tokens;
}

}  // namespace trm
