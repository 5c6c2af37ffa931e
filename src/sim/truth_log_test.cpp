#include "sim/truth_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "sim/context.h"
#include "sim/faults.h"

namespace carillon::sim {
namespace {

class TruthLogTest : public ::testing::Test {
 protected:
  TruthLogTest() {
    std::string name = std::filesystem::temp_directory_path() / "carillon-log-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    open(true);
  }
  ~TruthLogTest() override {
    log_.reset();
    std::filesystem::remove_all(directory_);
  }
  void open(bool is_per_message) {
    log_.reset();
    auto made = TruthLog::open(directory_ + "/log", is_per_message);
    ASSERT_TRUE(made);
    log_ = std::move(*made);
  }
  void add(Vendor vendor, std::string_view recipient) {
    log_->accepted({.time = from_ms(1),
                    .vendor = vendor,
                    .recipient = recipient,
                    .delivery = "dlv_1",
                    .collapse = "c",
                    .message_id = "m",
                    .content = "body"});
  }
  std::string directory_;
  std::unique_ptr<TruthLog> log_;
};

TEST_F(TruthLogTest, PagesGoThroughEveryEntryOnce) {
  for (int i = 0; i < 10; ++i) add(i % 2 == 0 ? Vendor::Apns : Vendor::Smtp, std::to_string(i));
  std::uint64_t since = 0;
  std::string seen;
  for (;;) {
    const auto page = log_->page(std::nullopt, since, 3);
    ASSERT_TRUE(page);
    if (page->entries.empty()) break;
    for (const auto& entry : page->entries) seen += entry.recipient;
    since = page->next;
  }
  EXPECT_EQ(seen, "0123456789");
  const auto mails = log_->page(Vendor::Smtp, 0, 100);
  ASSERT_EQ(mails->entries.size(), 5U);
  EXPECT_EQ(mails->entries[0].recipient, "1");
  EXPECT_EQ(mails->entries[0].delivery, "dlv_1");
}

TEST_F(TruthLogTest, InputCannotForgeALine) {
  add(Vendor::Apns, "a\tb\n9\tapns");
  const auto page = log_->page(std::nullopt, 0, 10);
  ASSERT_EQ(page->entries.size(), 1U);
  EXPECT_EQ(page->entries[0].recipient, "a?b?9?apns");
}

TEST_F(TruthLogTest, ClearEmptiesEverything) {
  add(Vendor::Apns, "a");
  log_->refused(Vendor::Apns, "BadTopic");
  ASSERT_TRUE(log_->clear());
  EXPECT_EQ(log_->counts()[index(Vendor::Apns)].accepted, 0U);
  EXPECT_TRUE(log_->page(std::nullopt, 0, 10)->entries.empty());
  EXPECT_TRUE(log_->last(Vendor::Apns, 10).empty());
}

TEST_F(TruthLogTest, LastGivesTheNewestWithContent) {
  for (int i = 0; i < 100; ++i) add(Vendor::Fcm, std::to_string(i));
  const auto last = log_->last(Vendor::Fcm, 2);
  ASSERT_EQ(last.size(), 2U);
  EXPECT_EQ(last[0].recipient, "99");
  EXPECT_EQ(last[1].recipient, "98");
  EXPECT_EQ(last[0].content, "body");
}

TEST_F(TruthLogTest, CountersOnlyWritesNoLines) {
  open(false);
  add(Vendor::Apns, "a");
  EXPECT_EQ(log_->counts()[index(Vendor::Apns)].accepted, 1U);
  EXPECT_TRUE(log_->page(std::nullopt, 0, 10)->entries.empty());
}

TEST(FindDelivery, ReadsBothSpellingsAndNothingElse) {
  EXPECT_EQ(find_delivery(R"({"aps":{},"carillon":{"d":"dlv_1"}})"), "dlv_1");
  EXPECT_EQ(find_delivery(R"({"aps":{},"carillon":{"id":"x","d":"dlv_1"},"a":1})"), "dlv_1");
  EXPECT_EQ(find_delivery(R"({"message":{"data":{"carillon.d":"dlv_2"},"token":"\"carillon"}})"), "dlv_2");
  EXPECT_EQ(find_delivery(R"({"aps":{"alert":"carillon d"}})"), "");
  EXPECT_EQ(find_delivery(R"({"carillon)"), "");
  EXPECT_EQ(find_delivery_text("https://a.example/cb?d=dlv_0123456789abc&x=1"), "dlv_0123456789abc");
  EXPECT_EQ(find_delivery_text("none"), "");
}

TEST(Faults, SameSeedGivesTheSameFates) {
  const auto fates = [](int seed) {
    Faults faults(0);
    EXPECT_TRUE(
        faults.apply(fmt::format(R"({{"seed":{},"apns":{{"rate_429":0.3,"reset_after":0.2}}}})", seed)));
    std::vector<Fault> all;
    for (int i = 0; i < 1000; ++i) all.push_back(faults.draw(Vendor::Apns).fault);
    return all;
  };
  EXPECT_EQ(fates(1), fates(1));
  EXPECT_NE(fates(1), fates(2));
  const auto throttled = std::ranges::count(fates(1), Fault::Throttle);
  EXPECT_GT(throttled, 240);
  EXPECT_LT(throttled, 360);
}

TEST(Faults, WrongDocumentsChangeNothing) {
  Faults faults(0);
  ASSERT_TRUE(faults.apply(R"({"fcm":{"rate_429":1}})"));
  for (const std::string_view wrong :
       {R"({"fcm":{"rate_429":2}})", R"({"fax":{}})", R"({"fcm":{"rate":1}})", "{"}) {
    EXPECT_FALSE(faults.apply(wrong)) << wrong;
  }
  EXPECT_EQ(faults.draw(Vendor::Fcm).fault, Fault::Throttle);
  EXPECT_EQ(faults.draw(Vendor::Apns).fault, Fault::None);
  faults.clear();
  EXPECT_EQ(faults.draw(Vendor::Fcm).fault, Fault::None);
}

}  // namespace
}  // namespace carillon::sim
