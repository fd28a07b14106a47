#include "answering/stop_strings.h"

namespace trm {
namespace {

using Pieces = std::vector<std::string>;

/// What is written after each piece, and at the end.
Pieces written(const Pieces& stops, const Pieces& pieces) {
  StopStrings filter(stops);
  Pieces result;
  for (const std::string& piece : pieces) result.push_back(filter.push(piece));
  result.push_back(filter.finish());
  return result;
}

TEST(StopStrings, WithoutAnyAllTextPasses) { EXPECT_EQ(written({}, {"a", "", "bc"}), (Pieces{"a", "", "bc", ""})); }

TEST(StopStrings, TheTextEndsBeforeIt) {
  EXPECT_EQ(written({"END"}, {"text END more", "after"}), (Pieces{"text ", "", ""}));
  EXPECT_EQ(written({"END"}, {"END"}), (Pieces{"", ""}));
}

TEST(StopStrings, SpreadOverPiecesItIsHeldBack) {
  EXPECT_EQ(written({"END"}, {"abE", "N", "Dx", "y"}), (Pieces{"ab", "", "", "", ""}));
  EXPECT_EQ(written({"END"}, {"abE", "N", "d"}), (Pieces{"ab", "", "ENd", ""}));
  EXPECT_EQ(written({"END"}, {"abE", "NE", "ND"}), (Pieces{"ab", "EN", "", ""}));
}

TEST(StopStrings, WhatIsHeldBackComesAtTheEnd) { EXPECT_EQ(written({"END"}, {"xE", "N"}), (Pieces{"x", "", "EN"})); }

TEST(StopStrings, OneThatRepeatsItself) {
  EXPECT_EQ(written({"aab"}, {"a", "a", "a", "a", "b"}), (Pieces{"", "", "a", "a", "", ""}));
  EXPECT_EQ(written({"abab!"}, {"ab", "ab", "ab", "!"}), (Pieces{"", "", "ab", "", ""}));
}

TEST(StopStrings, OfSeveralTheFirstInTheText) {
  EXPECT_EQ(written({"two", "one"}, {"zero one two"}), (Pieces{"zero ", ""}));
  EXPECT_EQ(written({"\n\n", "\nUser:"}, {"a\nU", "b\n", "\nc"}), (Pieces{"a", "\nUb", "", ""}));
}

TEST(StopStrings, SaysWhetherItStopped) {
  StopStrings filter({"."});
  filter.push("a");
  EXPECT_FALSE(filter.stopped());
  filter.push("b.c");
  EXPECT_TRUE(filter.stopped());
}

}  // namespace
}  // namespace trm
