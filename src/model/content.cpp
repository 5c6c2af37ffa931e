#include "model/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/ids.h"
#include "model/address.h"
#include "model/push_block.h"

namespace carillon::model {
namespace {

constexpr std::size_t kTitleMax = 1024;      // bytes
constexpr std::size_t kSubjectMax = 998;     // bytes, a line of RFC 5322 §2.1.1
constexpr std::size_t kUrlMax = 2048;        // bytes
constexpr std::size_t kWordMax = 128;        // bytes: sound, loc-key, voice
constexpr std::size_t kLanguageMax = 35;     // bytes, RFC 5646 §4.4.1
constexpr std::size_t kAddressMax = 512;     // bytes of an address as written; a template may hold a tag
constexpr std::size_t kJsonMax = 16 * 1024;  // bytes of a JSON part; vendors allow 4 KB a push
constexpr std::size_t kActionsMax = 8;
constexpr std::size_t kPartsMax = 2;  // of the short form: text and HTML
constexpr std::int64_t kRepeatMax = 5;
constexpr std::int64_t kBadgeMax = 99'999;

// Written by the mail builder from other fields, or by the servers on the way.
constexpr std::array<std::string_view, 21> kReservedHeaders{"from",
                                                            "to",
                                                            "cc",
                                                            "bcc",
                                                            "subject",
                                                            "date",
                                                            "message-id",
                                                            "sender",
                                                            "reply-to",
                                                            "return-path",
                                                            "received",
                                                            "mime-version",
                                                            "content-type",
                                                            "content-transfer-encoding",
                                                            "content-disposition",
                                                            "content-id",
                                                            "dkim-signature",
                                                            "authentication-results",
                                                            "resent-from",
                                                            "arc-seal",
                                                            "x-carillon-delivery"};

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool has_line_break(std::string_view text) noexcept {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

// RFC 5322 §3.6.8 ftext.
bool is_header_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kWordMax &&
         std::ranges::all_of(name, [](char c) { return c > 32 && c < 127 && c != ':'; });
}

bool is_reserved_header(std::string_view name) {
  std::string lowered;
  std::ranges::transform(name, std::back_inserter(lowered), lower);
  return std::ranges::find(kReservedHeaders, lowered) != kReservedHeaders.end();
}

class ContentReader {
 public:
  ContentReader(Content& into, ContentUse use) : into_(into), use_(use) {}

  void read(base::ObjectReader& reader) {
    text(reader, "title", into_.title, kTitleMax);
    text(reader, "body", into_.body, kTextMax);
    url(reader, "url", into_.url);
    image(reader, into_.image);
    block(reader, "push", into_.push, &ContentReader::read_push);
    block(reader, "email", into_.email, &ContentReader::read_email);
    block(reader, "sms", into_.sms, &ContentReader::read_sms);
    block(reader, "voice", into_.voice, &ContentReader::read_voice);
    block(reader, "chat", into_.chat, &ContentReader::read_chat);
    block(reader, "webhook", into_.webhook, &ContentReader::read_webhook);
    if (const auto inbox = reader.element("inbox")) {
      base::ObjectReader(*inbox, reader.pointer("inbox"), reader.problems()).done();
    }
    read_short_form(reader);
  }

 private:
  template <class Block>
  void block(base::ObjectReader& reader, std::string_view key, std::optional<Block>& out,
             void (ContentReader::*read_block)(base::ObjectReader&, Block&)) {
    const auto value = reader.element(key);
    if (!value) return;
    base::ObjectReader inner(*value, reader.pointer(key), reader.problems());
    (this->*read_block)(inner, out.emplace());
    inner.done();
  }

  bool text(base::ObjectReader& reader, std::string_view key, std::string& out, std::size_t max) {
    if (!reader.text(key, out, max)) return false;
    if (out.find('\0') == std::string::npos) return true;
    reader.problem(key, "invalid_text", "remove the NUL character");
    return false;
  }

  void url(base::ObjectReader& reader, std::string_view key, std::string& out) {
    if (!text(reader, key, out, kUrlMax) || use_ == ContentUse::Template) return;
    if (!is_safe_link(out))
      reader.problem(key, "invalid_url", "a link begins with http, https, mailto or tel");
  }

  void image(base::ObjectReader& reader, std::string& out) {
    if (!text(reader, "image", out, kUrlMax) || out.empty() || use_ == ContentUse::Template) return;
    constexpr std::string_view kHttps = "https://";
    const bool is_url = out.starts_with(kHttps) && out.size() > kHttps.size() &&
                        out.find_first_of("/?#", kHttps.size()) != kHttps.size();
    if (!is_url && !base::parse_id(base::kObjectPrefix, out)) {
      reader.problem("image", "invalid_url",
                     "an image is an https URL or the obj_… id of an uploaded object");
    }
  }

