#include "providers/mime.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/crypto.h"
#include "providers/fixtures_test.h"

namespace carillon::providers {
namespace {

Mail plain_mail() {
  Mail mail;
  mail.from_email = "shop@example.com";
  mail.from_name = "가게";
  mail.to = "you@example.com";
  mail.subject = "주문이 도착했어요";
  mail.text = "Hello\nWorld\n.\n안녕";
  mail.html = "<html><body><p>안녕</p></body></html>";
  mail.message_id = "dlv_1-0@mail.example.com";
  mail.boundary = "=_dlv_1-0";
  mail.date = from_ms(1'790'000'000'000);
  return mail;
}

bool is_clean(std::string_view text) {
  std::size_t line = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) > 0x7e) return false;
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return false;
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return false;
    line = text[i] == '\n' ? 0 : line + 1;
    if (line > 998) return false;
  }
  return true;
}

std::string head_of(const std::string& mail) { return mail.substr(0, mail.find("\r\n\r\n") + 2); }

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Mime, WritesAMailThatEveryServerTakes) {
  const std::string mail = write_mail(plain_mail()).begin;
  EXPECT_TRUE(is_clean(mail)) << mail;
  const std::string head = head_of(mail);
  EXPECT_TRUE(head.contains("From: =?")) << head;
  EXPECT_TRUE(head.contains("<shop@example.com>\r\n"));
  EXPECT_TRUE(head.contains("To: you@example.com\r\n"));
  EXPECT_TRUE(head.contains("Message-Id: <dlv_1-0@mail.example.com>\r\n")) << head;
  EXPECT_TRUE(head.contains("Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n")) << head;
  EXPECT_TRUE(head.contains("MIME-Version: 1.0\r\n") || head.contains("Mime-Version: 1.0\r\n")) << head;
  EXPECT_TRUE(head.contains("multipart/alternative"));
  EXPECT_LT(mail.find("text/plain"), mail.find("text/html"));
}

TEST(Mime, WritesTheSameBytesForTheSameMail) {
  EXPECT_EQ(write_mail(plain_mail()).begin, write_mail(plain_mail()).begin);
}

TEST(Mime, OnePartNeedsNoMultipart) {
  Mail mail = plain_mail();
  mail.html.clear();
  EXPECT_FALSE(write_mail(mail).begin.contains("multipart"));
  EXPECT_TRUE(write_mail(mail).begin.contains("text/plain"));
}

TEST(Mime, PutsThePreheaderFirstAndHidden) {
  Mail mail = plain_mail();
  mail.text.clear();
  mail.html = "<html><body class=\"x\"><p>a</p></body></html>";
  mail.preheader = "1 < 2";
  std::string flat = write_mail(mail).begin;
  for (std::size_t at; (at = flat.find("=\r\n")) != std::string::npos;) flat.erase(at, 3);
  EXPECT_TRUE(flat.contains("<body class=3D\"x\"><div style=3D\"display:none")) << flat;
  EXPECT_TRUE(flat.contains("1 &lt; 2</div><p>a")) << flat;
}

TEST(Mime, NoTextEndsAHeader) {
  Mail mail = plain_mail();
  const std::string evil = "a\r\nBcc: thief@example.com\r\n\r\nbody";
  mail.subject = mail.from_name = mail.message_id = evil;
  mail.reply_to = "a@example.com\r\nBcc: thief@example.com";
  mail.cc = {"b@example.com>\r\nBcc: <thief@example.com"};
  mail.headers = {{"X-Ok", evil}, {"X-Bad\r\nBcc", "thief@example.com"}, {"X Bad", "v"}};
  const std::string head = head_of(write_mail(mail).begin);
  EXPECT_EQ(count_of(head, "\nBcc"), 0U) << head;
  EXPECT_EQ(count_of(head, "\nCc"), 0U);
  EXPECT_EQ(count_of(head, "\nReply-To"), 0U);
  EXPECT_TRUE(head.contains("multipart/alternative")) << head;  // still in the head: nothing ended it early
}

RC_GTEST_PROP(Mime, IsCleanWhateverTheText,
              (std::string subject, std::string text, std::string name, std::string value)) {
  Mail mail = plain_mail();
  mail.subject = std::move(subject);
  mail.text = std::move(text);
  mail.from_name = std::move(name);
  mail.headers = {{"X-Any", std::move(value)}};
  RC_ASSERT(is_clean(write_mail(mail).begin));
}

TEST(Mime, KnowsAPlainMailbox) {
  for (const char* good : {"a@example.com", "a.b+c@example.com", "가@예시.한국"})
    EXPECT_TRUE(is_plain_mailbox(good)) << good;
  for (const char* bad :
       {"", "a", "@b", "a@", "a b@c.d", "a@b,c@d", "<a@b>", "a@b\r\n", "a@b@c", "\"a\"@b"}) {
    EXPECT_FALSE(is_plain_mailbox(bad)) << bad;
  }
}

// RFC 6376 §3.4.5 and the vectors of its body hashes.
TEST(Dkim, CanonicalisesAsTheStandardsExamples) {
  EXPECT_EQ(dkim_relaxed_header("A", " X"), "a:X");
  EXPECT_EQ(dkim_relaxed_header("B ", " Y\t\r\n\tZ  "), "b:Y Z");
  EXPECT_EQ(dkim_relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
  EXPECT_EQ(base::base64(base::sha256(
                dkim_relaxed_body("Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"))),
            "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
  EXPECT_EQ(base::base64(base::sha256(dkim_relaxed_body(""))),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_EQ(dkim_relaxed_body("\r\n\r\n"), "");
}

TEST(Dkim, SignsWithBothAlgorithms) {
  for (const auto& [pem, name] : {std::pair{testing_only::make_key("RSA", "2048"), "a=rsa-sha256"},
                                  std::pair{testing_only::make_key("ED25519"), "a=ed25519-sha256"}}) {
    const auto signer = DkimSigner::open("example.com", "s1", base::Secret(pem));
    ASSERT_TRUE(signer) << signer.error().message;
    const std::string mail = write_mail(plain_mail()).begin;
    const auto field = signer->sign(mail, from_ms(1'790'000'000'000));
    ASSERT_TRUE(field);
    EXPECT_TRUE(field->starts_with("DKIM-Signature: v=1; ")) << *field;
    EXPECT_TRUE(field->contains(name));
    EXPECT_TRUE(field->contains("h=from:from:to:subject:date:message-id:"));
    EXPECT_TRUE(field->ends_with("\r\n"));
    EXPECT_TRUE(is_clean(*field));
  }
}

TEST(Dkim, SaysWhatIsWrongWithAKey) {
  EXPECT_FALSE(DkimSigner::open("d", "s", base::Secret("no key")));
  EXPECT_FALSE(DkimSigner::open("d", "s", base::Secret(testing_only::make_key("EC", "P-256"))));
}

}  // namespace
}  // namespace carillon::providers
