#include "providers/attachments.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/crypto.h"
#include "base/json.h"
#include "providers/fixtures_test.h"
#include "providers/mailchimp.h"
#include "providers/mime.h"
#include "providers/sendgrid.h"

namespace carillon::providers {
namespace {

using model::MailAttachment;
using model::MailAttachments;

MailAttachment file(std::string name, std::string type, std::string bytes, std::string content_id = {}) {
  MailAttachment made;
  made.filename = std::move(name);
  made.type = std::move(type);
  made.is_inline = !content_id.empty();
  made.content_id = std::move(content_id);
  made.content = std::make_shared<const std::string>(std::move(bytes));
  return made;
}

std::shared_ptr<const MailAttachments> three() {
  MailAttachments all;
  all.push_back(file("a.pdf", "application/pdf", base::random_bytes(100'000)));
  all.push_back(file("logo.png", "image/png", "a picture", "logo"));
  all.push_back(file("März.txt", "text/plain", ".\r\n"));
  return std::make_shared<const MailAttachments>(std::move(all));
}

Mail mail_with(std::shared_ptr<const MailAttachments> attachments) {
  Mail mail;
  mail.from_email = "shop@example.com";
  mail.to = "you@example.com";
  mail.subject = "Bells";
  mail.text = "They ring.";
  mail.html = "<img src=\"cid:logo\">";
  mail.message_id = "dlv_1-0@mail.example.com";
  mail.boundary = "=_dlv_1-0";
  mail.attachments = std::move(attachments);
  return mail;
}

std::string whole(const WrittenMail& mail) {
  return mail.rest ? mail.begin + mail.rest->text().value() : mail.begin;
}

std::string wrapped(std::string_view bytes) {
  const std::string characters = base::base64(bytes);
  std::string out;
  for (std::size_t at = 0; at < characters.size(); at += 76) out += characters.substr(at, 76) + "\r\n";
  return out;
}

Job job_with(std::shared_ptr<const MailAttachments> attachments) {
  auto message = std::make_shared<model::Message>();
  message->subject = "Bells";
  message->body = "They ring.";
  message->attachments = std::move(attachments);
  Job job;
  job.delivery = 7;
  job.target.address = "you@example.com";
  job.message = std::move(message);
  return job;
}

TEST(Attachments, FollowTheTextAndPicturesTheHtml) {
  const auto all = three();
  const WrittenMail mail = write_mail(mail_with(all));
  ASSERT_TRUE(mail.rest);
  EXPECT_TRUE(mail.begin.ends_with("\r\n\r\n")) << mail.begin.substr(mail.begin.size() - 200);
  const std::string text = whole(mail);
  const auto at = [&](std::string_view what) {
    const std::size_t found = text.find(what);
    EXPECT_NE(found, std::string::npos) << what << "\n" << text.substr(0, 3000);
    return found;
  };
  EXPECT_LT(at("multipart/mixed"), at("multipart/alternative"));
  EXPECT_LT(at("multipart/alternative"), at("multipart/related"));
  EXPECT_LT(at("multipart/related"), at("Content-Id: <logo>"));
  EXPECT_LT(at("Content-Id: <logo>"), at("filename=a.pdf"));
  for (const auto& each : *all)
    EXPECT_TRUE(text.contains("\r\n\r\n" + wrapped(*each.content))) << each.filename;
  EXPECT_TRUE(text.ends_with("--=_dlv_1-0m--\r\n"));
}

TEST(Attachments, NeverBeginALineWithADotInWhatIsSentAsItStands) {
  EXPECT_TRUE(rc::check([](const std::string& name, const std::string& type, const std::string& bytes) {
    MailAttachments all;
    all.push_back(file(name, "x/" + type, bytes.empty() ? "x" : bytes));
    all.push_back(file(name, type, "...", "..."));
    const WrittenMail mail = write_mail(mail_with(std::make_shared<const MailAttachments>(std::move(all))));
    const std::string rest = mail.rest->text().value();
    RC_ASSERT(!rest.starts_with('.'));
    RC_ASSERT(!rest.contains("\n."));
    RC_ASSERT(rest.ends_with("\r\n"));
    RC_ASSERT(std::ranges::all_of(whole(mail), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  }));
}

TEST(Attachments, NoNameEndsAHeader) {
  MailAttachments all;
  all.push_back(file("a\r\nBcc: thief@example.com\r\n\r\n.pdf", "text/x\r\nX-Evil: 1", "x"));
  const std::string text =
      whole(write_mail(mail_with(std::make_shared<const MailAttachments>(std::move(all)))));
  EXPECT_FALSE(text.contains("\nBcc:"));
  EXPECT_FALSE(text.contains("\nX-Evil:"));
}

TEST(Attachments, WithoutAnyAMailIsWholeAtOnce) {
  const WrittenMail mail = write_mail(mail_with(nullptr));
  EXPECT_FALSE(mail.rest);
  EXPECT_FALSE(mail.begin.contains("mixed"));
}

TEST(Attachments, AreSignedLikeTheRestOfTheMail) {
  const std::string key = testing_only::make_key("ED25519");
  const auto signer = DkimSigner::open("example.com", "s1", base::Secret(key));
  ASSERT_TRUE(signer) << signer.error().message;
  const WrittenMail mail = write_mail(mail_with(three()));
  EXPECT_EQ(signer->sign(mail.begin, from_ms(0), mail.rest.get()).value(),
            signer->sign(whole(mail), from_ms(0)).value());
}

TEST(Attachments, AreWhatSendgridDocuments) {
  const auto all = three();
  Job job = job_with(all);
  Job* const jobs[] = {&job};
  const std::string json = sendgrid_detail::body_of(jobs, {}, "mail.example.com").text().value();
  base::JsonDocument document;
  const auto root = document.parse(json);
  ASSERT_TRUE(root) << json.substr(0, 500);
  EXPECT_EQ(base::to_json((*root)["attachments"].at(1).value()),
            R"({"content":"YSBwaWN0dXJl","type":"image/png","filename":"logo.png","disposition":"inline",)"
            R"("content_id":"logo"})");
  EXPECT_EQ((*root)["attachments"].at(0)["content"].get_string().value(), base::base64(*all->at(0).content));
  EXPECT_EQ((*root)["attachments"].at(0)["disposition"].get_string().value(), "attachment");
}

TEST(Attachments, AreWhatMailchimpDocuments) {
  Job job = job_with(three());
  Job* const jobs[] = {&job};
  const std::string json = mailchimp_detail::body_of(jobs, {}).text().value();
  base::JsonDocument document;
  const auto root = document.parse(json);
  ASSERT_TRUE(root) << json.substr(0, 500);
  EXPECT_EQ(base::to_json((*root)["message"]["images"].value()),
            R"([{"type":"image/png","name":"logo","content":"YSBwaWN0dXJl"}])");
  EXPECT_EQ((*root)["message"]["attachments"].get_array().value().size(), 2U);
  EXPECT_EQ((*root)["message"]["attachments"].at(1)["name"].get_string().value(), "März.txt");
}

TEST(Attachments, AreHeldOnceHoweverManyRequestsCarryThem) {
  const auto all = three();
  std::vector<net::Body> bodies;
  for (int i = 0; i < 10; ++i) {
    Job job = job_with(all);
    Job* const jobs[] = {&job};
    bodies.push_back(sendgrid_detail::body_of(jobs, {}, ""));
  }
  EXPECT_GE(all->at(0).content.use_count(), 11);
}

}  // namespace
}  // namespace carillon::providers
