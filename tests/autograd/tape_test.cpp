#include "autograd/tape.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "autograd/functions.h"

namespace trm::testing {
namespace {

using Values = std::vector<float>;

Tensor of(const Values& values) { return Tensor::from(values, {static_cast<int64_t>(values.size())}); }

TEST(Tape, RunsItsEntriesLastFirstOnceAndIsEmptyThen) {
  Tape tape;
  std::vector<int> ran;
  for (int i = 0; i < 3; ++i) tape.record([&ran, i] { ran.push_back(i); });
  tape.backward();
  EXPECT_EQ(ran, (std::vector<int>{2, 1, 0}));
  EXPECT_TRUE(tape.empty());
  tape.backward();
  EXPECT_EQ(ran.size(), 3u);
}

TEST(Tape, LetsGoOfWhatAnEntryHeldBeforeTheNextRuns) {
  Tape tape;
  const auto held = std::make_shared<int>(1);
  long during = 0;
  tape.record([&] { during = held.use_count(); });
  tape.record([held] {});
  EXPECT_EQ(held.use_count(), 2);
  tape.backward();
  EXPECT_EQ(during, 1);
}

TEST(Tape, IsActiveInItsScopeOnly) {
  EXPECT_EQ(Tape::current(), nullptr);
  Tape outer, inner;
  {
    const TapeScope one(outer);
    EXPECT_EQ(Tape::current(), &outer);
    {
      const TapeScope two(inner);
      EXPECT_EQ(Tape::current(), &inner);
      const NoGradient off;
      EXPECT_EQ(Tape::current(), nullptr);
    }
    EXPECT_EQ(Tape::current(), &outer);
  }
  EXPECT_EQ(Tape::current(), nullptr);
}

TEST(Tape, RecordsWhereAGradientIsWanted) {
  const Variable constant(of({1})), leaf = Variable::leaf(of({1}));
  EXPECT_EQ(recording({&leaf}), nullptr) << "no tape";
  Tape tape;
  const TapeScope scope(tape);
  EXPECT_EQ(recording({&constant}), nullptr);
  EXPECT_EQ(recording({&constant, &leaf}), &tape);
  EXPECT_EQ(recording({&constant}, true), &tape) << "a trained parameter";
  const Variable cut = leaf.detach();
  EXPECT_EQ(recording({&cut}), nullptr);
}

TEST(Tape, NothingIsDoneBackwardsWhileItRuns) {
  Tape tape;
  const TapeScope scope(tape);
  Tape* seen = &tape;
  tape.record([&] { seen = Tape::current(); });
  tape.backward();
  EXPECT_EQ(seen, nullptr);
}

TEST(Tape, WhatHasNoGradientSaysSoUnderATape) {
  const Variable constant(of({1})), leaf = Variable::leaf(of({1}));
  EXPECT_NO_THROW(require_no_gradient("some_op", {&leaf}));
  Tape tape;
  const TapeScope scope(tape);
  EXPECT_NO_THROW(require_no_gradient("some_op", {&constant}));
  try {
    require_no_gradient("some_op", {&constant, &leaf});
    FAIL() << "nothing thrown";
  } catch (const std::logic_error& error) {
    EXPECT_NE(std::string(error.what()).find("some_op has no gradient"), std::string::npos);
  }
}

TEST(Gradient, SumsWithoutWritingWhatItWasGiven) {
  Gradient gradient;
  EXPECT_FALSE(gradient.defined());
  const Tensor first = of({1, 2}), second = of({10, 20});
  gradient.accumulate(first);
  EXPECT_EQ(gradient.value().to_vector<float>(), (Values{1, 2}));
  gradient.accumulate(second);
  gradient.accumulate(second);
  EXPECT_EQ(gradient.value().to_vector<float>(), (Values{21, 42}));
  EXPECT_EQ(first.to_vector<float>(), (Values{1, 2}));
  EXPECT_EQ(second.to_vector<float>(), (Values{10, 20}));
  EXPECT_EQ(gradient.take().to_vector<float>(), (Values{21, 42}));
  EXPECT_FALSE(gradient.defined());
  gradient.accumulate(first);
  gradient.accumulate(first);
  EXPECT_EQ(first.to_vector<float>(), (Values{1, 2})) << "after take it is as new";
}

TEST(Gradient, IsSharedByCopiesOfAVariable) {
  const Variable a = Variable::leaf(of({1})), copy = a;
  copy.gradient()->accumulate(of({3}));
  EXPECT_EQ(a.gradient()->value().to_vector<float>(), (Values{3}));
  EXPECT_FALSE(a.detach().requires_gradient());
  EXPECT_FALSE(Variable(of({1})).requires_gradient());
}

// x is used twice and by itself: (x + x) + x.
TEST(Gradient, OfSeveralUsesIsTheirSum) {
  Tape tape;
  const TapeScope scope(tape);
  const Variable x = Variable::leaf(of({1, 2})), twice = functions::add(x, x), y = functions::add(twice, x);
  EXPECT_EQ(y.value().to_vector<float>(), (Values{3, 6}));
  y.gradient()->accumulate(of({1, 10}));
  tape.backward();
  EXPECT_EQ(x.gradient()->value().to_vector<float>(), (Values{3, 30}));
}

TEST(Gradient, AResultThatNobodyAsksForGivesNone) {
  Tape tape;
  const TapeScope scope(tape);
  const Variable x = Variable::leaf(of({1})), unused = functions::add(x, x);
  tape.backward();
  EXPECT_FALSE(x.gradient()->defined());
}

}  // namespace
}  // namespace trm::testing
