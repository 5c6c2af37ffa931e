#include "model/send_recipient.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "model/address.h"
#include "model/profile.h"

namespace carillon::model::detail {
namespace {

constexpr std::size_t kEmailMax = 254;     // bytes, RFC 5321 §4.5.3.1.3 less the angle brackets
constexpr std::size_t kPhoneMax = 32;      // bytes as written; E.164 itself allows 15 digits
constexpr std::size_t kKeyMax = 64;        // bytes of a group's key
constexpr std::size_t kAddressMax = 2048;  // bytes of a chat or webhook address
constexpr std::size_t kLocaleMax = 35;     // bytes, the longest tag RFC 5646 §4.4.1 asks to support

constexpr std::size_t kShownMax = 128;  // bytes of a caller's key in pointers and texts

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// What libphonenumber need not be asked about: it costs 13 µs and most mistakes are a missing plus.
bool looks_like_e164(std::string_view text) noexcept {
  if (text.size() < 5 || text.front() != '+') return false;
  std::size_t digits = 0;
  for (const char c : text.substr(1)) {
    if (c >= '0' && c <= '9') {
      ++digits;
    } else if (c != ' ' && c != '-' && c != '.' && c != '(' && c != ')') {
      return false;
    }
  }
  return digits >= 4 && digits <= 15;
}

enum class Field : std::uint8_t {
  UserId,
  DeviceId,
  Group,
  Email,
  Phone,
  Address,
  Token,
  Platform,
  Params,
  Locale
};
constexpr std::array<std::pair<std::string_view, Field>, 10> kFields{{{"user_id", Field::UserId},
                                                                      {"params", Field::Params},
                                                                      {"email", Field::Email},
                                                                      {"phone", Field::Phone},
                                                                      {"group", Field::Group},
                                                                      {"device_id", Field::DeviceId},
                                                                      {"device_token", Field::Token},
                                                                      {"platform", Field::Platform},
                                                                      {"address", Field::Address},
                                                                      {"locale", Field::Locale}}};

class RecipientReader {
 public:
  RecipientReader(std::size_t index, Recipient& out, Complaints& complaints)
      : index_(index), out_(out), complaints_(complaints) {}

  bool read(base::JsonElement entry) {
    base::JsonObject object;
    if (entry.get(object) != simdjson::SUCCESS) {
      complaints_.wrong_type(here(), "an object that names one recipient");
      return false;
    }
    for (const auto member : object) {
      const auto* found = std::ranges::find(kFields, member.key, &decltype(kFields)::value_type::first);
      if (found == kFields.end()) {
        complaints_.unknown_field(join(here(), member.key), member.key);
        ok_ = false;
      } else if (!member.value.is_null()) {
        read_field(found->second, found->first, member.value);
      }
    }
    check_whole();
    return ok_;
  }

 private:
  [[nodiscard]] std::string here() const { return fmt::format("/to/{}", index_); }

  void name_kind(RecipientKind kind) {
    out_.kind = kind;
    ++kinds_;
  }

  void read_field(Field field, std::string_view key, base::JsonElement value) {
    switch (field) {
      case Field::UserId: name_kind(RecipientKind::User); return read_user_id(value);
      case Field::DeviceId:
        name_kind(RecipientKind::Device);
        return keep(read_name(value, here(), key, kUserIdMax, out_.id, complaints_));
      case Field::Group:
        name_kind(RecipientKind::Group);
        return keep(read_name(value, here(), key, kKeyMax, out_.id, complaints_));
      case Field::Email:
        name_kind(RecipientKind::Email);
        return keep(read_email(value, here(), key, out_.id, complaints_));
      case Field::Phone:
        name_kind(RecipientKind::Phone);
        return keep(read_phone(value, here(), key, out_.id, complaints_));
      case Field::Address: name_kind(RecipientKind::Address); return read_address(value);
      case Field::Token:
        name_kind(RecipientKind::Token);
        return keep(read_name(value, here(), key, kTokenMax, out_.id, complaints_));
      case Field::Platform: return read_platform(value);
      case Field::Params:
        // The pointer is only needed for a complaint, and reading params is on the hot path.
        if (!value.is_object()) return keep(read_params(value, join(here(), key), out_.params, complaints_));
        return keep(read_params(value, {}, out_.params, complaints_));
      case Field::Locale: return keep(read_locale(value, here(), key, out_.locale, complaints_));
    }
  }

