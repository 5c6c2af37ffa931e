#include "providers/vonage_signature.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/crypto.h"
#include "base/json.h"

namespace carillon::providers {
namespace {

constexpr std::string_view kNames[] = {"md5hash", "md5", "sha1", "sha256", "sha512"};
constexpr const char* kDigests[] = {"MD5", "MD5", "SHA1", "SHA256", "SHA512"};
constexpr std::size_t kTokenMax = 8192;  // bytes

std::unexpected<Error> refused(std::string_view why) {
  return fail(Errc::Unauthenticated, fmt::format("the webhook is refused: {}", why));
}

std::string keyed_hash(std::string_view secret, std::string_view text, VonageMethod method) {
  const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  std::size_t size = 0;
  const char* const digest = kDigests[static_cast<std::size_t>(method)];
  if (method == VonageMethod::Md5Hash) {
    const std::string all = std::string(text).append(secret);
    const int done = EVP_Q_digest(nullptr, digest, nullptr, all.data(), all.size(), out.data(), &size);
    CARILLON_ASSERT(done == 1);
  } else {
    const auto* const made = EVP_Q_mac(nullptr, "HMAC", nullptr, digest, nullptr, secret.data(),
                                       secret.size(), data, text.size(), out.data(), out.size(), &size);
    CARILLON_ASSERT(made != nullptr);
  }
  return base::hex({reinterpret_cast<const char*>(out.data()), size});
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// A flat object's values as text.
Result<CallbackForm> read_json_fields(std::string_view body) {
  base::JsonDocument document;
  const auto root = document.parse(body);
  base::JsonObject object;
  if (!root || root->get(object) != simdjson::SUCCESS) {
    return fail(Errc::InvalidArgument, "the body is no JSON object");
  }
  CallbackForm fields;
  for (const auto member : object) {
    std::string_view text;
    const bool is_text = member.value.get(text) == simdjson::SUCCESS;
    fields.emplace_back(member.key, is_text ? std::string(text) : base::to_json(member.value));
  }
  return fields;
}

Result<CallbackForm> read_fields(const CallbackRequest& request) {
  if (request.header("content-type").starts_with("application/json")) return read_json_fields(request.body);
  const std::size_t mark = request.url.find('?');
  const std::string_view query =
      mark == std::string::npos ? std::string_view() : std::string_view(request.url).substr(mark + 1);
  auto form = net::form_decode(request.method == "GET" ? query : std::string_view(request.body));
  if (!form) return fail(Errc::InvalidArgument, "the body is neither a form nor JSON");
  // Ours, of the address the vendor was given: it signs its own fields.
  if (request.method == "GET")
    std::erase_if(*form, [](const auto& field) { return field.first == "project"; });
  return std::move(*form);
}

bool is_in_time(std::int64_t signed_at_s, Time now, Millis repeats) {
  constexpr std::int64_t kSecondsMax = 100'000'000'000;  // year 5138: not seconds
  if (signed_at_s < 0 || signed_at_s > kSecondsMax) return false;
  const Time at = from_ms(signed_at_s * 1000);
  return at <= now + kVonageAhead && now - at <= repeats;
}

}  // namespace

std::optional<VonageMethod> parse_vonage_method(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<VonageMethod>(found - std::begin(kNames));
}

std::string vonage_signature(CallbackForm fields, std::string_view secret, VonageMethod method) {
  std::erase_if(fields, [](const auto& field) { return field.first == "sig"; });
  std::ranges::sort(fields);
  std::string text;
  for (auto& [name, value] : fields) {
    // Else a value could pretend to be further fields.
    std::ranges::replace_if(value, [](char c) { return c == '&' || c == '='; }, '_');
    text.append("&").append(name).append("=").append(value);
  }
  return keyed_hash(secret, text, method);
}

Result<CallbackForm> read_vonage_fields(const CallbackRequest& request, std::string_view secret,
                                        VonageMethod method) {
  if (secret.empty()) return refused("set signature_secret, so that it can be checked");
  CARILLON_TRY(CallbackForm fields, read_fields(request));
  const std::string given = lower(form_value(fields, "sig"));
  if (given.empty()) return refused("it is not signed; have webhook signing enabled for the account");
  if (!base::equal_constant_time(given, vonage_signature(fields, secret, method))) {
    return refused("sig does not fit: check signature_secret and signature_method");
  }
  const std::string_view stamp = form_value(fields, "timestamp");
  std::int64_t signed_at = 0;
  const auto read = std::from_chars(stamp.data(), stamp.data() + stamp.size(), signed_at);
  const bool is_number = read.ec == std::errc() && read.ptr == stamp.data() + stamp.size();
  if (!is_number || !is_in_time(signed_at, request.now, kVonageRepeats)) return refused("it is too old");
  return fields;
}

Result<void> check_vonage_token(const CallbackRequest& request, std::string_view secret,
                                std::string_view application_id) {
  constexpr std::string_view kBearer = "Bearer ";
  if (secret.empty()) return refused("set signature_secret, so that it can be checked");
  std::string_view token = request.header("authorization");
  if (!token.starts_with(kBearer) || token.size() > kTokenMax) return refused("it carries no token");
  token.remove_prefix(kBearer.size());
  const std::size_t first = token.find('.'), second = token.rfind('.');
  if (first == std::string_view::npos || first == second) return refused("its token is no JWT");
  const auto signature = base::unbase64(token.substr(second + 1));
  if (!signature ||
      !base::equal_constant_time(*signature, base::hmac_sha256(secret, token.substr(0, second)))) {
    return refused("its token is not signed with signature_secret");
  }
  const auto header = base::unbase64(token.substr(0, first));
  const auto claims = base::unbase64(token.substr(first + 1, second - first - 1));
  base::JsonDocument header_document, claims_document;
  const auto head = header_document.parse(header.value_or(""));
  const auto said = claims_document.parse(claims.value_or(""));
  std::string_view text;
  if (!head || !said || (*head)["alg"].get(text) != simdjson::SUCCESS || text != "HS256") {
    return refused("its token is no JWT of HS256");
  }
  std::int64_t issued = 0;
  if ((*said)["iat"].get(issued) != simdjson::SUCCESS || !is_in_time(issued, request.now, kVonageRepeats)) {
    return refused("its token is too old");
  }
  if ((*said)["payload_hash"].get(text) != simdjson::SUCCESS ||
      lower(text) != base::hex(base::sha256(request.body))) {
    return refused("its token is for another body");
  }
  if ((*said)["application_id"].get(text) == simdjson::SUCCESS && text != application_id) {
    return refused("its token is for another application");
  }
  return {};
}

}  // namespace carillon::providers