  // A JSON value of the wanted shape, kept as compact text.
  void json(base::ObjectReader& reader, std::string_view key, std::string& out) {
    const auto value = reader.element(key);
    if (!value) return;
    std::string kept = base::to_json(*value);
    if (kept.size() > kJsonMax) {
      reader.problem(key, "too_long",
                     fmt::format("at most {} bytes are allowed, this is {}", kJsonMax, kept.size()));
      return;
    }
    out = std::move(kept);
  }
  void object(base::ObjectReader& reader, std::string_view key, std::string& out) {
    const auto value = reader.element(key);
    if (value && !value->is_object()) return reader.problem(key, "wrong_type", "must be an object");
    json(reader, key, out);
  }

  void block_of_vendor(base::ObjectReader& reader, std::string_view key, std::string& out,
                       void (*check)(base::JsonElement, const std::string&, bool, base::Problems&)) {
    const auto value = reader.element(key);
    if (!value) return;
    const std::size_t problems_before = reader.problems().size();
    check(*value, reader.pointer(key), use_ == ContentUse::Template, reader.problems());
    if (reader.problems().size() == problems_before) json(reader, key, out);
  }

  void read_push(base::ObjectReader& reader, PushContent& push) {
    text(reader, "title", push.title, kTitleMax);
    text(reader, "body", push.body, kTextMax);
    text(reader, "sound", push.sound, kWordMax);
    text(reader, "action_loc_key", push.action_loc_key, kWordMax);
    std::int64_t badge = 0;
    if (reader.integer("badge", badge, 0, kBadgeMax)) push.badge = badge;
    object(reader, "data", push.data);
    block_of_vendor(reader, "apns", push.apns, check_apns_block);
    block_of_vendor(reader, "fcm", push.fcm, check_fcm_block);
    bool are_objects = true;
    const bool has_actions =
        reader.array("actions", kActionsMax, [&](base::JsonElement item, const std::string& at) {
          if (item.is_object()) return;
          are_objects = false;
          reader.problems().push_back({at, "wrong_type", "must be an object"});
        });
    if (has_actions && are_objects) json(reader, "actions", push.actions);
  }

  void read_email(base::ObjectReader& reader, EmailContent& email) {
    text(reader, "subject", email.subject, kSubjectMax);
    text(reader, "preheader", email.preheader, kTitleMax);
    text(reader, "html", email.html, kHtmlMax);
    text(reader, "text", email.text, kTextMax);
    if (text(reader, "reply_to", email.reply_to, kAddressMax)) address(reader, "reply_to", email.reply_to);
    addresses(reader, "cc", email.cc);
    addresses(reader, "bcc", email.bcc);
    if (const auto headers = reader.element("headers")) read_headers(reader, *headers, email);
  }

  void address(base::ObjectReader& reader, std::string_view key, std::string& out) {
    if (has_line_break(out)) return reader.problem(key, "invalid_email", "an address has no line breaks");
    if (use_ == ContentUse::Template || out.empty()) return;
    auto email = normalize_email(out);
    if (!email) return reader.problem(key, "invalid_email", std::move(email).error().message);
    out = std::move(*email);
  }

  void addresses(base::ObjectReader& reader, std::string_view key, std::vector<std::string>& out) {
    if (!reader.texts(key, out, kCopiesMax, kAddressMax)) return;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::string pointer = fmt::format("{}/{}", reader.pointer(key), i);
      if (out[i].find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
        reader.problems().push_back({pointer, "invalid_email", "an address has no line breaks"});
      } else if (use_ == ContentUse::Inline) {
        auto email = normalize_email(out[i]);
        if (email) {
          out[i] = std::move(*email);
        } else {
          reader.problems().push_back({pointer, "invalid_email", std::move(email).error().message});
        }
      }
    }
  }

  void read_headers(base::ObjectReader& reader, base::JsonElement value, EmailContent& email) {
    base::JsonObject object;
    if (value.get(object) != simdjson::SUCCESS)
      return reader.problem("headers", "wrong_type", "must be an object");
    if (object.size() > kHeadersMax) {
      return reader.problem("headers", "too_many",
                            fmt::format("at most {} headers are allowed", kHeadersMax));
    }
    base::ObjectReader inner(value, reader.pointer("headers"), reader.problems());
    for (const auto member : object) {
      const std::string_view name = member.key;
      std::string text;
      if (!is_header_name(name)) {
        inner.problem(name, "invalid_header", "a header's name is printable ASCII without spaces and colons");
      } else if (is_reserved_header(name)) {
        inner.problem(name, "invalid_header",
                      "this header is written by the mail builder; use the field for it");
      } else if (inner.text(name, text, kSubjectMax)) {
        if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
          inner.problem(name, "invalid_header", "a header has no line breaks and no NUL");
        } else {
          email.headers.emplace_back(name, std::move(text));
        }
      }
    }
  }

