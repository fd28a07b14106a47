// generate --serve as users start it, asked by curl and by the openai package where Python has it.
#include <cstdlib>
#include <fstream>

#include "tests/generate/tiny_checkpoints.h"
#include "tests/temporary_folder.h"

namespace trm::testing {
namespace {

std::string script() { return std::string(std::getenv("TRM_SOURCE")) + "/tests/serve/serve_program.sh"; }

class ServeProgram : public ::testing::Test {
 protected:
  void SetUp() override { TinyModel::chat().save(folder_.path() / "step_1.h5"); }
  /// Exit status of the script's part.
  int run(const std::string& part) const {
    const std::string command = "bash " + quoted(script()) + " " + part + " " + quoted(std::getenv("TRM_BIN")) + " " +
                                quoted(folder_.path().string());
    return WEXITSTATUS(std::system(command.c_str()));
  }
  TemporaryFolder folder_;
};

TEST_F(ServeProgram, AnswersCurlAndEndsOnSigterm) { EXPECT_EQ(run("curl"), 0); }

TEST_F(ServeProgram, AnswersTheOpenaiPackage) {
  const int status = run("openai");
  if (status == 77) GTEST_SKIP() << "Python has no openai package";
  EXPECT_EQ(status, 0);
}

TEST_F(ServeProgram, RefusesWhatDoesNotGoTogether) {
  const auto file = quoted((folder_.path() / "step_1.h5").string());
  const Outcome prompt = generate(folder_.path(), "--checkpoint " + file + " --serve --prompt x");
  EXPECT_EQ(prompt.status, 1);
  EXPECT_TRUE(prompt.says("--serve and --prompt")) << prompt.err;
  const Outcome port = generate(folder_.path(), "--checkpoint " + file + " --port 80 --prompt x");
  EXPECT_TRUE(port.says("--port needs --serve")) << port.err;
}

}  // namespace
}  // namespace trm::testing
