#include "device/messages.h"

#include <gtest/gtest.h>

namespace trm {
namespace {

std::string told;

TEST(Messages, GoToStandardErrorUntilAProgramSaysWhere) {
  ::testing::internal::CaptureStderr();
  tell(MessageKind::warning, "slow");
  tell(MessageKind::note, "a {} %s");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "warning: slow\nnote: a {} %s\n");

  set_message_sink([](MessageKind kind, const std::string& text) {
    told += (kind == MessageKind::warning ? "W " : "N ") + text;
  });
  ::testing::internal::CaptureStderr();
  tell(MessageKind::warning, "slow");
  set_message_sink(nullptr);
  tell(MessageKind::note, "back");
  EXPECT_EQ(told, "W slow");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "note: back\n");
}

}  // namespace
}  // namespace trm