  void read_sms(base::ObjectReader& reader, SmsContent& sms) { text(reader, "body", sms.body, kTextMax); }

  void read_voice(base::ObjectReader& reader, VoiceContent& voice) {
    text(reader, "text", voice.text, kTextMax);
    text(reader, "language", voice.language, kLanguageMax);
    if (!voice.language.empty() && !is_locale(voice.language)) {
      reader.problem("language", "invalid_locale", "use a BCP 47 language tag such as en-GB");
    }
    text(reader, "voice", voice.voice, kWordMax);
    reader.integer("repeat", voice.repeat, 1, kRepeatMax);
  }

  void read_chat(base::ObjectReader& reader, ChatContent& chat) {
    text(reader, "text", chat.text, kTextMax);
    object(reader, "slack", chat.slack);
    object(reader, "kakao", chat.kakao);
  }

  void read_webhook(base::ObjectReader& reader, WebhookContent& webhook) {
    json(reader, "body", webhook.body);
  }

  // `subject` + `content:[{type,value}]`: fills what the long form left open.
  void read_short_form(base::ObjectReader& reader) {
    std::string subject;
    if (text(reader, "subject", subject, kSubjectMax) && !subject.empty()) {
      if (!into_.email) into_.email.emplace();
      if (into_.email->subject.empty()) {
        into_.email->subject = std::move(subject);
      } else if (into_.email->subject != subject) {
        reader.problem("subject", "conflicting_fields", "subject and email.subject differ; give one of them");
      }
    }
    reader.array("content", kPartsMax, [&](base::JsonElement item, const std::string& pointer) {
      base::ObjectReader part(item, pointer, reader.problems());
      std::string value;
      std::size_t type = 0;
      if (item.is_object()) {
        part.require("type");
        part.require("value");
      }
      const bool has_type = part.one_of("type", type, {"text/plain", "text/html"});
      if (text(part, "value", value, type == 0 ? kTextMax : kHtmlMax) && has_type)
        fill(part, type == 0, value);
      part.done();
    });
  }

  void fill(base::ObjectReader& part, bool is_plain, std::string& value) {
    if (!is_plain && !into_.email) into_.email.emplace();
    std::string& target = is_plain ? into_.body : into_.email->html;
    if (target.empty()) {
      target = std::move(value);
    } else {
      part.problem("value", "conflicting_fields",
                   is_plain ? "the text is given twice: here and in body" : "the HTML part is given twice");
    }
  }

  Content& into_;
  ContentUse use_;
};

void raw_if(base::JsonWriter& out, std::string_view key, const std::string& json) {
  if (!json.empty()) out.key(key).raw(json);
}

void write_texts(base::JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out.key(key).array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

void write_headers(base::JsonWriter& out, const std::vector<std::pair<std::string, std::string>>& headers) {
  if (headers.empty()) return;
  out.key("headers").object();
  for (const auto& [name, value] : headers) out.field(name, value);
  out.end_object();
}

// What goes along, without its bytes.
void write_attachments(base::JsonWriter& out, const MailAttachments* attachments) {
  if (attachments == nullptr) return;
  out.key("attachments").array();
  for (const MailAttachment& each : *attachments) {
    out.object().field("filename", each.filename).field("type", each.type);
    out.field("size", static_cast<std::int64_t>(each.content->size()));
    out.field("disposition", each.is_inline ? "inline" : "attachment");
    out.field_if("content_id", each.content_id).end_object();
  }
  out.end_array();
}

void write_push(base::JsonWriter& out, const PushContent& push) {
  out.key("push").object().field_if("title", push.title).field_if("body", push.body);
  out.field_if("badge", push.badge)
      .field_if("sound", push.sound)
      .field_if("action_loc_key", push.action_loc_key);
  raw_if(out, "actions", push.actions);
  raw_if(out, "data", push.data);
  raw_if(out, "apns", push.apns);
  raw_if(out, "fcm", push.fcm);
  out.end_object();
}

void write_email(base::JsonWriter& out, const EmailContent& email) {
  out.key("email").object().field_if("subject", email.subject).field_if("preheader", email.preheader);
  out.field_if("html", email.html).field_if("text", email.text).field_if("reply_to", email.reply_to);
  write_texts(out, "cc", email.cc);
  write_texts(out, "bcc", email.bcc);
  write_headers(out, email.headers);
  out.end_object();
}

}  // namespace

