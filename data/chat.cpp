#include "data/chat.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <ostream>

#include "data/error.h"
#include "data/files.h"
#include "data/output_folder.h"
#include "data/random.h"
#include "data/split_writer.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

constexpr const char* kSet = "all";

/// One split in tokens.
struct Split {
  std::vector<ChatExample> examples;
  std::vector<std::string> ids;
  uint64_t conversations = 0, tokens = 0, cut = 0, labels = 0;

  uint64_t dropped() const { return conversations - examples.size(); }
};

void check_options(const ChatBuild& build) {
  if (build.input_files.empty()) throw DataError("no --input-file given");
  if (build.max_length < 2) {
    throw DataError("--max-length is " + std::to_string(build.max_length) + "; at least 2 is needed");
  }
  if (build.subsample_size == 0u) throw DataError("--subsample-size is 0; at least 1 is needed");
  train_count(1, build.train_split);
}

void subsample(std::vector<Conversation>& conversations, uint64_t size, uint64_t seed) {
  if (size >= conversations.size()) return;
  SplitMix64(seed).shuffle(conversations);
  conversations.resize(size);
}

/// What a tokenizer is learned from: the turns of the training split.
std::vector<std::string> turn_texts(std::span<const Conversation> conversations, bool keep_system) {
  std::vector<std::string> texts;
  for (const Conversation& conversation : conversations) {
    for (const Turn& turn : conversation.turns) {
      if (keep_system || turn.role != Role::kSystem) texts.push_back(turn.text);
    }
  }
  return texts;
}

Split tokenize(std::span<const Conversation> conversations, const Tokenizer& tokenizer, const ChatBuild& build) {
  std::vector<std::string> texts;
  for (const Conversation& conversation : conversations)
    texts.push_back(conversation_text(conversation, build.keep_system));
  const auto tokens = encode_all(tokenizer, texts);
  const int32_t assistant = tokenizer.token_id(markers::kAssistant).value();
  const int32_t end_assistant = tokenizer.token_id(markers::kEndAssistant).value();
  const auto max_length = static_cast<size_t>(build.max_length);

  Split split;
  split.conversations = conversations.size();
  for (size_t i = 0; i < tokens.size(); ++i) {
    ChatExample example = chat_example(tokens[i], max_length, build.loss_on, assistant, end_assistant,
                                       learned_answers(conversations[i], build.keep_system));
    if (!example.has_label()) continue;
    split.tokens += std::min(tokens[i].size(), max_length);
    split.cut += tokens[i].size() > max_length;
    split.labels += static_cast<uint64_t>(std::ranges::count_if(example.labels, [](int32_t l) { return l >= 0; }));
    split.examples.push_back(std::move(example));
    split.ids.push_back(conversations[i].id);
  }
  return split;
}

void write_split(const Split& split, const std::filesystem::path& folder, Metadata metadata) {
  metadata.num_puzzle_identifiers = static_cast<int64_t>(split.examples.size()) + 1;
  SplitWriter writer(folder, kSet, metadata, split.examples.size());
  for (const ChatExample& example : split.examples) writer.add(example.inputs, example.labels);
  std::vector<int32_t> identifiers(split.examples.size());
  std::iota(identifiers.begin(), identifiers.end(), 0);
  writer.finish_singly(identifiers);
}

