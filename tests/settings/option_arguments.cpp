#include "settings/option_arguments.h"

#include <gtest/gtest.h>

namespace trm {
namespace {

TEST(OptionArguments, ValuesOfAnyLengthStandByThemselves) {
  const std::string longest(60000, 'x');
  using Arguments = std::vector<std::string>;
  const Arguments names = {"out", "name"};
  EXPECT_EQ(separate_values({"--out=" + longest, "a=b", "--flag"}, names),
            (Arguments{"--out", longest, "a=b", "--flag"}));
  EXPECT_EQ(separate_values({"--name=a\nb=c", "--out="}, names), (Arguments{"--name", "a\nb=c", "--out", ""}));
  EXPECT_EQ(separate_values({"--out", "--name=x"}, names), (Arguments{"--out", "--name=x"})) << "a value of --out";
  EXPECT_EQ(separate_values({"--other=x"}, names), (Arguments{"--other=x"}));
}

}  // namespace
}  // namespace trm
