#include "serve/access.h"

#include <gtest/gtest.h>

namespace trm::serve {
namespace {

TEST(Access, KeysAreComparedWhole) {
  EXPECT_TRUE(authorized("Bearer secret", "secret"));
  for (const char* wrong : {"", "secret", "Bearer ", "Bearer secre", "Bearer secrets", "Bearer Secret", "bearer secret",
                            "Bearer secretsecret", "Basic secret"})
    EXPECT_FALSE(authorized(wrong, "secret")) << wrong;
}

TEST(Access, HostsOfAuthoritiesAndOrigins) {
  EXPECT_EQ(host_of("LocalHost:8080"), "localhost");
  EXPECT_EQ(host_of("[::1]:8080"), "::1");
  EXPECT_EQ(host_of("https://example.org:1"), "example.org");
  EXPECT_EQ(host_of("["), "");
  EXPECT_EQ(host_of(""), "");
}

TEST(Access, OnlyTheLoopbackInterfaceIsLoopback) {
  for (const char* own : {"localhost", "127.0.0.1", "127.1.2.3", "::1"}) EXPECT_TRUE(is_loopback(own)) << own;
  for (const char* other : {"", "0.0.0.0", "127.evil.example", "128.0.0.1", "localhost.evil.example", "::"})
    EXPECT_FALSE(is_loopback(other)) << other;
}

TEST(Access, NamesThatWereMadeToResolveHereAreRefused) {
  EXPECT_TRUE(host_allowed("127.0.0.1:8080", {}));
  EXPECT_FALSE(host_allowed("evil.example:8080", {}));
  EXPECT_TRUE(host_allowed("chat.example:8080", {"https://chat.example"}));
  EXPECT_FALSE(host_allowed("", {}));
}

TEST(Access, PagesAskTheirOwnServerOrAreListed) {
  EXPECT_TRUE(origin_allowed("http://localhost:8080", "localhost:8080", {}));
  EXPECT_FALSE(origin_allowed("http://localhost:9", "localhost:8080", {}));
  EXPECT_FALSE(origin_allowed("null", "localhost:8080", {}));
  EXPECT_TRUE(origin_allowed("https://a.example", "localhost:8080", {"https://a.example"}));
  EXPECT_TRUE(origin_allowed("https://a.example", "localhost:8080", {"*"}));
}

}  // namespace
}  // namespace trm::serve