std::string config_json(const ChatBuild& build, ChatFormat format) {
  nlohmann::ordered_json config;
  config["kind"] = "chat";
  for (const auto& file : build.input_files) config["input_file"].push_back(file.string());
  config["format"] = chat_format_name(format);
  config["tokenizer"] = nullptr;
  if (build.tokens.tokenizer) config["tokenizer"] = build.tokens.tokenizer->string();
  config["max_length"] = build.max_length;
  config["train_split"] = build.train_split;
  config["seed"] = build.seed;
  config["subsample_size"] = nullptr;
  if (build.subsample_size) config["subsample_size"] = *build.subsample_size;
  config["loss_on"] = build.loss_on == LossOn::kAll ? "all" : "assistant";
  config["system"] = build.keep_system;
  return config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void say(std::ostream& log, const char* name, const Split& split) {
  char share[32];
  std::snprintf(
      share, sizeof(share), "%.1f",
      100.0 * static_cast<double>(split.cut) / static_cast<double>(std::max<size_t>(1, split.examples.size())));
  log << name << ": " << split.examples.size() << " conversations, " << split.tokens << " tokens, " << split.labels
      << " with a label, " << share << " % cut at max_length";
  if (split.dropped() > 0) log << ", " << split.dropped() << " dropped because nothing in them is to be learned";
  log << '\n';
}

/// What the files hold besides, so that nobody thinks it was learned.
void say_unread(std::ostream& log, const Conversations& conversations) {
  if (conversations.bad_records > 0)
    log << "Left out " << conversations.bad_records
        << " records that cannot be read; the first: " << conversations.first_bad << '\n';
  if (conversations.unread.empty()) return;
  constexpr size_t most = 20;
  log << "Ignored keys:";
  size_t count = 0;
  for (const auto& [key, times] : conversations.unread) {
    if (count++ == most) break;
    log << (count > 1 ? ", " : " ") << key << " (" << times << ")";
  }
  if (conversations.unread.size() > most) log << " and " << conversations.unread.size() - most << " more";
  log << '\n';
}

}  // namespace

void build_chat(const ChatBuild& build, std::ostream& log) {
  const auto start = std::chrono::steady_clock::now();
  check_options(build);
  OutputFolder output(build.output_dir, build.force);

  Conversations conversations = read_conversations(build.input_files, build.format, build.skip_bad_records);
  log << "Read " << conversations.list.size() << " conversations (format: " << chat_format_name(conversations.format)
      << ")";
  if (conversations.without_turns > 0) log << ", left out " << conversations.without_turns << " without turns";
  log << '\n';
  say_unread(log, conversations);
  if (build.subsample_size) {
    subsample(conversations.list, *build.subsample_size, build.seed);
    log << "Subsampled to " << conversations.list.size() << " (seed " << build.seed << ")\n";
  }
  const std::span<const Conversation> all = conversations.list;
  const uint64_t first = train_count(all.size(), build.train_split);

  const bool learned = !build.tokens.tokenizer;
  std::vector<std::string> special = learned ? markers::all() : markers::chat();
  if (!learned) special.push_back(markers::kEndOfText);  // behind the others where a given tokenizer lacks it
  const Tokenizer tokenizer = make_tokenizer(
      build.tokens, learned ? turn_texts(all.first(first), build.keep_system) : std::vector<std::string>(), special);
  log << "Tokenizer: " << (learned ? "learned from the training split" : build.tokens.tokenizer->string())
      << ", vocabulary " << tokenizer.vocab_size() << '\n';

  const Split train = tokenize(all.first(first), tokenizer, build);
  const Split test = tokenize(all.subspan(first), tokenizer, build);
  if (train.examples.empty()) {
    throw DataError(
        "nothing in the " + std::to_string(train.conversations) + " training conversations is to be learned" +
        (build.loss_on == LossOn::kAssistant
             ? ": no assistant turn begins within --max-length " + std::to_string(build.max_length) + " tokens"
             : ""));
  }

  Metadata metadata;
  metadata.pad_id = tokenizer.token_id(markers::kPad).value();
  metadata.ignore_label_id = -100;
  metadata.vocab_size = tokenizer.vocab_size();
  metadata.seq_len = build.max_length;
  write_split(train, output.path() / "train", metadata);
  if (!test.examples.empty()) write_split(test, output.path() / "test", metadata);
  write_text_file(output.path() / "identifiers.json",
                  nlohmann::json(train.ids).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  write_text_file(output.path() / "config.json", config_json(build, conversations.format));
  save_tokenizer(tokenizer, output.path());
  output.commit();

  say(log, "train", train);
  say(log, "test", test);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  char took[32];
  std::snprintf(took, sizeof(took), "%.1f", seconds.count());
  log << "Dataset saved to " << build.output_dir.string() << " in " << took << " s\n";
}

}  // namespace trm
