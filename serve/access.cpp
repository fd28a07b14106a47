#include "serve/access.h"

#include <algorithm>

namespace trm::serve {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool listed(std::string_view origin, const std::vector<std::string>& origins) {
  return std::ranges::any_of(origins, [&](const std::string& known) { return known == "*" || known == origin; });
}

}  // namespace

bool equal_in_constant_time(std::string_view given, std::string_view key) {
  if (key.empty()) return given.empty();
  unsigned difference = given.size() == key.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(key[i % key.size()]);
  return difference == 0;
}

bool authorized(std::string_view authorization, std::string_view key) {
  constexpr std::string_view scheme = "Bearer ";
  if (!authorization.starts_with(scheme)) return false;
  return equal_in_constant_time(authorization.substr(scheme.size()), key);
}

std::string host_of(std::string_view text) {
  if (const size_t scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
  if (text.starts_with('[')) return lower(text.substr(1, text.find(']') - 1));
  return lower(text.substr(0, text.find(':')));
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool host_allowed(std::string_view host, const std::vector<std::string>& origins) {
  const std::string name = host_of(host);
  return is_loopback(name) ||
         std::ranges::any_of(origins, [&](const std::string& origin) { return host_of(origin) == name; });
}

bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& origins) {
  if (listed(origin, origins)) return true;
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && lower(origin.substr(scheme + 3)) == lower(host);
}

}  // namespace trm::serve
