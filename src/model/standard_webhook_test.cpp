#include "model/standard_webhook.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/crypto.h"

namespace carillon::model {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string find(const Headers& headers, std::string_view name) {
  const auto it = std::ranges::find(headers, name, &Headers::value_type::first);
  return it == headers.end() ? "" : it->second;
}

TEST(WebhookKey, TakesTwentyFourToSixtyFourBytes) {
  for (const std::size_t bytes : {24UL, 64UL}) {
    EXPECT_EQ(webhook_key("whsec_" + base::base64(std::string(bytes, 'a'))), std::string(bytes, 'a'));
  }
  for (const std::size_t bytes : {0UL, 23UL, 65UL}) {
    EXPECT_FALSE(webhook_key("whsec_" + base::base64(std::string(bytes, 'a'))));
  }
  EXPECT_FALSE(webhook_key(base::base64(std::string(32, 'a'))));
  EXPECT_FALSE(webhook_key("whsec_no base64 at all, and that for a while"));
}

TEST(WebhookKey, IsMadeAnewEachTime) {
  const base::Secret one = make_webhook_secret(), other = make_webhook_secret();
  EXPECT_TRUE(webhook_key(one.reveal()));
  EXPECT_LE(one.reveal().size(), kWebhookSecretMax);
  EXPECT_NE(one.reveal(), other.reveal());
}

TEST(WebhookHeaders, AreThoseOfStandardWebhooks) {
  // The test vector of the specification.
  const std::vector secrets{base::Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")};
  const auto headers = webhook_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", R"({"test": 2432232314})", secrets,
                                       from_ms(1'614'265'330'999));
  ASSERT_TRUE(headers);
  EXPECT_EQ(find(*headers, "webhook-id"), "msg_p5jXN8AQM9LWM0D4loKWxJek");
  EXPECT_EQ(find(*headers, "webhook-timestamp"), "1614265330");
  EXPECT_EQ(find(*headers, "webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  EXPECT_FALSE(webhook_headers("a", "b", std::vector{base::Secret("secret")}, from_ms(0)));
}

TEST(WebhookHeaders, SignWithEachSecretAndWithoutOneNotAtAll) {
  const base::Secret old("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), fresh = make_webhook_secret();
  const Time now = from_ms(1'614'265'330'000);
  const auto of = [&](std::vector<base::Secret> secrets) {
    return find(webhook_headers("evt_1", "{}", secrets, now).value(), "webhook-signature");
  };
  EXPECT_EQ(of({fresh, old}), of({fresh}) + " " + of({old}));
  EXPECT_EQ(of({}), "");
}

}  // namespace
}  // namespace carillon::model