  void keep(bool ok) { ok_ = ok_ && ok; }

  // The one field of nearly every entry: no pointer is built unless it is wrong.
  void read_user_id(base::JsonElement value) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      if (!text.empty() && text.size() <= kUserIdMax && std::ranges::none_of(text, is_control)) {
        out_.id = text;
        return;
      }
      return keep(read_name(value, here(), "user_id", kUserIdMax, out_.id, complaints_));
    }
    std::int64_t number = 0;
    std::uint64_t big = 0;
    if (value.get(number) == simdjson::SUCCESS) {
      out_.id = fmt::format_int(number).str();
    } else if (value.get(big) == simdjson::SUCCESS) {
      out_.id = fmt::format_int(big).str();
    } else {
      complaints_.wrong_type(join(here(), "user_id"), "a string or an integer");
      ok_ = false;
    }
  }

  void read_platform(base::JsonElement value) {
    std::string text;
    if (!read_text(value, here(), "platform", 16, text, complaints_)) return keep(false);
    const auto platform = parse_platform(text);
    if (!platform || *platform == Platform::None) {
      complaints_.add(join(here(), "platform"), "invalid_choice",
                      "use one of ios, android, web, macos, windows, harmony");
      return keep(false);
    }
    out_.platform = *platform;
    has_platform_ = true;
  }

  void read_address(base::JsonElement value) {
    const std::string parent = join(here(), "address");
    const std::size_t before = complaints_.problems().size();
    base::ObjectReader reader(value, complaints_.prefix() + parent, complaints_.problems());
    std::string channel;
    reader.require("channel");
    reader.require("address");
    if (reader.text("channel", channel, 16)) {
      const auto parsed = parse_channel(channel);
      if (parsed == Channel::Chat || parsed == Channel::Webhook) {
        out_.channel = *parsed;
      } else {
        reader.problem(
            "channel", "invalid_channel",
            "an address is for chat or webhook; e-mail, phones and tokens have fields of their own");
      }
    }
    reader.text("service", out_.service, 32);
    reader.text("address", out_.id, kAddressMax);
    reader.done();
    if (complaints_.problems().size() == before) check_address(reader);
    keep(complaints_.problems().size() == before);
  }

  void check_address(base::ObjectReader& reader) {
    if (out_.id.empty() || std::ranges::any_of(out_.id, is_control)) {
      reader.problem("address", "invalid_address", "give an address without control characters");
    } else if (out_.channel == Channel::Webhook && !out_.id.starts_with("https://") &&
               !out_.id.starts_with("http://")) {
      reader.problem("address", "invalid_address", "a webhook's address is an http or https URL");
    } else if (out_.channel == Channel::Chat && out_.service != "slack" && out_.service != "kakao") {
      reader.problem("service", "invalid_choice", "use slack or kakao");
    } else if (out_.channel == Channel::Chat) {
      if (auto normalized = normalize_chat_address(out_.service, out_.id)) {
        out_.id = std::move(*normalized);
      } else {
        reader.problem("address", "invalid_address", std::move(normalized.error().message));
      }
    }
  }

  void check_whole() {
    if (kinds_ == 0 && !has_platform_) {
      // A misspelt field was already reported as unknown; one complaint is enough to mend it.
      if (ok_) {
        complaints_.add(here(), "missing_recipient",
                        "name one of user_id, device_id, group, email, phone, address or device_token");
      }
      ok_ = false;
    } else if (kinds_ > 1) {
      complaints_.add(here(), "ambiguous_recipient",
                      "name exactly one recipient per entry; use one entry each");
      ok_ = false;
    } else if (kinds_ == 0 || (has_platform_ && out_.kind != RecipientKind::Token)) {
      complaints_.add(join(here(), "device_token"), "required", "platform goes with device_token only");
      ok_ = false;
    } else if (out_.kind == RecipientKind::Token && !has_platform_ && ok_) {
      complaints_.add(join(here(), "platform"), "required", "say which platform the device_token is of");
      ok_ = false;
    }
  }

  std::size_t index_;
  Recipient& out_;
  Complaints& complaints_;
  int kinds_ = 0;
  bool has_platform_ = false;
  bool ok_ = true;
};

}  // namespace

