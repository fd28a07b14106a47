#include "arch/facts.h"

#include <stdexcept>

namespace trm::arch {
namespace {

std::vector<VariantFacts>& variant_table() {
  static std::vector<VariantFacts> table{
#define TRM_VARIANT(name_, ...) VariantFacts{.name = #name_, __VA_ARGS__},
#include "arch/variants.def"
#undef TRM_VARIANT
  };
  return table;
}

std::vector<MixerFacts>& mixer_table() {
  static std::vector<MixerFacts> table{
#define TRM_MIXER(name_, ...) MixerFacts{.name = #name_, __VA_ARGS__},
#include "arch/mixers.def"
#undef TRM_MIXER
  };
  return table;
}

template <class Facts>
const Facts& find(const std::vector<Facts>& table, const char* key, const std::string& name) {
  std::string known;
  for (const Facts& facts : table) {
    if (facts.name == name) return facts;
    known += (known.empty() ? "" : ", ") + facts.name;
  }
  throw std::invalid_argument(std::string(key) + ": got '" + name + "', takes one of " + known);
}

template <class Facts>
void add(std::vector<Facts>& table, Facts added) {
  for (const Facts& facts : table)
    if (facts.name == added.name) throw std::logic_error("there is a " + facts.name + " already");
  table.push_back(std::move(added));
}

}  // namespace

const std::vector<VariantFacts>& variants() { return variant_table(); }
const std::vector<MixerFacts>& mixers() { return mixer_table(); }
const VariantFacts& variant(const std::string& name) { return find(variant_table(), "arch.name", name); }
const MixerFacts& mixer(const std::string& name) { return find(mixer_table(), "arch.mixer", name); }
void add_variant(VariantFacts facts) { add(variant_table(), std::move(facts)); }
void add_mixer(MixerFacts facts) { add(mixer_table(), std::move(facts)); }

}  // namespace trm::arch
