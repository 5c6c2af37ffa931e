#include "model/notification.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/ids.h"
#include "model/address.h"
#include "model/decision.h"
#include "model/send_recipient.h"

namespace carillon::model {
namespace {

using detail::Complaints;
using detail::join;

constexpr std::size_t kKeyMax = 64;  // bytes of a category's or template's key
constexpr std::size_t kFallbackMax = kChannelCount;
constexpr std::size_t kCollapseKeyMax = 64;     // bytes, as APNs allows for apns-collapse-id
constexpr std::size_t kMetadataMax = 16;        // strings
constexpr std::size_t kMetadataKeyMax = 64;     // bytes
constexpr std::size_t kMetadataValueMax = 256;  // bytes
constexpr std::size_t kTagsMax = 16;
constexpr std::size_t kTagMax = 64;  // bytes
constexpr std::size_t kAttachmentsMax = 10;
constexpr std::size_t kNameMax = 128;  // bytes of a sender's shown name
constexpr Millis kTtlMin = std::chrono::seconds(1);
constexpr Millis kTtlMax = std::chrono::days(30);
constexpr Millis kWaitMax = std::chrono::days(7);
constexpr Millis kWaitDefault = std::chrono::minutes(5);  // for a step that waits to be delivered or opened

enum class Key : std::uint8_t {
  EventId,
  To,
  Category,
  Channels,
  Fallback,
  Template,
  Params,
  Content,
  From,
  Locale,
  Priority,
  Ttl,
  CollapseKey,
  SendAt,
  Draft,
  OnUnknown,
  Metadata,
  Tags,
  Attachments,
};
using KeyEntry = std::pair<std::string_view, Key>;
constexpr std::array<KeyEntry, 30> kKeys{{
    {"event_id", Key::EventId},  {"to", Key::To},
    {"category", Key::Category}, {"template", Key::Template},
    {"params", Key::Params},     {"channels", Key::Channels},
    {"title", Key::Content},     {"body", Key::Content},
    {"subject", Key::Content},   {"content", Key::Content},
    {"priority", Key::Priority}, {"ttl", Key::Ttl},
    {"metadata", Key::Metadata}, {"tags", Key::Tags},
    {"url", Key::Content},       {"image", Key::Content},
    {"push", Key::Content},      {"email", Key::Content},
    {"sms", Key::Content},       {"voice", Key::Content},
    {"chat", Key::Content},      {"webhook", Key::Content},
    {"inbox", Key::Content},     {"fallback", Key::Fallback},
    {"from", Key::From},         {"locale", Key::Locale},
    {"send_at", Key::SendAt},    {"collapse_key", Key::CollapseKey},
    {"draft", Key::Draft},       {"on_unknown", Key::OnUnknown},
}};
constexpr KeyEntry kAttachmentsKey{"attachments", Key::Attachments};

const KeyEntry* find_key(std::string_view text) noexcept {
  for (const KeyEntry& entry : kKeys) {
    if (entry.first == text) return &entry;
  }
  return text == kAttachmentsKey.first ? &kAttachmentsKey : nullptr;
}

// Two digits (or four) at `at`, or -1.
int digits_at(std::string_view text, std::size_t at, std::size_t count) noexcept {
  int value = -1;
  if (at + count > text.size()) return -1;
  const char* begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + count, value);
  return error == std::errc() && end == begin + count && value >= 0 ? value : -1;
}

// "2026-12-01T09:00", seconds ":00" allowed.
bool read_local_time(std::string_view text, LocalSendTime& out) noexcept {
  if (text.size() != 16 && !(text.size() == 19 && text.ends_with(":00"))) return false;
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':') return false;
  const int year = digits_at(text, 0, 4), month = digits_at(text, 5, 2), day = digits_at(text, 8, 2);
  const int hour = digits_at(text, 11, 2), minute = digits_at(text, 14, 2);
  if (year < 1970 || month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  out.year = year;
  out.month = static_cast<unsigned>(month);
  out.day = static_cast<unsigned>(day);
  out.minute_of_day = hour * 60 + minute;
  return true;
}

class SendReader {
 public:
  SendReader(std::optional<Channel> fixed, const std::string& pointer, base::Problems& problems)
      : fixed_(fixed), complaints_(pointer, problems) {}

