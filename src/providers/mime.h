// Building e-mail: MIME through GMime, and DKIM signatures (RFC 6376, RFC 8463) through OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "model/content.h"
#include "net/body.h"

namespace carillon::providers {

// One mail. All text is UTF-8. Control characters never reach a header: they become spaces.
struct Mail {
  std::string from_email, from_name, to, reply_to, subject;
  std::vector<std::string> cc;
  std::string text, html, preheader;  // text or html may be empty, not both
  std::vector<std::pair<std::string, std::string>> headers;
  std::string message_id;  // without angle brackets
  std::string boundary;    // of the parts; must not occur in them, so let it be unique
  Time date{};
  std::shared_ptr<const model::MailAttachments> attachments{};  // null: none
};

// True for an address that may stand in a header and in an SMTP command: no control character, space,
// bracket, comma or quote, exactly one part before the last '@'.
[[nodiscard]] bool is_plain_mailbox(std::string_view address) noexcept;

// The HTML with the first words a mailbox shows beside the subject, which the mail itself hides; empty for
// empty HTML.
[[nodiscard]] std::string html_with_preheader(std::string_view html, std::string_view preheader);

// A header's value as ASCII (RFC 2047 where it is not), one line. Thread-safe.
[[nodiscard]] std::string encode_header(std::string_view value);

// The complete message with CRLF line ends, 7-bit clean, no line over 998 bytes, up to the content of the
// first attachment; `rest`: what follows, of which no line begins with a dot; null: nothing does.
// Thread-safe.
struct WrittenMail {
  std::string begin;
  std::shared_ptr<const net::Body> rest;
};
[[nodiscard]] WrittenMail write_mail(const Mail& mail);

// A signing key and the names of its DNS record <selector>._domainkey.<domain>.
class DkimSigner {
 public:
  // `pem`: PKCS#8, RSA of at least 1024 bits (rsa-sha256) or Ed25519 (ed25519-sha256).
  // Errors: InvalidArgument.
  static Result<DkimSigner> open(std::string domain, std::string selector, const base::Secret& pem);
  DkimSigner(DkimSigner&&) noexcept;
  DkimSigner& operator=(DkimSigner&&) noexcept;
  ~DkimSigner();

  // The DKIM-Signature field with its CRLF, to be put before `message` (complete with `rest`, if there is
  // one; CRLF line ends; its head in `message`).
  // Canonicalisation relaxed/relaxed; From is signed once more than it occurs, so that none can be added.
  // Errors: Internal (OpenSSL failed) · those of Body::read().
  [[nodiscard]] Result<std::string> sign(std::string_view message, Time now,
                                         const net::Body* rest = nullptr) const;

 private:
  struct Impl;
  explicit DkimSigner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// RFC 6376 §3.4.2 and §3.4.4. For tests and the signer.
[[nodiscard]] std::string dkim_relaxed_header(std::string_view name, std::string_view value);
[[nodiscard]] std::string dkim_relaxed_body(std::string_view body);

}  // namespace carillon::providers
