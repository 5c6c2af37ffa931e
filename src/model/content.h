// What is said, per channel: one shape inline and in templates, and what comes out of rendering it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "model/channel.h"

namespace carillon::model {

struct PushContent {
  std::string title, body, sound, action_loc_key;
  std::optional<std::int64_t> badge;
  std::string data, apns, fcm, actions;  // JSON (objects; actions: array), or empty
};
struct EmailContent {
  std::string subject, preheader, html, text, reply_to;
  std::vector<std::string> cc, bcc;
  std::vector<std::pair<std::string, std::string>> headers;
};
struct SmsContent { std::string body; };
struct VoiceContent { std::string text, language, voice; std::int64_t repeat = 1; };
struct ChatContent { std::string text, slack, kakao; };  // slack, kakao: JSON objects, or empty
struct WebhookContent { std::string body; };             // JSON, or empty

// Unrendered content (CONTRACT §4). Base fields; a block overrides them for its channel.
struct Content {
  std::string title, body, url, image;
  std::optional<PushContent> push;
  std::optional<EmailContent> email;
  std::optional<SmsContent> sms;
  std::optional<VoiceContent> voice;
  std::optional<ChatContent> chat;
  std::optional<WebhookContent> webhook;

  [[nodiscard]] bool is_empty() const noexcept;
  // True when there is anything to say on that channel, from its block or the base fields.
  [[nodiscard]] bool covers(Channel channel) const noexcept;
};

inline constexpr std::size_t kTextMax = 64 * 1024;   // bytes of a body
inline constexpr std::size_t kHtmlMax = 192 * 1024;  // bytes of an e-mail's HTML part
inline constexpr std::size_t kHeadersMax = 32;       // headers of an e-mail
inline constexpr std::size_t kCopiesMax = 50;        // addresses in cc, and in bcc

// In a template an address or a URL may be a tag, so what it must look like is checked when rendered.
enum class ContentUse : std::uint8_t { Inline, Template };

// Reads the content members out of `reader` (an inline request or one locale of a template),
// including the short form `subject` + `content:[{type,value}]`. NUL is refused everywhere, CR and LF
// in header names and values, and headers that the mail builder writes itself. URL schemes: http,
// https, mailto, tel. `inbox` says nothing of its own (base fields). reader.done() is the caller's.
// Codes: problem_codes.def.
void read_content(base::ObjectReader& reader, Content& into, ContentUse use = ContentUse::Inline);
void write_content(base::JsonWriter& out, const Content& content);  // members only, no braces

// A file that goes with an e-mail, or a picture in it.
struct MailAttachment {
  std::string filename, type;  // type: "image/png"
  std::string content_id;      // by which the HTML names it, cid:…; empty: it does not
  bool is_inline = false;      // shown in place
  std::shared_ptr<const std::string> content;
};
using MailAttachments = std::vector<MailAttachment>;

// Rendered content of one delivery: what a provider is handed.
struct Message {
  std::string title, body;        // push: after overrides; sms: body; voice, chat: body is the text
  std::string url, image;
  // push; data is also the webhook's own body (JSON, or empty: the base fields are posted)
  std::string sound, action_loc_key, data, apns, fcm, actions;
  std::optional<std::int64_t> badge;
  // email
  std::string subject, preheader, html, reply_to;  // body is the plain text part
  bool html_has_preheader = false;                 // the layout shows it
  std::vector<std::string> cc, bcc;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string from_email, from_name, from_phone;   // the request's `from`, or empty
  std::shared_ptr<const MailAttachments> attachments{};  // the same for all of one notification; null: none
  // voice, chat, webhook
  std::string language, voice, slack, kakao;
  std::int64_t repeat = 1;
  // what was used
  std::string locale;
};
// True for http, https, mailto and tel, and for text without a scheme. What a browser skips before and
// inside a scheme (spaces, control characters) is skipped here too.
[[nodiscard]] bool is_safe_link(std::string_view url) noexcept;

// The rendered message as JSON (sandbox messages, history, preview).
void write_message(base::JsonWriter& out, const Message& message, Channel channel);

}  // namespace carillon::model
