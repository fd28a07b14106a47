#include "generate/options.h"

#include "tests/data/folders.h"

namespace trm {
namespace {

Options parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "generate");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(GenerateOptions, Defaults) {
  const Options options = parse({"--checkpoint", "c", "--prompt", "p"});
  EXPECT_EQ(options.checkpoint, "c");
  EXPECT_EQ(options.prompt, "p");
  EXPECT_EQ(options.max_new_tokens, 100);
  EXPECT_EQ(options.sampling.temperature, 0.7);
  EXPECT_EQ(options.sampling.top_k, 50);
  EXPECT_EQ(options.sampling.top_p, 0.9);
  EXPECT_EQ(options.sampling.min_p, 0);
  EXPECT_EQ(options.sampling.repeat_penalty, 1);
  EXPECT_FALSE(options.seed || options.dtype || options.decoding || options.device || options.puzzle ||
               options.puzzle_id || options.views || options.select || options.html || options.interactive ||
               options.op_report);
  EXPECT_EQ(options.language_options, std::vector<std::string>{"--prompt"});
}

TEST(GenerateOptions, AllOfThem) {
  const Options options = parse({"--checkpoint=c",
                                 "--device",
                                 "cuda:1",
                                 "--tokenizer",
                                 "t",
                                 "--interactive",
                                 "--max-new-tokens",
                                 "7",
                                 "--temperature",
                                 "0",
                                 "--top-k=0",
                                 "--top-p",
                                 "1",
                                 "--min-p",
                                 "0.05",
                                 "--repeat-penalty",
                                 "1.1",
                                 "--seed",
                                 "9",
                                 "--stop",
                                 "a,b",
                                 "--stop=c",
                                 "--system",
                                 "s",
                                 "--dtype",
                                 "float32",
                                 "--decode",
                                 "window",
                                 "--op-report=json:f"});
  EXPECT_EQ(options.max_new_tokens, 7);
  EXPECT_EQ(options.sampling.top_k, 0);
  EXPECT_EQ(options.sampling.min_p, 0.05);
  EXPECT_EQ(options.seed, 9u);
  EXPECT_EQ(options.stops, (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(options.system, "s");
  EXPECT_EQ(options.dtype, DType::float32);
  EXPECT_EQ(options.decoding, Decoding::window);
  EXPECT_EQ(options.op_report, "f");
  EXPECT_TRUE(options.interactive);
}

TEST(GenerateOptions, TheSpellingOfThePythonProject) {
  const Options options = parse({"--max_new_tokens", "7", "--top_k=3", "--top_p", "0.5", "--prompt", "--a_b"});
  EXPECT_EQ(options.max_new_tokens, 7);
  EXPECT_EQ(options.sampling.top_k, 3);
  EXPECT_EQ(options.sampling.top_p, 0.5);
  EXPECT_EQ(options.prompt, "--a_b");  // values stay as they are
}

TEST(GenerateOptions, AnyTextCanBeAPrompt) {
  for (const std::string& prompt : {std::string("-1"), std::string("two\nlines"), std::string("a=b, c"),
                                    std::string("\xff\xfe"), std::string(300000, 'x')}) {
    EXPECT_EQ(parse({"--prompt", prompt.c_str()}).prompt, prompt);
    EXPECT_EQ(parse({("--prompt=" + prompt).c_str()}).prompt, prompt);
  }
}

TEST(GenerateOptions, WrongValuesNameOptionValueAndRange) {
  EXPECT_ERROR_WITH(parse({"--temperature", "-0.5"}), "--temperature", "'-0.5'", "at least 0");
  for (const char* value : {"nan", "inf", "1e999", "warm", "", "0x1", "1 "})
    EXPECT_ERROR_WITH(parse({"--temperature", value}), "--temperature");
  EXPECT_ERROR_WITH(parse({"--top-k", "-1"}), "--top-k", "'-1'", "at least 0");
  EXPECT_ERROR_WITH(parse({"--top-k", "1.5"}), "--top-k", "'1.5'");
  EXPECT_ERROR_WITH(parse({"--top-p", "0"}), "--top-p", "'0'", "at most 1");
  EXPECT_ERROR_WITH(parse({"--top_p", "1.01"}), "--top-p", "'1.01'");
  EXPECT_ERROR_WITH(parse({"--min-p", "2"}), "--min-p", "from 0 to 1");
  EXPECT_ERROR_WITH(parse({"--repeat-penalty", "0"}), "--repeat-penalty", "above 0");
  EXPECT_ERROR_WITH(parse({"--max-new-tokens", "0"}), "--max-new-tokens", "'0'", "at least 1");
  EXPECT_ERROR_WITH(parse({"--max-new-tokens", "99999999999999999999"}), "--max-new-tokens");
  EXPECT_ERROR_WITH(parse({"--seed", "-3"}), "--seed", "'-3'");
  EXPECT_ERROR_WITH(parse({"--dtype", "float16"}), "--dtype", "'float16'", "bfloat16 or float32");
  EXPECT_ERROR_WITH(parse({"--decode", "fast"}), "--decode", "incremental or window");
  EXPECT_ERROR_WITH(parse({"--op-report=x"}), "--op-report", "json:FILE");
  EXPECT_ERROR_WITH(parse({"--stop", ""}), "--stop is empty");
  EXPECT_ERROR_WITH(parse({"--puzzle-id", "-1"}), "--puzzle-id");
}

TEST(GenerateOptions, UnknownOnes) {
  EXPECT_ERROR_WITH(parse({"--max-tokens", "3"}), "unknown option --max-tokens", "--max-new-tokens");
  EXPECT_ERROR_WITH(parse({"--temprature", "3"}), "did you mean --temperature?");
  EXPECT_ERROR_WITH(parse({"-x"}), "unknown option -x");
  EXPECT_ERROR_WITH(parse({"--prompt", "two", "words"}), "'words'", "quotes");
  EXPECT_ERROR_WITH(parse({"--prompt"}), "--prompt needs a value");
  EXPECT_ERROR_WITH(parse({"--interactive=yes"}), "--interactive takes no value");
  EXPECT_ERROR_WITH(parse({"--prompt", ""}), "--prompt is empty");
  EXPECT_ERROR_WITH(parse({"--prompt", "a", "--interactive"}), "give one of them");
}

TEST(GenerateOptions, PuzzlesAndTheirSearch) {
  const Options options =
      parse({"--checkpoint=c", "--puzzle", "p", "--puzzle-id=2", "--trace", "--html=h", "--steps", "9", "--halt", "q",
             "--rollouts=3", "--noise", "0.3", "--views=4", "--select", "first", "--seed", "5"});
  EXPECT_EQ(options.puzzle, "p");
  EXPECT_EQ(options.puzzle_id, 2);
  EXPECT_TRUE(options.trace);
  EXPECT_EQ(options.html, "h");
  EXPECT_EQ(options.search.steps, 9);
  EXPECT_TRUE(options.search.halt);
  EXPECT_EQ(options.search.rollouts, 3);
  EXPECT_EQ(options.search.noise, 0.3);
  EXPECT_EQ(options.search.seed, 5u);
  EXPECT_EQ(options.views, 4);
  EXPECT_EQ(options.select, Select::first);
  EXPECT_TRUE(options.language_options.empty()) << "a seed is for puzzles too";
  const Options plain = parse({"--checkpoint=c", "--puzzle", "p"});
  EXPECT_EQ(plain.search.steps, 0);
  EXPECT_FALSE(plain.search.halt || plain.trace);
  EXPECT_EQ(plain.search.rollouts, 1);
  EXPECT_EQ(plain.search.noise, 0);
}

TEST(GenerateOptions, HelpNamesAllOfThem) {
  for (const char* name : {"--checkpoint",     "--device",       "--tokenizer", "--prompt", "--interactive",
                           "--max-new-tokens", "--temperature",  "--top-k",     "--top-p",  "--min-p",
                           "--repeat-penalty", "--seed",         "--stop",      "--system", "--dtype",
                           "--decode",         "--list-devices", "--op-report", "--puzzle", "/reset",
                           "--trace",          "--html",         "--rollouts",  "--views",  "--select"})
    EXPECT_NE(usage().find(name), std::string::npos) << name;
  EXPECT_EQ(usage().find("unexpected"), std::string::npos);
}

}  // namespace
}  // namespace trm
