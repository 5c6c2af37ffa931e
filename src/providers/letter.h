// What the e-mail providers with an API of their own share: who writes, and what stands in the parts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/content.h"
#include "model/outcome.h"
#include "model/receipt.h"
#include "providers/mime.h"
#include "providers/provider.h"

namespace carillon::providers {

// The name under which vendors echo our delivery id: custom argument, metadata, tag. Letters and '_' only,
// since that is what all of them take.
inline constexpr std::string_view kDeliveryTag = "carillon_delivery";

// Echoed besides when copies go out with a mail, since vendors report about those under the same tags: whose
// delivery it is, as recipient_mark() of the address.
inline constexpr std::string_view kRecipientTag = "carillon_to";
[[nodiscard]] std::string recipient_mark(std::string_view address);

// ASCII letters made small, the rest as it is.
[[nodiscard]] std::string lower(std::string_view text);
// The text of that key; empty when there is none.
[[nodiscard]] std::string_view text_at(base::JsonElement element, std::string_view key) noexcept;
// A time in seconds since the epoch under that key, never after `now`; `now` where there is none.
[[nodiscard]] Time seconds_at(base::JsonElement element, std::string_view key, Time now) noexcept;

// A receipt with its delivery, and with the address where it says something about that. `delivery`, `mark`:
// the values of the two tags, `address`: whom the event is about. Nullopt: nothing we keep.
[[nodiscard]] std::optional<model::Receipt> attributed(model::Receipt receipt, std::string_view delivery,
                                                       std::string_view mark, std::string_view address);

// The sender's address and name: the request's, else the integration's.
struct LetterSender {
  std::string_view email, name;
  bool is_asked = false;  // by the request: a refusal says nothing about the integration
};
[[nodiscard]] LetterSender sender_of(const model::Message& message, const std::string& email,
                                     const std::string& name) noexcept;

// The parts of a message that has at least one: without any text the subject stands for it.
struct LetterParts {
  std::string_view subject, text;
  std::string html;  // with the preheader
};
[[nodiscard]] LetterParts parts_of(const model::Message& message);

// Of one delivery and generation, the same for every attempt: "dlv_…@domain", without brackets. `host`: the
// server's name; empty: the sender's domain.
[[nodiscard]] std::string message_id_of(const Job& job, std::string_view host, std::string_view sender);

// The complete mail of a job, for whoever takes MIME: everything but the envelope. `host`: as above.
[[nodiscard]] Mail mail_of(const Job& job, const LetterSender& sender, std::string_view host);

// Whether two messages of one notification, which has the same attachments for all, differ in nothing but
// their headers, and with `with_headers` not even in them.
[[nodiscard]] bool is_same_letter(const model::Message& a, const model::Message& b,
                                  bool with_headers) noexcept;

// The outcome for an address no mail can be sent to; nullopt when it can. `ascii_only`: the vendor takes no
// address with other characters, which says nothing about the address.
[[nodiscard]] std::optional<model::Outcome> address_fault(std::string_view address, bool ascii_only);

// The jobs whose address mail can be sent to; the others end here. `ascii_only`: as above.
[[nodiscard]] std::vector<Job*> mailable(std::span<Job* const> jobs, JobSink& sink, bool ascii_only);

// The outcome for a request of `bytes` where the vendor takes `bytes_max`; nullopt when it fits.
[[nodiscard]] std::optional<model::Outcome> size_fault(std::size_t bytes, std::size_t bytes_max);

}  // namespace carillon::providers
