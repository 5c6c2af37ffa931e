#include "model/address.h"

#include <idn2.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace carillon::model {
namespace {

constexpr std::size_t kLocalMax = 64;    // bytes, RFC 5321 §4.5.3.1.1
constexpr std::size_t kDomainMax = 255;  // bytes, §4.5.3.1.2
constexpr std::size_t kEmailMax = 254;   // bytes, §4.5.3.1.3 less the angle brackets
constexpr std::size_t kEmailTextMax =
    1024;                               // bytes as given; a domain in UTF-8 may be longer than its ASCII form
constexpr std::size_t kLabelMax = 63;   // bytes, RFC 1035 §2.3.4
constexpr std::size_t kLocaleMax = 35;  // bytes, RFC 5646 §4.4.1
constexpr std::size_t kKeyMax = 64;     // bytes

// ISO 3166-1 alpha-2, officially assigned: 249 codes, ascending, each with one blank behind it.
constexpr std::string_view kCountries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
    "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
    "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
    "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
    "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS YE YT ZA ZM ZW ";
static_assert(kCountries.size() == 249 * 3);

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alpha(char c) { return is_lower(c) || is_upper(c); }
bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
bool is_beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

std::unexpected<Error> bad_email(std::string what) { return fail(Errc::InvalidArgument, std::move(what)); }

// C0, DEL, and C1 in UTF-8 (C2 80 to C2 9F): what could end a header line or confuse a log.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

// RFC 5321 §4.1.2 Quoted-string with at least one character; RFC 6531 adds UTF-8.
bool is_quoted_string(std::string_view text) {
  if (text.size() < 3 || text.front() != '"' || text.back() != '"') return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '"') return false;
    if (inner[i] != '\\') continue;
    ++i;
    if (i == inner.size() || is_beyond_ascii(inner[i])) return false;
  }
  return true;
}

// RFC 5321 §4.1.2 Dot-string.
bool is_dot_string(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && text[i - 1] == '.') return false;
    const bool is_atext = is_alnum(c) || is_beyond_ascii(c) || c == '.' ||
                          std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
    if (!is_atext) return false;
  }
  return true;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelMax && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
}

// A host name of at least two labels whose last is no number (that would be an IPv4 address).
Result<void> check_domain(std::string_view domain) {
  if (domain.empty() || domain.size() > kDomainMax)
    return bad_email("The domain of the e-mail address is empty or longer than 255 bytes.");
  if (domain.front() == '[') return bad_email("Use a domain name: mail to an address literal is not sent.");
  std::string_view rest = domain;
  std::size_t labels = 0;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!is_label(label)) return bad_email("The domain of the e-mail address is no host name.");
    ++labels;
    if (dot != std::string_view::npos) {
      rest.remove_prefix(dot + 1);
      continue;
    }
    if (labels < 2) return bad_email("The domain of the e-mail address needs a dot, as in example.com.");
    if (std::ranges::all_of(label, is_digit)) return bad_email("Use a domain name, not an IP address.");
    return {};
  }
}

