// The rows of variants and mixers, and the one validator of what must fit together.
#include <gtest/gtest.h>

#include <stdexcept>

#include "arch/architecture.h"
#include "arch/facts.h"

namespace trm::arch {
namespace {

template <class F>
std::string error_of(F act) {
  try {
    act();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Facts, NamesFindTheirRow) {
  for (const VariantFacts& facts : variants()) EXPECT_EQ(variant(facts.name).python_class, facts.python_class);
  EXPECT_EQ(variant("trm_hier6").L_cycles, 6);
  EXPECT_TRUE(variant("hrm").H_level);
  EXPECT_TRUE(mixer("mlp").sees_future);
  EXPECT_FALSE(mixer("attention").sees_future);
}

TEST(Facts, AnUnknownNameIsToldAll) {
  const std::string no_variant = error_of([] { variant("tmr"); }), no_mixer = error_of([] { mixer("mpl"); });
  for (const VariantFacts& facts : variants()) EXPECT_TRUE(has(no_variant, facts.name)) << no_variant;
  for (const MixerFacts& facts : mixers()) EXPECT_TRUE(has(no_mixer, facts.name)) << no_mixer;
}

TEST(Architecture, WhatSeesTheFutureIsNotCausal) {
  Architecture architecture;
  EXPECT_EQ(error_of([&] { check_architecture(architecture, true); }), "no error");
  architecture.mixer = "mlp";
  architecture.causal = true;
  EXPECT_TRUE(has(error_of([&] { check_architecture(architecture, false); }), "causal"));
}

TEST(Facts, ANameIsAddedOnce) {
  EXPECT_THROW(add_variant({.name = "trm"}), std::logic_error);
  EXPECT_THROW(add_mixer({.name = "mlp"}), std::logic_error);
}

}  // namespace
}  // namespace trm::arch