void Complaints::wrong_type(std::string_view pointer, std::string_view wanted) {
  add(pointer, "wrong_type", fmt::format("give {}", wanted));
}

void Complaints::unknown_field(std::string_view pointer, std::string_view key) {
  add(pointer, "unknown_field",
      fmt::format("there is no field \"{}\" here; remove it or mend its name", shown(key)));
}

std::string_view shown(std::string_view key) noexcept {
  if (key.size() <= kShownMax) return key;
  std::size_t length = kShownMax;
  while (length > 0 && (static_cast<unsigned char>(key[length]) & 0xC0) == 0x80) --length;
  return key.substr(0, length);
}

std::string join(std::string_view parent, std::string_view key) {
  std::string out;
  out.reserve(parent.size() + 1 + std::min(key.size(), kShownMax));
  out.append(parent).push_back('/');
  for (const char c : shown(key)) {  // RFC 6901 §3
    if (c == '~') {
      out.append("~0");
    } else if (c == '/') {
      out.append("~1");
    } else {
      out.push_back(c);
    }
  }
  return out;
}

bool read_text(base::JsonElement value, std::string_view parent, std::string_view key, std::size_t max_bytes,
               std::string& out, Complaints& complaints) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    complaints.wrong_type(join(parent, key), "a string");
    return false;
  }
  if (text.size() > max_bytes) {
    complaints.add(join(parent, key), "too_long",
                   fmt::format("at most {} bytes are allowed, this is {}", max_bytes, text.size()));
    return false;
  }
  if (text.find('\0') != std::string_view::npos) {
    complaints.add(join(parent, key), "invalid_text", "remove the NUL character");
    return false;
  }
  out = text;
  return true;
}

bool read_name(base::JsonElement value, std::string_view parent, std::string_view key, std::size_t max_bytes,
               std::string& out, Complaints& complaints) {
  std::string text;
  if (!read_text(value, parent, key, max_bytes, text, complaints)) return false;
  if (text.empty() || std::ranges::any_of(text, is_control)) {
    complaints.add(join(parent, key), "invalid_text",
                   "give at least one character and no control characters");
    return false;
  }
  out = std::move(text);
  return true;
}

bool read_email(base::JsonElement value, std::string_view parent, std::string_view key, std::string& out,
                Complaints& complaints) {
  std::string text;
  if (!read_text(value, parent, key, kEmailMax, text, complaints)) return false;
  auto email = normalize_email(text);
  if (!email) {
    complaints.add(join(parent, key), "invalid_email", std::move(email).error().message);
    return false;
  }
  out = std::move(*email);
  return true;
}

bool read_phone(base::JsonElement value, std::string_view parent, std::string_view key, std::string& out,
                Complaints& complaints) {
  std::string text;
  if (!read_text(value, parent, key, kPhoneMax, text, complaints)) return false;
  if (!looks_like_e164(text)) {
    complaints.add(join(parent, key), "invalid_phone",
                   "write the number in E.164 form: a plus, the country code, the number");
    return false;
  }
  auto phone = normalize_phone(text);
  if (!phone) {
    complaints.add(join(parent, key), "invalid_phone", std::move(phone).error().message);
    return false;
  }
  out = std::move(*phone);
  return true;
}

bool read_locale(base::JsonElement value, std::string_view parent, std::string_view key, std::string& out,
                 Complaints& complaints) {
  std::string text;
  if (!read_text(value, parent, key, kLocaleMax, text, complaints)) return false;
  if (!is_locale(text)) {
    complaints.add(join(parent, key), "invalid_locale",
                   "use a BCP 47 language tag such as en, ko-KR or zh-Hant");
    return false;
  }
  out = std::move(text);
  return true;
}

bool read_params(base::JsonElement value, std::string_view parent, std::string& out, Complaints& complaints) {
  base::JsonObject object;
  if (value.get(object) != simdjson::SUCCESS) {
    complaints.wrong_type(parent, "an object of parameters by name");
    return false;
  }
  if (object.size() != 0) out = base::to_json(value);
  return true;
}

bool read_recipient(base::JsonElement entry, std::size_t index, Recipient& out, Complaints& complaints) {
  return RecipientReader(index, out, complaints).read(entry);
}

}  // namespace carillon::model::detail
