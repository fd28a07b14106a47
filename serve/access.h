#pragma once
// Who may ask: the key, and for servers on the loopback interface what a browser's page says of itself.
#include <string>
#include <string_view>
#include <vector>

namespace trm::serve {

/// Compared in a time that depends on the given text's length only.
bool equal_in_constant_time(std::string_view given, std::string_view key);

/// "Bearer KEY" against the key.
bool authorized(std::string_view authorization, std::string_view key);

/// localhost, 127.0.0.0/8, ::1; as a host alone.
bool is_loopback(std::string_view host);

/// The host of "host:port", "[::1]:port", "http://host:port".
std::string host_of(std::string_view authority_or_origin);

/// Whether a request that says `host` may be answered by a server on loopback without a key: a page of another site
/// whose name was made to resolve to 127.0.0.1 (DNS rebinding) says its own name. `origins`: those of --cors-origins.
bool host_allowed(std::string_view host, const std::vector<std::string>& origins);

/// Whether a page from `origin` may ask a server that it calls `host`: its own pages and those of `origins` ("*": all).
bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& origins);

}  // namespace trm::serve
