#include "providers/letter.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/crypto.h"
#include "base/ids.h"

namespace carillon::providers {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

std::string recipient_mark(std::string_view address) {
  constexpr std::size_t kDigits = 16;
  return base::hex(base::sha256(lower(address))).substr(0, kDigits);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string_view text_at(base::JsonElement element, std::string_view key) noexcept {
  std::string_view out;
  return element[key].get(out) == simdjson::SUCCESS ? out : std::string_view();
}

Time seconds_at(base::JsonElement element, std::string_view key, Time now) noexcept {
  constexpr std::int64_t kMax = 32'503'680'000;  // the year 3000
  std::int64_t at = 0;
  if (element[key].get(at) != simdjson::SUCCESS || at <= 0 || at > kMax) return now;
  return std::min(now, from_ms(at * 1000));
}

std::optional<model::Receipt> attributed(model::Receipt receipt, std::string_view delivery,
                                         std::string_view mark, std::string_view address) {
  const bool is_about_copy = !mark.empty() && mark != recipient_mark(address);
  if (!is_about_copy) receipt.delivery = base::parse_id(base::kDeliveryPrefix, delivery).value_or(0);
  switch (receipt.kind) {
    case ReceiptKind::Bounced:
    case ReceiptKind::Complained:
    case ReceiptKind::Unsubscribed:
    case ReceiptKind::Resubscribed:
      receipt.address = lower(address);
      if (!is_plain_mailbox(receipt.address)) receipt.address.clear();
      break;
    case ReceiptKind::Sent:
    case ReceiptKind::Delivered:
    case ReceiptKind::Undelivered:
    case ReceiptKind::Opened:
    case ReceiptKind::Clicked:
    case ReceiptKind::Converted: break;
  }
  // Else of mail that somebody else sent with this account.
  if (receipt.delivery == 0 && receipt.address.empty()) return std::nullopt;
  return receipt;
}

LetterSender sender_of(const model::Message& message, const std::string& email,
                       const std::string& name) noexcept {
  const bool is_asked = !message.from_email.empty() && is_plain_mailbox(message.from_email);
  return {.email = is_asked ? message.from_email : email,
          .name = is_asked || !message.from_name.empty() ? message.from_name : name,
          .is_asked = is_asked && message.from_email != email};
}

LetterParts parts_of(const model::Message& message) {
  LetterParts parts;
  parts.subject = message.subject.empty() ? message.title : message.subject;
  parts.text = message.body;
  parts.html =
      message.html_has_preheader ? message.html : html_with_preheader(message.html, message.preheader);
  if (parts.text.empty() && parts.html.empty()) parts.text = parts.subject;
  return parts;
}

std::string message_id_of(const Job& job, std::string_view host, std::string_view sender) {
  if (host.empty()) host = sender.substr(std::min(sender.size(), sender.rfind('@') + 1));
  return fmt::format("{}@{}", job.handle(), host.empty() ? "carillon.invalid" : host);
}

Mail mail_of(const Job& job, const LetterSender& sender, std::string_view host) {
  const model::Message& m = *job.message;
  Mail mail;
  mail.from_email = sender.email;
  mail.from_name = sender.name;
  mail.to = job.target.address;
  mail.cc = m.cc;
  mail.reply_to = m.reply_to;
  mail.subject = m.subject.empty() ? m.title : m.subject;
  mail.text = m.body;
  mail.html = m.html;
  if (!m.html_has_preheader) mail.preheader = m.preheader;
  mail.headers = {{"X-Carillon-Delivery", job.delivery_text()}};
  const auto is_auto = [](const auto& header) { return lower(header.first) == "auto-submitted"; };
  if (std::ranges::none_of(m.headers, is_auto)) mail.headers.emplace_back("Auto-Submitted", "auto-generated");
  mail.headers.insert(mail.headers.end(), m.headers.begin(), m.headers.end());
  mail.message_id = message_id_of(job, host, sender.email);
  mail.boundary = "=_" + job.handle();
  mail.date = job.now;
  mail.attachments = m.attachments;
  return mail;
}

bool is_same_letter(const model::Message& a, const model::Message& b, bool with_headers) noexcept {
  if (&a == &b) return true;
  const auto text = [](const model::Message& m) {
    return std::tie(m.title, m.subject, m.preheader, m.html_has_preheader, m.body, m.html, m.reply_to,
                    m.from_email, m.from_name, m.cc, m.bcc);
  };
  return text(a) == text(b) && (!with_headers || a.headers == b.headers);
}

std::optional<Outcome> address_fault(std::string_view address, bool ascii_only) {
  if (!is_plain_mailbox(address)) {
    return Outcome::of(OutcomeKind::InvalidRecipient, 0, "5.1.3", "not an e-mail address");
  }
  const bool is_ascii =
      std::ranges::all_of(address, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii_only && !is_ascii) {
    return Outcome::of(OutcomeKind::Permanent, 0, "5.6.7",
                       "this vendor takes no address with characters beyond ASCII");
  }
  return std::nullopt;
}

std::vector<Job*> mailable(std::span<Job* const> jobs, JobSink& sink, bool ascii_only) {
  std::vector<Job*> good;
  good.reserve(jobs.size());
  for (Job* job : jobs) {
    if (auto fault = address_fault(job->target.address, ascii_only)) {
      sink.finished(*job, std::move(*fault));
    } else {
      good.push_back(job);
    }
  }
  return good;
}

std::optional<Outcome> size_fault(std::size_t bytes, std::size_t bytes_max) {
  if (bytes <= bytes_max) return std::nullopt;
  return Outcome::of(
      OutcomeKind::Permanent, 0, "too_large",
      fmt::format("the request of {} bytes is {} bytes over the vendor's limit", bytes, bytes - bytes_max));
}

}  // namespace carillon::providers
