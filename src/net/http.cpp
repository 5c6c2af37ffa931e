#include "net/http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <span>

namespace carillon::net {
namespace {

constexpr std::size_t kUrlMax = 8192;  // bytes
constexpr std::size_t kFormFieldsMax = 1000;
constexpr std::int64_t kRetryAfterMaxS = 86'400;  // a day
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr bool is_unreserved(char c) noexcept {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
constexpr int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool equal_no_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_lower(c);
  return out;
}

void append_escaped(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out.push_back('%');
  out.push_back(kHexDigits[byte >> 4]);
  out.push_back(kHexDigits[byte & 15U]);
}

Result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return fail(Errc::InvalidArgument,
                    "write a percent sign as %25, or follow it by two hexadecimal digits");
      }
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

std::optional<std::uint16_t> default_port(std::string_view scheme) noexcept {
  struct Entry {
    std::string_view scheme;
    std::uint16_t port;
  };
  static constexpr std::array<Entry, 6> kPorts{
      {{"http", 80}, {"https", 443}, {"smtp", 25}, {"smtps", 465}, {"redis", 6379}, {"rediss", 6379}}};
  for (const Entry& e : kPorts) {
    if (e.scheme == scheme) return e.port;
  }
  return std::nullopt;
}

bool is_host(std::string_view host, bool is_bracketed) noexcept {
  if (host.empty() || host.size() > 255) return false;
  if (is_bracketed) {
    return host.find(':') != std::string_view::npos &&
           std::ranges::all_of(host, [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
  }
  return std::ranges::all_of(host, is_unreserved);
}

// host[:port] or [v6][:port] into `url`, whose scheme is known.
Result<void> parse_authority(std::string_view text, Url& url) {
  if (text.find('@') != std::string_view::npos) {
    return fail(Errc::InvalidArgument,
                "take the user name and password out of the URL; they have settings of their own");
  }
  const bool is_bracketed = text.starts_with('[');
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (is_bracketed) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return fail(Errc::InvalidArgument, "close the IPv6 address with ']'");
    host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') {
      return fail(Errc::InvalidArgument, "only ':port' may follow the ']' of an IPv6 address");
    }
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  if (!is_host(host, is_bracketed))
    return fail(Errc::InvalidArgument, "the URL needs a host name or IP address");
  url.host = lower(host);
  if (!has_port) {
    const auto known = default_port(url.scheme);
    if (!known) return fail(Errc::InvalidArgument, "write the port: the scheme has no default");
    url.port = *known;
    return {};
  }
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (ec != std::errc() || end != port.data() + port.size() || value == 0 || value > 65'535) {
    return fail(Errc::InvalidArgument, "the port must be a number from 1 to 65535");
  }
  url.port = static_cast<std::uint16_t>(value);
  return {};
}

// Reads pieces of a date from the front of its text; each returns false and stays unusable on a mismatch.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  bool literal(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  bool digits(std::size_t count, int& out) {
    if (rest_.size() < count) return false;
    out = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_digit(rest_[i])) return false;
      out = out * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return true;
  }
  // Index (0 based) of one of `names`.
  bool one_of(std::span<const std::string_view> names, int& out) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (literal(names[i])) {
        out = static_cast<int>(i);
        return true;
      }
    }
    return false;
  }
  bool time(int& h, int& m, int& s) {
    return digits(2, h) && literal(":") && digits(2, m) && literal(":") && digits(2, s);
  }
  // asctime's day: two digits, or a space and one.
  bool padded_day(int& out) { return literal(" ") ? digits(1, out) : digits(2, out); }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

struct Date {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, weekday = 0;
};

constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Sun, 06 Nov 1994 08:49:37 GMT
bool read_imf_fixdate(DateReader r, Date& d) {
  return r.one_of(kDays, d.weekday) && r.literal(", ") && r.digits(2, d.day) && r.literal(" ") &&
         r.one_of(kMonths, d.month) && r.literal(" ") && r.digits(4, d.year) && r.literal(" ") &&
         r.time(d.hour, d.minute, d.second) && r.literal(" GMT") && r.at_end();
}

// Sunday, 06-Nov-94 08:49:37 GMT; a two-digit year more than 50 years ahead is of the last century.
bool read_rfc850(DateReader r, Date& d, std::int64_t now_unix_s) {
  if (!(r.one_of(kLongDays, d.weekday) && r.literal(", ") && r.digits(2, d.day) && r.literal("-") &&
        r.one_of(kMonths, d.month) && r.literal("-") && r.digits(2, d.year) && r.literal(" ") &&
        r.time(d.hour, d.minute, d.second) && r.literal(" GMT") && r.at_end())) {
    return false;
  }
  const std::chrono::sys_seconds now{std::chrono::seconds(now_unix_s)};
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  const int this_year = static_cast<int>(today.year());
  d.year += this_year - this_year % 100;
  if (d.year > this_year + 50) d.year -= 100;
  return true;
}