  SendRequest read(base::JsonElement body) {
    const std::size_t before = complaints_.problems().size();
    base::JsonObject object;
    if (body.get(object) != simdjson::SUCCESS) {
      complaints_.wrong_type("", "an object");
      return std::move(out_);
    }
    for (const auto member : object) {
      const KeyEntry* found = find_key(member.key);
      if (found == nullptr) {
        complaints_.unknown_field(join({}, member.key), member.key);
      } else if (!member.value.is_null()) {
        read_member(found->second, found->first, member.value);
      }
    }
    if (has_content_) read_inline_content(body);
    check_recipients();
    check_channels();
    // Rules over several fields only make sense once each field is right by itself.
    if (complaints_.problems().size() == before) {
      check_content();
      check_attachments();
    }
    return std::move(out_);
  }

 private:
  void read_member(Key key, std::string_view name, base::JsonElement value) {
    switch (key) {
      case Key::EventId: detail::read_name(value, {}, name, kEventIdMax, out_.event_id, complaints_); return;
      case Key::To: return read_to(value);
      case Key::Category:
        if (read_key(value, name, out_.category)) out_.category_given = true;
        return;
      case Key::Channels: return read_channels(value);
      case Key::Fallback: return read_fallback(value);
      case Key::Template: return read_template_name(value);
      case Key::Params: detail::read_params(value, "/params", out_.params, complaints_); return;
      case Key::Content: has_content_ = true; return;
      case Key::From: return read_from(value);
      case Key::Locale: detail::read_locale(value, {}, name, out_.locale, complaints_); return;
      case Key::Priority: return read_priority(value);
      case Key::Ttl: return read_ttl(value);
      case Key::CollapseKey:
        detail::read_name(value, {}, name, kCollapseKeyMax, out_.collapse_key, complaints_);
        return;
      case Key::SendAt: return read_send_at(value);
      case Key::Draft:
        if (value.get(out_.draft) != simdjson::SUCCESS) complaints_.wrong_type("/draft", "true or false");
        return;
      case Key::OnUnknown: return read_on_unknown(value);
      case Key::Metadata: return read_metadata(value);
      case Key::Tags: return read_tags(value);
      case Key::Attachments: return read_attachments(value);
    }
  }

  bool read_key(base::JsonElement value, std::string_view name, std::string& out) {
    std::string text;
    if (!detail::read_text(value, {}, name, kKeyMax, text, complaints_)) return false;
    if (!is_key(text)) {
      complaints_.add(join({}, name), "invalid_key",
                      "a key begins with a-z or 0-9 and goes on with a-z 0-9 _ . - up to 64 characters");
      return false;
    }
    out = std::move(text);
    return true;
  }

  void read_to(base::JsonElement value) {
    base::JsonArray entries;
    if (value.get(entries) != simdjson::SUCCESS) {
      to_reported_ = true;
      return complaints_.wrong_type("/to", "an array of recipients");
    }
    std::size_t count = entries.size();
    if (count >= 0xFFFFFF) count = static_cast<std::size_t>(std::distance(entries.begin(), entries.end()));
    if (count > kRecipientsMax) {
      to_reported_ = true;
      complaints_.add("/to", "too_many_recipients",
                      fmt::format("at most {} entries are allowed, this has {}; use a group or several sends",
                                  kRecipientsMax, count));
      return;
    }
    out_.to.reserve(count);
    std::size_t index = 0;
    for (const base::JsonElement entry : entries) {
      detail::read_recipient(entry, index++, out_.to.emplace_back(), complaints_);
    }
  }

