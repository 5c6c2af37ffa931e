#include "providers/smtp.h"

#include <gtest/gtest.h>

#include <map>

#include "providers/fixtures_test.h"
#include "providers/letter.h"

namespace carillon::providers::smtp_detail {
namespace {

using model::OutcomeKind;
using Phase = net::SmtpReply::Phase;

net::SmtpReply reply_of(base::JsonElement answer) {
  static const std::map<std::string, Phase> kPhases = {
      {"connect", Phase::Connect},     {"auth", Phase::Auth}, {"mail_from", Phase::MailFrom},
      {"recipient", Phase::Recipient}, {"data", Phase::Data}, {"done", Phase::Done}};
  net::SmtpReply reply;
  reply.code = static_cast<int>(testing_only::number_of(answer, "code"));
  reply.enhanced = testing_only::text_of(answer, "enhanced");
  reply.text = testing_only::text_of(answer, "text");
  reply.phase = kPhases.at(testing_only::text_of(answer, "phase"));
  return reply;
}

TEST(Smtp, ReadsEveryRecordedReply) {
  testing_only::for_each_fixture("smtp", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(reply_of(answer), "handle"), outcome, file);
  });
}

TEST(Smtp, ClassifiesEveryEnhancedCode) {
  const std::map<OutcomeKind, std::vector<std::string>> expected = {
      {OutcomeKind::InvalidRecipient, {"1.0", "1.1", "1.2", "1.3", "1.4", "1.6", "1.10", "2.1", "4.4"}},
      {OutcomeKind::Misconfigured,
       {"1.7", "1.8", "7.8", "7.9", "7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26"}},
      {OutcomeKind::Temporary, {"2.2", "2.4", "3.1", "3.2", "3.5", "4.1", "4.2", "4.3", "4.5", "5.3"}},
      {OutcomeKind::Permanent, {"2.3", "3.3", "3.4", "4.6", "4.7", "5.*", "6.*", "7.1", "7.*"}},
  };
  std::size_t count = 0;
  for (const auto& [kind, codes] : expected) {
    for (const std::string& code : codes) {
      ++count;
      const std::string detail = code.ends_with('*') ? code.substr(0, 2) + "99" : code;
      EXPECT_EQ(classify({550, "5." + detail, "text", Phase::Recipient}, "h").kind, kind) << code;
      EXPECT_EQ(classify({450, "4." + detail, "text", Phase::Recipient}, "h").kind, OutcomeKind::Temporary)
          << code;
    }
  }
  EXPECT_EQ(status_rows().size(), count);
}

TEST(Smtp, JudgesARefusalWithoutAnEnhancedCodeByItsPhase) {
  struct Expected {
    int code;
    Phase phase;
    OutcomeKind kind;
  };
  for (const Expected& e : {Expected{554, Phase::Connect, OutcomeKind::Temporary},
                            {535, Phase::Auth, OutcomeKind::Misconfigured},
                            {454, Phase::Auth, OutcomeKind::Temporary},
                            {550, Phase::MailFrom, OutcomeKind::Misconfigured},
                            {552, Phase::MailFrom, OutcomeKind::Permanent},
                            {550, Phase::Recipient, OutcomeKind::InvalidRecipient},
                            {552, Phase::Recipient, OutcomeKind::Temporary},
                            {554, Phase::Recipient, OutcomeKind::Permanent},
                            {554, Phase::Data, OutcomeKind::Permanent},
                            {451, Phase::Data, OutcomeKind::Temporary}}) {
    EXPECT_EQ(classify({e.code, "", "text", e.phase}, "h").kind, e.kind) << e.code;
  }
}

TEST(Smtp, ACallersStrangeSenderDoesNotStopTheOthers) {
  for (const net::SmtpReply& refusal : {net::SmtpReply{550, "", "text", Phase::MailFrom},
                                        {553, "5.1.8", "text", Phase::MailFrom},
                                        {501, "5.1.7", "text", Phase::MailFrom},
                                        {550, "5.7.26", "text", Phase::Data}}) {
    EXPECT_EQ(classify(refusal, "h", false).kind, OutcomeKind::Misconfigured) << refusal.enhanced;
    EXPECT_EQ(classify(refusal, "h", true).kind, OutcomeKind::Permanent) << refusal.enhanced;
  }
  for (const net::SmtpReply& refusal :
       {net::SmtpReply{535, "5.7.8", "text", Phase::Auth}, {530, "5.7.0", "text", Phase::MailFrom}}) {
    EXPECT_EQ(classify(refusal, "h", true).kind, OutcomeKind::Misconfigured) << refusal.code;
  }
}

TEST(Smtp, EveryAttemptHasTheSameMessageId) {
  Job job = testing_only::job_of("you@example.com");
  auto message = testing_only::message_of("Title", "Text");
  job.message = message;
  Options options;
  options.from_email = "shop@example.com";
  options.from_name = "Shop";
  const Mail first = mail_of(job, options, "mail.example.com");
  job.now += std::chrono::hours(1);
  EXPECT_EQ(mail_of(job, options, "mail.example.com").message_id, first.message_id);
  EXPECT_EQ(first.message_id, job.handle() + "@mail.example.com");
  job.generation = 1;
  EXPECT_NE(mail_of(job, options, "mail.example.com").message_id, first.message_id);
  EXPECT_EQ(first.subject, "Title");
  EXPECT_EQ(first.from_name, "Shop");
  message->from_email = "other@example.com";
  EXPECT_EQ(mail_of(job, options, "").from_email, "other@example.com");
  EXPECT_EQ(mail_of(job, options, "").from_name, "");
}

TEST(Smtp, TheCallersAutoSubmittedTakesThePlaceOfOurs) {
  Job job = testing_only::job_of("you@example.com");
  auto message = testing_only::message_of("Title", "Text");
  job.message = message;
  Options options;
  options.from_email = "shop@example.com";
  const auto said = [&] {
    std::vector<std::string> values;
    for (const auto& [name, value] : mail_of(job, options, "").headers) {
      if (lower(name) == "auto-submitted") values.push_back(value);
    }
    return values;
  };
  EXPECT_EQ(said(), std::vector<std::string>{"auto-generated"});
  message->headers = {{"auto-submitted", "auto-replied"}};
  EXPECT_EQ(said(), std::vector<std::string>{"auto-replied"});
}

}  // namespace
}  // namespace carillon::providers::smtp_detail
