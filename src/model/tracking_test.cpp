#include "model/tracking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/public_link.h"

namespace carillon::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const base::Secret kKey(std::string(32, 'k'));

Message mail(std::string html) {
  Message message;
  message.html = std::move(html);
  message.body = "See https://shop.example/a";
  return message;
}

Tracking both() {
  return {.public_url = "https://n.example",
          .key = &kKey,
          .delivery = 7,
          .opens = true,
          .clicks = true,
          .hidden = nullptr};
}

TEST(Tracking, RewritesTheLinksOfAMail) {
  Message message = mail(
      R"(<body><A class="x" HREF="https://shop.example/a?b=1&amp;c=2">A</a> <a href='tel:1'>T</a></body>)");
  track(message, Channel::Email, both());
  const std::string url = "https://shop.example/a?b=1&c=2";
  EXPECT_THAT(message.html, HasSubstr("HREF=\"https://n.example/t/c/" + click_token(7, url, kKey) +
                                      "?u=https%3A%2F%2Fshop.example%2Fa%3Fb%3D1%26c%3D2\""));
  EXPECT_THAT(message.html, HasSubstr("href='tel:1'"));
  EXPECT_THAT(message.html, HasSubstr("/t/o/" + open_token(7, kKey)));
  EXPECT_TRUE(message.html.ends_with("</body>")) << "the pixel stands inside";
  EXPECT_EQ(message.body, "See https://shop.example/a");
}

TEST(Tracking, LeavesAloneWhatIsMarkedOursOrNoLink) {
  const std::string html =
      R"x(<a href="https://x.example/" data-track="off">1</a><a name="https://y.example">2</a>)x"
      R"x(<a href="https://n.example/u/abc">3</a><abbr href="https://z.example">4</abbr>)x"
      R"x(<a href="javascript:alert(1)">5</a><a data-track=off href=https://o.example/>6</a><a href="https://q)x";
  Message message = mail(html);
  Tracking tracking = both();
  tracking.opens = false;
  track(message, Channel::Email, tracking);
  EXPECT_EQ(message.html, html);
}

TEST(Tracking, RewritesLinksWithoutQuotes) {
  Message message = mail("<a href=https://shop.example/a/>A</a><a href=https://shop.example/b class=x>B</a>");
  Tracking tracking = both();
  tracking.opens = false;
  track(message, Channel::Email, tracking);
  const auto tracked = [](const std::string& url, std::string_view encoded) {
    return "\"https://n.example/t/c/" + click_token(7, url, kKey) + "?u=" + std::string(encoded) + "\"";
  };
  EXPECT_EQ(message.html,
            "<a href=" + tracked("https://shop.example/a/", "https%3A%2F%2Fshop.example%2Fa%2F") + ">A</a>" +
                "<a href=" + tracked("https://shop.example/b", "https%3A%2F%2Fshop.example%2Fb") +
                " class=x>B</a>");
}

TEST(Tracking, NeverTouchesALinkWithASecret) {
  Message message =
      mail(R"(<a href="https://x.example/reset?t=s3cret">reset</a><a href="https://x.example/">home</a>)");
  const Message hidden =
      mail(R"(<a href="https://x.example/reset?t=•••">reset</a><a href="https://x.example/">home</a>)");
  Tracking tracking = both();
  tracking.hidden = &hidden;
  track(message, Channel::Email, tracking);
  EXPECT_THAT(message.html, HasSubstr("href=\"https://x.example/reset?t=s3cret\""));
  EXPECT_THAT(message.html, Not(HasSubstr("href=\"https://x.example/\"")));
}

TEST(Tracking, ShortensTheLinksOfATextMessage) {
  Message message;
  message.body = "Order 7: https://shop.example/o/7, thanks (http://a.example).";
  track(message, Channel::Sms, both());
  const std::string token = short_click_token({7, hash_of_url("https://shop.example/o/7", kKey)}, kKey);
  EXPECT_THAT(message.body, StartsWith("Order 7: https://n.example/t/c/" + token + ", thanks ("));
  EXPECT_TRUE(message.body.ends_with(")."));
}

TEST(Tracking, FindsLinksInText) {
  EXPECT_THAT(links_in_text("x https://a.example/?q=1. y HTTP://B.example/a,b! ftp://c ://d https://"),
              ElementsAre("https://a.example/?q=1", "HTTP://B.example/a,b"));
  EXPECT_THAT(links_in_text("https://a://b"), ElementsAre("https://a://b"));
}

TEST(Tracking, OffersToUnsubscribeOnce) {
  Message message;
  offer_unsubscription(message, "https://n.example", "TOKEN");
  offer_unsubscription(message, "https://n.example", "OTHER");
  EXPECT_THAT(message.headers,
              ElementsAre(::testing::Pair("List-Unsubscribe", "<https://n.example/u/TOKEN>"),
                          ::testing::Pair("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")));
}

}  // namespace
}  // namespace carillon::model