// Sun Nov  6 08:49:37 1994
bool read_asctime(DateReader r, Date& d) {
  return r.one_of(kDays, d.weekday) && r.literal(" ") && r.one_of(kMonths, d.month) && r.literal(" ") &&
         r.padded_day(d.day) && r.literal(" ") && r.time(d.hour, d.minute, d.second) && r.literal(" ") &&
         r.digits(4, d.year) && r.at_end();
}

std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now_unix_s) {
  Date d;
  const DateReader reader(text);
  if (!read_imf_fixdate(reader, d) && !read_rfc850(reader, d, now_unix_s) && !read_asctime(reader, d)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day ymd{std::chrono::year(d.year),
                                        std::chrono::month(static_cast<unsigned>(d.month) + 1),
                                        std::chrono::day(static_cast<unsigned>(d.day))};
  if (!ymd.ok() || d.hour > 23 || d.minute > 59 || d.second > 60) return std::nullopt;
  const std::chrono::sys_seconds at = std::chrono::sys_days(ymd) + std::chrono::hours(d.hour) +
                                      std::chrono::minutes(d.minute) + std::chrono::seconds(d.second);
  return at.time_since_epoch().count();
}

}  // namespace

std::string_view find_header(const Headers& headers, std::string_view name) noexcept {
  for (const auto& [key, value] : headers) {
    if (equal_no_case(key, name)) return value;
  }
  return {};
}

std::string_view HttpRequest::path() const noexcept {
  const std::string_view all = target;
  return all.substr(0, all.find('?'));
}

std::string_view HttpRequest::query() const noexcept {
  const std::string_view all = target;
  const auto mark = all.find('?');
  return mark == std::string_view::npos ? std::string_view() : all.substr(mark + 1);
}

std::string Url::origin() const {
  std::string out = scheme + "://";
  const bool is_v6 = host.find(':') != std::string::npos;
  if (is_v6) out += '[';
  out += host;
  if (is_v6) out += ']';
  out += ':';
  out += std::to_string(port);
  return out;
}

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kUrlMax) return fail(Errc::InvalidArgument, "shorten the URL to 8192 bytes");
  // What would have to be escaped is refused: it could split a request line.
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; })) {
    return fail(Errc::InvalidArgument, "percent-encode spaces, control and non-ASCII characters of the URL");
  }
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) {
    return fail(Errc::InvalidArgument, "begin the URL with its scheme, as in https://");
  }
  Url url;
  url.scheme = lower(text.substr(0, scheme_end));
  const bool scheme_ok = is_alpha(url.scheme.front()) && std::ranges::all_of(url.scheme, [](char c) {
                           return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
                         });
  if (!scheme_ok) return fail(Errc::InvalidArgument, "begin the URL with its scheme, as in https://");
  std::string_view rest = text.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));  // a fragment is never sent
  const auto path_at = std::min(rest.find_first_of("/?"), rest.size());
  CARILLON_CHECK(parse_authority(rest.substr(0, path_at), url));
  url.path = rest.substr(path_at);
  if (!url.path.starts_with('/')) url.path.insert(0, 1, '/');
  return url;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      append_escaped(out, c);
    }
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text) { return decode(text, false); }

std::string form_encode(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  const auto append = [&out](std::string_view text) {
    for (const char c : text) {
      if (is_unreserved(c)) {
        out.push_back(c);
      } else if (c == ' ') {
        out.push_back('+');
      } else {
        append_escaped(out, c);
      }
    }
  };
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out.push_back('&');
    append(name);
    out.push_back('=');
    append(value);
  }
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> form_decode(std::string_view body) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!body.empty()) {
    const std::string_view pair = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(pair.size() + 1, body.size()));
    if (pair.empty()) continue;
    if (fields.size() == kFormFieldsMax) return fail(Errc::InvalidArgument, "send at most 1000 form fields");
    const auto equals = std::min(pair.find('='), pair.size());
    CARILLON_TRY(auto name, decode(pair.substr(0, equals), true));
    CARILLON_TRY(auto value, decode(pair.substr(std::min(equals + 1, pair.size())), true));
    fields.emplace_back(std::move(name), std::move(value));
  }
  return fields;
}

std::optional<std::int64_t> parse_retry_after(std::string_view value, std::int64_t now_unix_s) {
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  if (std::ranges::all_of(value, is_digit)) {
    std::int64_t seconds = 0;
    const auto result = std::from_chars(value.data(), value.data() + value.size(), seconds);
    return result.ec == std::errc() ? std::min(seconds, kRetryAfterMaxS) : kRetryAfterMaxS;
  }
  const auto at = parse_http_date(value, now_unix_s);
  if (!at) return std::nullopt;
  return std::clamp<std::int64_t>(*at - now_unix_s, 0, kRetryAfterMaxS);
}

}  // namespace carillon::net