// The form DNS and SMTP know: IDNA 2008 with the mappings of UTS 46, lower case.
Result<std::string> ascii_domain(std::string_view domain) {
  std::string ascii(domain);
  if (std::ranges::any_of(domain, is_beyond_ascii)) {
    char* converted = nullptr;
    const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    if (idn2_to_ascii_8z(ascii.c_str(), &converted, flags) != IDN2_OK)
      return bad_email("The domain of the e-mail address is no internationalised domain name.");
    const std::unique_ptr<char, decltype(&idn2_free)> owned(converted, &idn2_free);
    ascii = converted;
  }
  std::ranges::transform(ascii, ascii.begin(),
                         [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
  return ascii;
}

// Takes the next subtag off `rest`; empty at the end and where two hyphens meet.
std::string_view take_subtag(std::string_view& rest) {
  const std::size_t hyphen = rest.find('-');
  const std::string_view subtag = rest.substr(0, hyphen);
  rest.remove_prefix(hyphen == std::string_view::npos ? rest.size() : hyphen + 1);
  return subtag;
}

bool is_all_alpha(std::string_view s) { return std::ranges::all_of(s, is_alpha); }
bool is_all_digit(std::string_view s) { return std::ranges::all_of(s, is_digit); }

bool is_variant(std::string_view s) {
  return (s.size() >= 5 && s.size() <= 8) || (s.size() == 4 && is_digit(s.front()));
}

// What may follow the region in a language tag: variants, extensions, private use (RFC 5646 §2.1).
bool are_trailing_subtags(std::span<const std::string_view> subtags) {
  std::size_t i = 0;
  while (i < subtags.size() && is_variant(subtags[i])) ++i;
  while (i < subtags.size()) {
    if (subtags[i].size() != 1) return false;
    const bool is_private = subtags[i] == "x" || subtags[i] == "X";
    const std::size_t first = ++i;
    const std::size_t size_min = is_private ? 1 : 2;
    while (i < subtags.size() && subtags[i].size() >= size_min) ++i;
    if (i == first) return false;
  }
  return true;
}

}  // namespace

Result<std::string> normalize_email(std::string_view text) {
  if (text.empty()) return bad_email("The e-mail address is empty.");
  if (text.size() > kEmailTextMax) return bad_email("The e-mail address is longer than 254 bytes.");
  if (has_control_character(text)) return bad_email("The e-mail address holds a control character.");
  if (!simdjson::validate_utf8(text.data(), text.size()))
    return bad_email("The e-mail address is not UTF-8.");
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return bad_email("The e-mail address has no @.");
  const std::string_view local = text.substr(0, at);
  if (local.size() > kLocalMax) return bad_email("The part before @ is longer than 64 bytes.");
  if (!is_dot_string(local) && !is_quoted_string(local)) {
    return bad_email("The part before @ is empty or holds a character that must be quoted.");
  }
  CARILLON_TRY(const std::string domain, ascii_domain(text.substr(at + 1)));
  CARILLON_CHECK(check_domain(domain));
  std::string normalized = fmt::format("{}@{}", local, domain);
  if (normalized.size() > kEmailMax) return bad_email("The e-mail address is longer than 254 bytes.");
  return normalized;
}

bool is_country_code(std::string_view text) {
  if (text.size() != 2 || !is_upper(text[0]) || !is_upper(text[1])) return false;
  std::size_t low = 0, high = kCountries.size() / 3;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const int order = kCountries.substr(middle * 3, 2).compare(text);
    if (order == 0) return true;
    (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
  }
  return false;
}

bool is_locale(std::string_view text) {
  if (text.empty() || text.size() > kLocaleMax || text.back() == '-') return false;
  std::vector<std::string_view> subtags;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view subtag = take_subtag(rest);
    if (subtag.empty() || subtag.size() > 8 || !std::ranges::all_of(subtag, is_alnum)) return false;
    subtags.push_back(subtag);
  }
  std::size_t i = 0;
  const std::string_view language = subtags[i++];
  if (!is_all_alpha(language) || language.size() < 2) return false;
  const auto size_is = [&subtags, &i](std::size_t size) {
    return i < subtags.size() && subtags[i].size() == size;
  };
  for (int extensions = 0; language.size() <= 3 && extensions < 3 && size_is(3) && is_all_alpha(subtags[i]);
       ++extensions)
    ++i;
  if (size_is(4) && is_all_alpha(subtags[i])) ++i;                                                // script
  if ((size_is(2) && is_all_alpha(subtags[i])) || (size_is(3) && is_all_digit(subtags[i]))) ++i;  // region
  return are_trailing_subtags(std::span(subtags).subspan(i));
}

bool is_key(std::string_view text) {
  const auto is_start = [](char c) { return is_lower(c) || is_digit(c); };
  return !text.empty() && text.size() <= kKeyMax && is_start(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_start(c) || c == '_' || c == '.' || c == '-'; });
}

ReservedRecipient reserved_recipient(std::string_view address) noexcept {
  using R = ReservedRecipient;
  struct Entry {
    std::string_view address;
    R recipient;
  };
  static constexpr std::array<Entry, 16> kReserved{{
      {"ok@sandbox.carillon.test", R::Ok},
      {"bounce@sandbox.carillon.test", R::Bounce},
      {"complaint@sandbox.carillon.test", R::Complaint},
      {"tempfail@sandbox.carillon.test", R::TempFail},
      {"slow@sandbox.carillon.test", R::Slow},
      {"unknown@sandbox.carillon.test", R::Unknown},
      {"+999000000001", R::Ok},
      {"+999000000002", R::Bounce},
      {"+999000000003", R::Complaint},
      {"+999000000004", R::TempFail},
      {"+999000000005", R::Slow},
      {"+999000000006", R::Unknown},
      {"test-ok", R::Ok},
      {"test-unregistered", R::Bounce},
      {"test-429", R::TempFail},
      {"test-timeout", R::Unknown},
  }};
  // Three comparisons spare nearly every real address the list.
  if (!address.starts_with("+999") && !address.starts_with("test-") && !address.ends_with(".test"))
    return R::None;
  for (const Entry& entry : kReserved) {
    if (entry.address == address) return entry.recipient;
  }
  return R::None;
}

std::string mask_address(Channel channel, std::string_view address) {
  const std::string a(address);
  if (channel == Channel::Email) {
    const std::size_t at = a.rfind('@');
    if (at == std::string::npos || at == 0) return "…";
    std::size_t first = 1;
    while (first < at && (static_cast<unsigned char>(a[first]) & 0xc0) == 0x80) ++first;
    return a.substr(0, first) + "…" + a.substr(at);
  }
  if (channel == Channel::Sms || channel == Channel::Voice) {
    return a.size() < 8 ? "…" : a.substr(0, 3) + "…" + a.substr(a.size() - 2);
  }
  return "…";
}

Result<std::string> normalize_chat_address(std::string_view service, std::string_view text) {
  if (service == "kakao") return normalize_phone(text);
  constexpr std::size_t kNameMax = 80;  // characters of a channel's name
  const bool is_plain = !text.empty() && text.size() <= 4 * kNameMax &&
                        std::ranges::none_of(text, [](char c) { return c == '/' || c == ' '; });
  if (is_plain) return std::string(text);
  return fail(Errc::InvalidArgument,
              "give the id of a channel or a user, or #name; the URL of an incoming webhook is its secret");
}

}  // namespace carillon::model