  std::optional<Channel> read_channel(base::JsonElement value, const std::string& pointer) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) {
      complaints_.wrong_type(pointer, "a channel's name");
      return std::nullopt;
    }
    const auto channel = parse_channel(text);
    if (!channel) {
      complaints_.add(pointer, "invalid_channel", "use one of push, sms, email, voice, chat, webhook, inbox");
    }
    return channel;
  }

  void read_channels(base::JsonElement value) {
    base::JsonArray names;
    if (value.get(names) != simdjson::SUCCESS)
      return complaints_.wrong_type("/channels", "an array of channels");
    channels_given_ = true;
    std::size_t index = 0;
    for (const base::JsonElement item : names) {
      const std::string pointer = fmt::format("/channels/{}", index++);
      const auto channel = read_channel(item, pointer);
      if (!channel) continue;
      if (std::ranges::find(out_.channels, *channel) != out_.channels.end()) {
        complaints_.add(pointer, "duplicate_channel", "name each channel once");
        continue;
      }
      out_.channels.push_back(*channel);
    }
    if (index == 0)
      complaints_.add("/channels", "invalid_channel", "name at least one channel or leave it out");
  }

  void read_fallback(base::JsonElement value) {
    base::JsonArray steps;
    if (value.get(steps) != simdjson::SUCCESS)
      return complaints_.wrong_type("/fallback", "an array of steps");
    fallback_given_ = true;
    std::size_t index = 0;
    for (const base::JsonElement item : steps) {
      const std::string pointer = fmt::format("/fallback/{}", index++);
      if (index > kFallbackMax) {
        return complaints_.add("/fallback", "too_many",
                               fmt::format("at most {} steps are allowed", kFallbackMax));
      }
      read_step(item, pointer);
    }
    if (index == 0) complaints_.add("/fallback", "invalid_channel", "name at least one step or leave it out");
  }

  void read_step(base::JsonElement item, const std::string& pointer) {
    base::ObjectReader reader(item, complaints_.prefix() + pointer, complaints_.problems());
    FallbackStep step;
    std::size_t until = 0;
    if (item.is_object()) reader.require("channel");
    if (const auto named = reader.element("channel")) {
      if (const auto channel = read_channel(*named, pointer + "/channel")) {
        step.channel = *channel;
        if (std::ranges::find(out_.fallback, *channel, &FallbackStep::channel) != out_.fallback.end()) {
          complaints_.add(pointer + "/channel", "duplicate_channel", "name each channel once");
        }
      }
    }
    if (reader.one_of("until", until, {"accepted", "delivered", "opened"})) {
      step.until = static_cast<FallbackUntil>(until);
    }
    if (step.until != FallbackUntil::Accepted) step.wait = kWaitDefault;
    reader.duration("wait", step.wait, Millis(0), kWaitMax);
    reader.done();
    out_.fallback.push_back(step);
  }

  void read_template_name(base::JsonElement value) {
    if (value.is_string()) {
      read_key(value, "template", out_.template_key);
      return;
    }
    if (!value.is_object()) return complaints_.wrong_type("/template", "a key or {\"key\",\"version\"}");
    base::ObjectReader reader(value, complaints_.prefix() + "/template", complaints_.problems());
    reader.require("key");
    std::int64_t version = 0;
    if (const auto key = reader.element("key")) {
      std::string text;
      if (detail::read_text(*key, "/template", "key", kKeyMax, text, complaints_)) {
        if (is_key(text)) {
          out_.template_key = std::move(text);
        } else {
          complaints_.add("/template/key", "invalid_key", "this is not a template's key");
        }
      }
    }
    if (reader.integer("version", version, 1, 1'000'000'000))
      out_.template_version = static_cast<int>(version);
    reader.done();
  }

  void read_from(base::JsonElement value) {
    base::JsonObject object;
    if (value.get(object) != simdjson::SUCCESS) return complaints_.wrong_type("/from", "an object");
    SendRequest::From from;
    for (const auto member : object) {
      if (member.key != "email" && member.key != "name" && member.key != "phone" && member.key != "sender") {
        complaints_.unknown_field(join("/from", member.key), member.key);
      } else if (member.value.is_null()) {
        continue;
      } else if (member.key == "email") {
        detail::read_email(member.value, "/from", "email", from.email, complaints_);
      } else if (member.key == "phone") {
        detail::read_phone(member.value, "/from", "phone", from.phone, complaints_);
      } else if (member.key == "name") {
        detail::read_name(member.value, "/from", "name", kNameMax, from.name, complaints_);
      } else {
        detail::read_name(member.value, "/from", "sender", kKeyMax, from.sender, complaints_);
      }
    }
    out_.from = std::move(from);
  }

  void read_priority(base::JsonElement value) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return complaints_.wrong_type("/priority", "a string");
    out_.priority = parse_priority(text);
    if (!out_.priority) {
      complaints_.add("/priority", "invalid_choice", "use one of critical, high, normal, bulk");
    }
  }

  void read_ttl(base::JsonElement value) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS)
      return complaints_.wrong_type("/ttl", "a duration such as \"10m\"");
    const auto ttl = parse_duration(text);
    if (!ttl) {
      complaints_.add("/ttl", "invalid_duration", "write a number and a unit: 30s, 10m, 24h, 7d");
    } else if (*ttl < kTtlMin || *ttl > kTtlMax) {
      complaints_.add("/ttl", "out_of_range", "ttl is 1s to 30d");
    } else {
      out_.ttl = ttl;
    }
  }

  void read_send_at(base::JsonElement value) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      out_.send_at = parse_rfc3339(text);
      if (!out_.send_at) {
        complaints_.add(
            "/send_at", "invalid_send_at",
            "write RFC 3339 with an offset, such as 2026-12-01T09:00:00+09:00; for a local time give "
            "{\"local\":\"2026-12-01T09:00\",\"zone\":\"recipient\"}");
      }
      return;
    }
    if (!value.is_object())
      return complaints_.wrong_type("/send_at", "a time or {\"local\",\"zone\",\"if_past\"}");
    base::ObjectReader reader(value, complaints_.prefix() + "/send_at", complaints_.problems());
    std::string local, zone;
    std::size_t if_past = 0;
    LocalSendTime at;
    reader.require("local");
    reader.require("zone");
    if (reader.text("local", local, 32) && !read_local_time(local, at)) {
      reader.problem("local", "invalid_send_at",
                     "write a date and time without a zone, such as 2026-12-01T09:00");
    }
    if (reader.text("zone", zone, 64) && zone != "recipient") {
      if (!is_time_zone(zone)) {
        reader.problem("zone", "invalid_time_zone",
                       "give \"recipient\", or a name of the IANA time zone database, such as Asia/Seoul");
      }
      at.zone = std::move(zone);
    }
    if (reader.one_of("if_past", if_past, {"now", "next_day", "skip"}))
      at.if_past = static_cast<IfPast>(if_past);
    reader.done();
    out_.send_at_local = at;
  }

  void read_on_unknown(base::JsonElement value) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return complaints_.wrong_type("/on_unknown", "refuse or skip");
    if (text != "refuse" && text != "skip") {
      return complaints_.add("/on_unknown", "invalid_choice", "use refuse or skip");
    }
    out_.skip_unknown_users = text == "skip";
  }

  void read_metadata(base::JsonElement value) {
    base::JsonObject object;
    if (value.get(object) != simdjson::SUCCESS)
      return complaints_.wrong_type("/metadata", "an object of strings");
    std::size_t count = 0;
    for (const auto member : object) {
      if (++count > kMetadataMax) {
        return complaints_.add("/metadata", "too_many",
                               fmt::format("at most {} entries are allowed", kMetadataMax));
      }
      std::string text;
      if (member.key.empty() || member.key.size() > kMetadataKeyMax) {
        complaints_.add(join("/metadata", member.key.substr(0, kMetadataKeyMax)), "too_long",
                        fmt::format("a name has 1 to {} bytes", kMetadataKeyMax));
      } else {
        detail::read_text(member.value, "/metadata", member.key, kMetadataValueMax, text, complaints_);
      }
    }
    if (count != 0) out_.metadata = base::to_json(value);
  }

  void read_tags(base::JsonElement value) {
    base::JsonArray tags;
    if (value.get(tags) != simdjson::SUCCESS) return complaints_.wrong_type("/tags", "an array of strings");
    std::size_t count = 0;
    for (const base::JsonElement tag : tags) {
      if (++count > kTagsMax) {
        return complaints_.add("/tags", "too_many", fmt::format("at most {} tags are allowed", kTagsMax));
      }
      std::string text;
      detail::read_name(tag, "/tags", fmt::format_int(count - 1).c_str(), kTagMax, text, complaints_);
    }
    if (count != 0) out_.tags = base::to_json(value);
  }

  void read_attachments(base::JsonElement value) {
    base::JsonArray items;
    if (value.get(items) != simdjson::SUCCESS) return complaints_.wrong_type("/attachments", "an array");
    std::size_t count = 0;
    for (const base::JsonElement item : items) {
      if (++count > kAttachmentsMax) {
        return complaints_.add("/attachments", "too_many",
                               fmt::format("at most {} are allowed", kAttachmentsMax));
      }
      base::ObjectReader reader(item, fmt::format("{}/attachments/{}", complaints_.prefix(), count - 1),
                                complaints_.problems());
      read_attachment(item, reader);
    }
  }

  void read_attachment(base::JsonElement item, base::ObjectReader& reader) {
    Attachment made;
    std::string object_id;
    std::size_t disposition = 0;
    if (item.is_object()) reader.require("object_id");
    if (reader.text("object_id", object_id, 64)) {
      const auto id = base::parse_id(base::kObjectPrefix, object_id);
      if (!id) reader.problem("object_id", "invalid_object_id", "give the obj_… id of an uploaded object");
      made.object = id.value_or(0);
    }
    if (reader.text("filename", made.filename, 255) &&
        (made.filename.empty() || std::ranges::any_of(made.filename, is_no_filename))) {
      reader.problem("filename", "invalid_filename", "a file name has no path and no line break");
    }
    const bool is_said = reader.one_of("disposition", disposition, {"attachment", "inline"});
    if (reader.text("content_id", made.content_id, 128) &&
        (made.content_id.empty() || !std::ranges::all_of(made.content_id, is_of_content_id))) {
      reader.problem("content_id", "invalid_text", "a content id has ASCII without spaces and brackets");
    }
    if (is_said && disposition == 0 && !made.content_id.empty()) {
      reader.problem("content_id", "conflicting_fields", "what the HTML names by its content_id is inline");
    }
    const auto same = std::ranges::find(out_.attachments, made.content_id, &Attachment::content_id);
    if (!made.content_id.empty() && same != out_.attachments.end()) {
      reader.problem("content_id", "conflicting_fields", "another attachment has this content_id");
    }
    made.is_inline = disposition == 1 || !made.content_id.empty();
    reader.done();
    out_.attachments.push_back(std::move(made));
  }

  static bool is_no_filename(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || c == '\\';
  }
  static bool is_of_content_id(char c) noexcept {
    return c > ' ' && c <= '~' && c != '<' && c != '>' && c != '"' && c != '\\';
  }

  void read_inline_content(base::JsonElement body) {
    base::ObjectReader reader(body, complaints_.prefix(), complaints_.problems());
    auto content = std::make_unique<Content>();
    read_content(reader, *content);
    if (!content->is_empty()) out_.content = std::move(content);
  }

  void check_recipients() {
    if (out_.to.empty() && !to_reported_) {
      complaints_.add("/to", "missing_recipient", "name at least one recipient in \"to\"");
    }
  }

  void check_channels() {
    if (channels_given_ && fallback_given_) {
      complaints_.add("/fallback", "channels_and_fallback",
                      "give channels (all of them) or fallback (in order)");
    }
    if (!fixed_) return;
    if (fallback_given_) {
      complaints_.add("/fallback", "channels_and_fallback",
                      "this address sends on one channel; use /v1/notifications");
    }
    if (channels_given_ && (out_.channels.size() != 1 || out_.channels.front() != *fixed_)) {
      complaints_.add("/channels", "channel_mismatch",
                      fmt::format("this address sends on {} only; leave channels out", name(*fixed_)));
    }
    out_.channels.assign(1, *fixed_);
  }

  // Where the channels are known already, one of them takes attachments.
  void check_attachments() {
    const bool is_implied = out_.channels.empty() && out_.fallback.empty();
    const bool has_email =
        std::ranges::find(out_.channels, Channel::Email) != out_.channels.end() ||
        std::ranges::find(out_.fallback, Channel::Email, &FallbackStep::channel) != out_.fallback.end();
    if (out_.attachments.empty() || is_implied || has_email) return;
    complaints_.add("/attachments", "channel_mismatch", "attachments go with e-mail, which is not asked for");
  }

  void check_content() {
    const bool has_template = !out_.template_key.empty();
    if (!has_template && !out_.content) {
      return complaints_.add("/template", "missing_content",
                             "give a template or some content: title, body, sms, …");
    }
    if (has_template && out_.content) {
      return complaints_.add("/template", "template_and_content",
                             "give a template or content, not both: what a template says is fixed");
    }
    if (has_template) return;
    if (!out_.params.empty()) {
      complaints_.add("/params", "undeclared_parameter", "inline content has no parameters; use a template");
    }
    for (std::size_t i = 0; i < out_.to.size(); ++i) {
      if (!out_.to[i].params.empty()) {
        complaints_.add(fmt::format("/to/{}/params", i), "undeclared_parameter",
                        "inline content has no parameters; use a template");
      }
    }
    for (const Channel channel : out_.channels) check_said(channel);
    for (const FallbackStep& step : out_.fallback) check_said(step.channel);
    const bool is_implied = out_.channels.empty() && out_.fallback.empty();
    if (is_implied && std::ranges::find(out_.to, RecipientKind::Email, &Recipient::kind) != out_.to.end()) {
      check_said(Channel::Email);
    }
  }

  // Inline content has something to say on `channel`, and an e-mail has a subject.
  void check_said(Channel channel) {
    const Content& content = *out_.content;
    if (!content.covers(channel)) {
      complaints_.add(join({}, name(channel)), "missing_content",
                      fmt::format("there is nothing to say on {}: give {}", name(channel),
                                  channel == Channel::Push ? "title or body" : "body or its own block"));
    } else if (channel == Channel::Email && content.title.empty() &&
               (!content.email || content.email->subject.empty())) {
      complaints_.add("/subject", "missing_subject", "an e-mail needs a subject or a title");
    }
  }

  std::optional<Channel> fixed_;
  Complaints complaints_;
  SendRequest out_;
  bool has_content_ = false, to_reported_ = false, channels_given_ = false, fallback_given_ = false;
};

}  // namespace

SendRequest read_send_request(base::JsonElement body, std::optional<Channel> fixed_channel,
                              const std::string& pointer, base::Problems& problems) {
  return SendReader(fixed_channel, pointer, problems).read(body);
}

void check_send_time(const SendRequest& request, Time now, const std::string& pointer,
                     base::Problems& problems) {
  constexpr auto kTooFar = "send_at is at most 90 days ahead";
  Complaints complaints(pointer, problems);
  if (request.send_at && *request.send_at > now + kSendAtMax) {
    complaints.add("/send_at", "invalid_send_at", kTooFar);
  }
  if (request.send_at_local) {
    const LocalSendTime& at = *request.send_at_local;
    const std::chrono::year_month_day date{std::chrono::year(at.year), std::chrono::month(at.month),
                                           std::chrono::day(at.day)};
    if (std::chrono::sys_days(date) + std::chrono::minutes(at.minute_of_day) > now + kSendAtMax) {
      complaints.add("/send_at/local", "invalid_send_at", kTooFar);
    }
  }
}

}  // namespace carillon::model
