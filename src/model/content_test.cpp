#include "model/content.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

TEST(Content, CoversAChannelFromItsBlockOrTheBase) {
  Content body;
  body.body = "b";
  for (const Channel channel : {Channel::Push, Channel::Sms, Channel::Email, Channel::Voice, Channel::Chat,
                                Channel::Webhook, Channel::Inbox}) {
    EXPECT_TRUE(body.covers(channel)) << name(channel);
    EXPECT_FALSE(Content{}.covers(channel)) << name(channel);
  }
  Content title;
  title.title = "t";
  EXPECT_TRUE(title.covers(Channel::Push));
  EXPECT_FALSE(title.covers(Channel::Sms));
  EXPECT_FALSE(title.covers(Channel::Email));
  Content blocks;
  blocks.push.emplace().data = "{}";
  blocks.sms.emplace().body = "s";
  EXPECT_TRUE(blocks.covers(Channel::Push));
  EXPECT_TRUE(blocks.covers(Channel::Sms));
  EXPECT_FALSE(blocks.covers(Channel::Voice));
  EXPECT_FALSE(blocks.is_empty());
}

TEST(Content, LinksHaveHarmlessSchemes) {
  for (const char* url : {"https://a.example", "HTTP://a.example", "mailto:a@example.com", "tel:+1",
                          "/path?a:b", "#x", "//host/path", "", "a/b:c", "?q=javascript:x"}) {
    EXPECT_TRUE(is_safe_link(url)) << url;
  }
  for (const char* url : {"javascript:x", " JavaScript:x", "java\tscript:x", "\x01javascript:x",
                          "data:text/html,x", "vbscript:x", "httpx:x", "intent:x", "averylongschemename:x"}) {
    EXPECT_FALSE(is_safe_link(url)) << url;
  }
}

TEST(Content, AMessageIsWrittenWithTheNamesOfItsContent) {
  Message message;
  message.subject = "s";
  message.body = "b";
  message.html = "<p>";
  message.headers = {{"X-A", "1"}};
  message.locale = "ko";
  base::JsonWriter mail;
  write_message(mail, message, Channel::Email);
  EXPECT_EQ(
      mail.str(),
      R"({"channel":"email","subject":"s","text":"b","html":"<p>","headers":{"X-A":"1"},"locale":"ko"})");
  Message push;
  push.title = "t";
  push.body = "b";
  push.badge = 0;
  push.data = R"({"k":1})";
  base::JsonWriter pushed;
  write_message(pushed, push, Channel::Push);
  EXPECT_EQ(pushed.str(), R"({"channel":"push","title":"t","body":"b","badge":0,"data":{"k":1}})");
}

}  // namespace
}  // namespace carillon::model