bool Content::is_empty() const noexcept {
  return title.empty() && body.empty() && url.empty() && image.empty() && !push && !email && !sms && !voice &&
         !chat && !webhook;
}

bool Content::covers(Channel channel) const noexcept {
  const bool has_base = !title.empty() || !body.empty();
  switch (channel) {
    case Channel::Push:
      // Data alone is a silent push.
      return has_base || (push && (!push->title.empty() || !push->body.empty() || !push->data.empty() ||
                                   !push->apns.empty() || !push->fcm.empty()));
    case Channel::Sms: return !body.empty() || (sms && !sms->body.empty());
    case Channel::Email: return !body.empty() || (email && (!email->html.empty() || !email->text.empty()));
    case Channel::Voice: return !body.empty() || (voice && !voice->text.empty());
    case Channel::Chat:
      return !body.empty() || (chat && (!chat->text.empty() || !chat->slack.empty() || !chat->kakao.empty()));
    case Channel::Webhook: return has_base || (webhook && !webhook->body.empty());
    case Channel::Inbox: return has_base;
  }
  return false;
}

bool is_safe_link(std::string_view url) noexcept {
  constexpr std::array<std::string_view, 4> kSchemes{"http", "https", "mailto", "tel"};
  std::array<char, 8> scheme{};
  std::size_t length = 0;
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 0x20) continue;  // WHATWG URL §4.4: stripped or removed
    if (c == ':') {
      const std::string_view found(scheme.data(), std::min(length, scheme.size()));
      return length <= scheme.size() && std::ranges::find(kSchemes, found) != kSchemes.end();
    }
    const bool may_be_scheme = (lower(c) >= 'a' && lower(c) <= 'z') ||
                               (length != 0 && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
    if (!may_be_scheme) return true;
    if (length < scheme.size()) scheme[length] = lower(c);
    ++length;
  }
  return true;
}

void read_content(base::ObjectReader& reader, Content& into, ContentUse use) {
  ContentReader(into, use).read(reader);
}

void write_content(base::JsonWriter& out, const Content& content) {
  out.field_if("title", content.title).field_if("body", content.body);
  out.field_if("url", content.url).field_if("image", content.image);
  if (content.push) write_push(out, *content.push);
  if (content.email) write_email(out, *content.email);
  if (content.sms) out.key("sms").object().field_if("body", content.sms->body).end_object();
  if (const auto& voice = content.voice) {
    out.key("voice").object().field_if("text", voice->text).field_if("language", voice->language);
    out.field_if("voice", voice->voice);
    if (voice->repeat != 1) out.field("repeat", voice->repeat);
    out.end_object();
  }
  if (const auto& chat = content.chat) {
    out.key("chat").object().field_if("text", chat->text);
    raw_if(out, "slack", chat->slack);
    raw_if(out, "kakao", chat->kakao);
    out.end_object();
  }
  if (content.webhook) {
    out.key("webhook").object();
    raw_if(out, "body", content.webhook->body);
    out.end_object();
  }
}

void write_message(base::JsonWriter& out, const Message& message, Channel channel) {
  out.object().field("channel", name(channel)).field_if("title", message.title);
  out.field_if("subject", message.subject).field_if("preheader", message.preheader);
  // The names of the content that was given: an e-mail's and a call's body is its `text`.
  const bool is_text = channel == Channel::Email || channel == Channel::Voice || channel == Channel::Chat;
  out.field_if(is_text ? "text" : "body", message.body).field_if("html", message.html);
  out.field_if("url", message.url).field_if("image", message.image);
  out.field_if("badge", message.badge).field_if("sound", message.sound);
  out.field_if("action_loc_key", message.action_loc_key);
  raw_if(out, "actions", message.actions);
  raw_if(out, "data", message.data);
  raw_if(out, "apns", message.apns);
  raw_if(out, "fcm", message.fcm);
  out.field_if("reply_to", message.reply_to);
  write_texts(out, "cc", message.cc);
  write_texts(out, "bcc", message.bcc);
  write_headers(out, message.headers);
  out.field_if("from_email", message.from_email).field_if("from_name", message.from_name);
  out.field_if("from_phone", message.from_phone);
  write_attachments(out, message.attachments.get());
  out.field_if("language", message.language).field_if("voice", message.voice);
  if (channel == Channel::Voice) out.field("repeat", message.repeat);
  raw_if(out, "slack", message.slack);
  raw_if(out, "kakao", message.kakao);
  out.field_if("locale", message.locale).end_object();
}

}  // namespace carillon::model
