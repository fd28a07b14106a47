#include <unistd.h>

#include <fstream>
#include <sstream>

#include "text/encoding.h"
#include "text/error.h"
#include "text/printable.h"
#include "tokenizer/markers.h"
#include "tokenizer/state.h"
#include "tokenizer/tokenizer_json.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (in.bad() || !in.is_open() || text.fail()) throw TokenizerError("cannot read the tokenizer file " + path.string());
  try {
    return to_utf8(std::move(text).str());
  } catch (const TextError& error) {
    throw TokenizerError(path.string() + ": " + error.what());
  }
}

// merges.txt: "#version: …" lines, then a merge a line: two tokens with a space between.
Bpe::Merges read_merges(const fs::path& path) {
  std::istringstream in(read_file(path));
  Bpe::Merges merges;
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with("#version")) continue;
    if (!parse_merge(line, merges))
      throw TokenizerError(path.string() + ":" + std::to_string(number) + ": \"" + printable(line) +
                           "\" is not a merge: two tokens with one space between");
  }
  return merges;
}

}  // namespace

Tokenizer Tokenizer::load(const fs::path& path) {
  std::error_code none;
  if (!fs::exists(path, none))
    throw TokenizerError(
        "no tokenizer at \"" + path.string() +
        "\": there is no such file or folder. If this is the name of a "
        "model hub's tokenizer: nothing is downloaded here; fetch its tokenizer.json, or its vocab.json and "
        "merges.txt, into a folder and pass that folder");
  if (!fs::is_directory(path, none)) {
    if (path.filename() == "vocab.json" || path.filename() == "merges.txt")
      throw TokenizerError("\"" + path.string() +
                           "\" is half a tokenizer: pass the folder that holds vocab.json and merges.txt");
    return from_json(read_file(path), path.string());
  }
  if (fs::exists(path / "tokenizer.json", none))
    return from_json(read_file(path / "tokenizer.json"), (path / "tokenizer.json").string());
  const fs::path vocab = path / "vocab.json", merges = path / "merges.txt";
  for (const auto& needed : {vocab, merges})
    if (!fs::exists(needed, none))
      throw TokenizerError("no tokenizer in the folder \"" + path.string() +
                           "\": it has neither tokenizer.json nor both of "
                           "vocab.json and merges.txt (" +
                           needed.filename().string() + " is missing)");

  auto vocabulary = parse_vocabulary(read_file(vocab), vocab.string());
  auto merge_list = read_merges(merges);
  std::vector<AddedToken> added;
  if (const fs::path file = path / "added_tokens.json"; fs::exists(file, none))
    for (const auto& [token, id] : parse_vocabulary(read_file(file), file.string()))
      added.push_back({.id = id, .content = token});
  try {
    auto model = std::make_shared<const Bpe>(std::move(vocabulary), std::move(merge_list), BpeOptions{});
    Tokenizer tokenizer(std::make_shared<State>(model, PreTokenizer::gpt2(), AddedTokens(added)));
    // These files do not say which tokens are special: the markers that they hold are.
    std::vector<std::string> special;
    for (const auto& marker : markers::all())
      if (tokenizer.token_id(marker)) special.push_back(marker);
    tokenizer.add_special_tokens(special);
    return tokenizer;
  } catch (const TokenizerError& error) {
    throw TokenizerError(vocab.string() + ", " + merges.string() + ": " + error.what());
  }
}

void Tokenizer::save(const fs::path& folder) const {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw TokenizerError("cannot create the folder " + folder.string() + ": " + error.message());
  const fs::path path = folder / "tokenizer.json", temporary = folder / (".tokenizer.json." + std::to_string(getpid()));
  std::ofstream out(temporary, std::ios::binary);
  out << to_json() << '\n';
  out.close();
  if (out) fs::rename(temporary, path, error);
  if (!out || error) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw TokenizerError("cannot write " + path.string() +
                         (error ? ": " + error.message() : ": no room, or not allowed"));
  }
}

}  // namespace trm
