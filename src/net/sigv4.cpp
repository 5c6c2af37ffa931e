#include "net/sigv4.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/crypto.h"

namespace carillon::net {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kS3 = "s3";
constexpr std::size_t kDayBytes = 8;  // "20150830"

std::string stamp_of(Time now) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(static_cast<std::time_t>(to_ms(now) / 1000)));
}

std::string scope_of(std::string_view stamp, std::string_view region, std::string_view service) {
  return fmt::format("{}/{}/{}/aws4_request", stamp.substr(0, kDayBytes), region, service);
}

std::string host_of(const Url& url) {
  std::string host = url.host.contains(':') ? "[" + url.host + "]" : url.host;
  const std::uint16_t usual = url.is_tls() ? 443 : 80;
  if (url.port != usual) host += fmt::format(":{}", url.port);
  return host;
}

// Every segment percent-encoded, slashes kept.
std::string encode_path(std::string_view path) {
  std::string out;
  while (true) {
    const std::size_t slash = path.find('/');
    out += percent_encode(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    out += '/';
    path.remove_prefix(slash + 1);
  }
}

// A part of a query that may be encoded already, encoded as RFC 3986 has it. A '+' is a plus.
std::string recode(std::string_view text) {
  const auto plain = percent_decode(text);
  return percent_encode(plain ? std::string_view(*plain) : text);
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view field = query.substr(0, end);
    const std::size_t equals = std::min(field.find('='), field.size());
    const std::string_view value = equals < field.size() ? field.substr(equals + 1) : std::string_view();
    if (!field.empty()) fields.emplace_back(recode(field.substr(0, equals)), recode(value));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  std::ranges::sort(fields);
  std::string out;
  for (const auto& [name, value] : fields) out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  return out;
}

// Without space around it, and with one where there were several.
std::string trimmed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool is_space = c == ' ' || c == '\t';
    if (is_space && (out.empty() || out.back() == ' ')) continue;
    out += is_space ? ' ' : c;
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

// Names in lower case, by name; values of one name in their order, separated by commas.
std::vector<std::pair<std::string, std::string>> canonical_headers(const Headers& headers) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : headers) {
    std::string key = name;
    std::ranges::transform(key, key.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const auto known = std::ranges::find(out, key, &std::pair<std::string, std::string>::first);
    if (known != out.end()) {
      known->second += "," + trimmed(value);
    } else {
      out.emplace_back(std::move(key), trimmed(value));
    }
  }
  std::ranges::sort(out);
  return out;
}

std::string names_of(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : canonical_headers(headers)) out += (out.empty() ? "" : ";") + name;
  return out;
}

}  // namespace

std::string sigv4_signature(const SigV4Request& request, const base::Secret& secret_access_key,
                            std::string_view region, std::string_view service) {
  std::string canonical = fmt::format("{}\n{}\n{}\n", request.method,
                                      service == kS3 ? std::string(request.path) : encode_path(request.path),
                                      canonical_query(request.query));
  for (const auto& [name, value] : canonical_headers(request.headers)) {
    canonical += fmt::format("{}:{}\n", name, value);
  }
  canonical += fmt::format("\n{}\n{}", names_of(request.headers), request.payload_hash);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, request.stamp, scope_of(request.stamp, region, service),
                  base::hex(base::sha256(canonical)));
  std::string key = "AWS4" + std::string(secret_access_key.reveal());
  for (const std::string_view part :
       {request.stamp.substr(0, kDayBytes), region, service, std::string_view("aws4_request")}) {
    key = base::hmac_sha256(key, part);
  }
  return base::hex(base::hmac_sha256(key, to_sign));
}

SigV4::SigV4(AwsCredential credential, std::string region, std::string service)
    : credential_(std::move(credential)), region_(std::move(region)), service_(std::move(service)) {}

Result<void> SigV4::sign(HttpCall& call, Time now, std::string_view payload_hash) const {
  CARILLON_TRY(const Url url, parse_url(call.url));
  const std::string stamp = stamp_of(now);
  std::string hash(payload_hash);
  if (hash.empty() && call.content) {
    CARILLON_TRY(hash, call.content->sha256());
  } else if (hash.empty()) {
    hash = base::hex(base::sha256(call.request.body));
  }
  Headers& headers = call.request.headers;
  headers.emplace_back("x-amz-date", stamp);
  if (service_ == kS3) headers.emplace_back("x-amz-content-sha256", hash);
  if (!credential_.session_token.empty()) {
    headers.emplace_back("x-amz-security-token", std::string(credential_.session_token.reveal()));
  }
  SigV4Request request{.method = call.request.method,
                       .path = {},
                       .query = {},
                       .stamp = stamp,
                       .payload_hash = hash,
                       .headers = headers};
  const std::size_t question = url.path.find('?');
  request.path = std::string_view(url.path).substr(0, question);
  if (question != std::string::npos) request.query = std::string_view(url.path).substr(question + 1);
  request.headers.emplace_back("host", host_of(url));
  headers.emplace_back(
      "authorization",
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                  credential_.access_key_id, scope_of(stamp, region_, service_), names_of(request.headers),
                  sigv4_signature(request, credential_.secret_access_key, region_, service_)));
  return {};
}

Result<std::string> SigV4::presign(std::string_view method, std::string_view url, Time now,
                                   std::chrono::seconds expires) const {
  CARILLON_TRY(const Url parsed, parse_url(url));
  if (expires < std::chrono::seconds(1) || expires > kExpiresMax) {
    return fail(Errc::InvalidArgument, "a presigned URL is valid for 1 second to 7 days");
  }
  const std::string stamp = stamp_of(now);
  const std::size_t question = parsed.path.find('?');
  const std::string path = parsed.path.substr(0, question);
  std::string query = question == std::string::npos ? std::string() : parsed.path.substr(question + 1) + "&";
  query += fmt::format(
      "X-Amz-Algorithm={}&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires={}&X-Amz-SignedHeaders=host",
      kAlgorithm,
      percent_encode(fmt::format("{}/{}", credential_.access_key_id, scope_of(stamp, region_, service_))),
      stamp, expires.count());
  if (!credential_.session_token.empty()) {
    query += "&X-Amz-Security-Token=" + percent_encode(credential_.session_token.reveal());
  }
  const std::string hash =
      service_ == kS3 ? std::string(kUnsignedPayload) : base::hex(base::sha256(std::string_view()));
  const SigV4Request request{.method = method,
                             .path = path,
                             .query = query,
                             .stamp = stamp,
                             .payload_hash = hash,
                             .headers = {{"host", host_of(parsed)}}};
  return fmt::format("{}://{}{}?{}&X-Amz-Signature={}", parsed.scheme, host_of(parsed), path, query,
                     sigv4_signature(request, credential_.secret_access_key, region_, service_));
}

}  // namespace carillon::net
