// The API's bodies and answers for devices: what a token of each push service may look like.
#include "model/profile.h"

#include "base/crypto.h"
#include "base/p256.h"
#include "model/address.h"
#include "model/decision.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace carillon::model {

std::string_view default_push_service(Platform platform) noexcept {
  switch (platform) {
    case Platform::Ios:
    case Platform::Macos: return "apns";
    case Platform::Android: return "fcm";
    case Platform::Harmony: return "hms";
    case Platform::Web:
    case Platform::Windows:
    case Platform::None: return {};
  }
  return {};
}

namespace {

constexpr std::size_t kBundleMax = 256;        // bytes
constexpr std::size_t kLocaleTextMax = 64;     // bytes as given
constexpr std::size_t kZoneMax = 64;           // bytes
constexpr std::size_t kAppVersionMax = 64;     // bytes
constexpr std::size_t kEndpointUrlMax = 2048;  // bytes
constexpr std::size_t kAuthBytes = 16;         // RFC 8291 §3.2

// The push services we know and the platforms each reaches.
struct Service {
  std::string_view name;
  std::array<Platform, 4> platforms;
};
constexpr std::array<Service, 6> kServices{{
    {"apns", {Platform::Ios, Platform::Macos}},
    {"fcm", {Platform::Android, Platform::Ios, Platform::Web}},
    {"jpush", {Platform::Android, Platform::Ios, Platform::Harmony}},
    {"pushy", {Platform::Android, Platform::Ios, Platform::Web, Platform::Macos}},
    {"hms", {Platform::Harmony, Platform::Android}},
    {"webpush", {Platform::Web, Platform::Windows, Platform::Macos}},
}};

const Service* find_service(std::string_view name) {
  const auto* const at = std::ranges::find(kServices, name, &Service::name);
  return at == kServices.end() ? nullptr : at;
}

bool is_visible(char c) { return c > 0x20 && c < 0x7F; }

// Nothing when `token` can be one, else what to change.
std::optional<std::string> token_complaint(std::string_view token) {
  if (token.empty() || token.size() > kTokenMax || !std::ranges::all_of(token, is_visible)) {
    return fmt::format("A token has 1 to {} visible ASCII characters.", kTokenMax);
  }
  // Vendors ask not to assume a token's form or length; what is none is refused by them and forgotten.
  return std::nullopt;
}

// A push service's URL: https, a host, no credentials, nothing that could end a header line.
bool is_push_url(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (url.size() > kEndpointUrlMax || !url.starts_with(kScheme) || !std::ranges::all_of(url, is_visible))
    return false;
  url.remove_prefix(kScheme.size());
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  return !authority.empty() && authority.find('@') == std::string_view::npos && authority.front() != ':';
}

// Reads the members of a browser's PushSubscription and returns it as the compact JSON kept as a token, or
// nothing after adding problems. RFC 8291 §3.1: a key that is no point of the curve would give the message
// away.
std::optional<std::string> read_subscription(base::ObjectReader& reader, base::Problems& problems) {
  const std::size_t problems_before = problems.size();
  std::string url, public_key, auth;
  reader.require("endpoint");
  if (reader.text("endpoint", url, kEndpointUrlMax) && !is_push_url(url)) {
    reader.problem("endpoint", "invalid_endpoint", "The endpoint of a push subscription is an https URL.");
  }
  // Browsers write it; it is null nearly always, and an expired subscription answers 410 anyway.
  static_cast<void>(reader.element("expirationTime"));
  reader.require("keys");
  if (const auto keys = reader.element("keys")) {
    base::ObjectReader inner(*keys, reader.pointer("keys"), problems);
    inner.require("p256dh");
    inner.require("auth");
    if (inner.text("p256dh", public_key, 128)) {
      const auto bytes = base::unbase64(public_key);
      if (!bytes || !base::is_p256_point(*bytes)) {
        inner.problem("p256dh", "invalid_key",
                      "p256dh is an uncompressed point of P-256, 65 bytes in base64url.");
      }
    }
    if (inner.text("auth", auth, 128)) {
      const auto bytes = base::unbase64(auth);
      if (!bytes || bytes->size() != kAuthBytes) {
        inner.problem("auth", "invalid_key", "auth is 16 bytes in base64url.");
      }
    }
    inner.done();
  }
  if (problems.size() != problems_before) return std::nullopt;
  base::JsonWriter out;
  out.object().field("endpoint", url).key("keys").object();
  out.field("p256dh", base::base64url(*base::unbase64(public_key)));
  out.field("auth", base::base64url(*base::unbase64(auth))).end_object().end_object();
  return out.str();
}

// A subscription as an object, or as text holding one; tests use the reserved tokens.
void read_webpush_token(base::JsonElement value, base::ObjectReader& reader, std::string& into,
                        base::Problems& problems) {
  std::string_view text;
  base::JsonDocument document;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    if (reserved_recipient(text) != ReservedRecipient::None) {
      into = std::string(text);
      return;
    }
    const auto parsed =
        text.size() <= kTokenMax ? document.parse(text) : fail(Errc::InvalidArgument, "too long");
    if (!parsed) {
      reader.problem("token", "invalid_token",
                     R"(The token is a push subscription: {"endpoint","keys":{"p256dh","auth"}}.)");
      return;
    }
    value = *parsed;
  }
  base::ObjectReader subscription(value, reader.pointer("token"), problems);
  auto token = read_subscription(subscription, problems);
  subscription.done();
  if (token) into = std::move(*token);
}

Endpoint read_endpoint(base::JsonElement body, const std::string& pointer, Platform platform, Time now,
                       base::Problems& problems) {
  Endpoint endpoint;
  endpoint.registered_at = now;
  base::ObjectReader reader(body, pointer, problems);
  reader.require("service");
  static_cast<void>(reader.element("registered_at"));  // as it reads back; the time is ours to say
  const Service* service = nullptr;
  if (reader.text("service", endpoint.service, 16)) {
    service = find_service(endpoint.service);
    if (service == nullptr) {
      reader.problem("service", "invalid_service", "Use apns, fcm, jpush, pushy, hms or webpush.");
    } else if (platform != Platform::None &&
               std::ranges::find(service->platforms, platform) == service->platforms.end()) {
      reader.problem("service", "invalid_service",
                     fmt::format("{} does not reach {}.", service->name, name(platform)));
    }
  }
  const bool is_subscription = service != nullptr && service->name == "webpush";
  const auto token = reader.element("token");
  if (!token && is_subscription && (reader.has("endpoint") || reader.has("keys"))) {
    // As the browser gave it, beside the name of the service.
    if (auto read = read_subscription(reader, problems)) endpoint.token = std::move(*read);
  } else if (!token) {
    reader.require("token");
  } else if (is_subscription) {
    read_webpush_token(*token, reader, endpoint.token, problems);
  } else if (reader.text("token", endpoint.token, kTokenMax)) {
    if (auto complaint = token_complaint(endpoint.token)) {
      reader.problem("token", "invalid_token", std::move(*complaint));
    }
  }
  reader.done();
  return endpoint;
}

void read_endpoints(base::ObjectReader& reader, Device& into, Time now, base::Problems& problems) {
  const std::size_t problems_before = problems.size();
  std::vector<Endpoint> endpoints;
  const bool is_array =
      reader.array("endpoints", kEndpointsMax, [&](base::JsonElement item, const std::string& at) {
        endpoints.push_back(read_endpoint(item, at, into.platform, now, problems));
        const std::string& service = endpoints.back().service;
        if (std::ranges::count(endpoints, service, &Endpoint::service) > 1) {
          problems.push_back(
              {at + "/service", "duplicate_service", "A device has one token of each service."});
        }
      });
  if (is_array && endpoints.empty()) {
    reader.problem("endpoints", "required", "Name at least one endpoint, or leave endpoints out.");
  }
  if (is_array && problems.size() == problems_before) into.endpoints = std::move(endpoints);
}

// Endpoints left out: the device id is the token, where one token is all a service needs.
void apply_short_form(base::ObjectReader& reader, bool names_platform, Device& into, Time now) {
  const bool has_short_form = into.endpoints.size() == 1 && into.endpoints.front().token == into.device_id;
  if (!into.endpoints.empty() && !(names_platform && has_short_form)) return;
  const std::string_view service = default_push_service(into.platform);
  if (into.platform == Platform::None) return;
  if (service.empty()) {
    reader.problem("endpoints", "required",
                   fmt::format("A {} device needs its endpoints.", name(into.platform)));
    return;
  }
  if (auto complaint = token_complaint(into.device_id)) {
    reader.problem("endpoints", "invalid_token",
                   fmt::format("The device_id is no token: {} Or give endpoints.", *complaint));
    return;
  }
  into.endpoints = {Endpoint{std::string(service), into.device_id, now}};
}

bool read_platform(base::ObjectReader& reader, Device& into) {
  std::string text;
  if (!reader.text("platform", text, 16)) {
    if (into.platform == Platform::None) reader.require("platform");
    return false;
  }
  const auto platform = parse_platform(text);
  if (!platform) {
    reader.problem("platform", "invalid_platform", "Use ios, android, web, macos, windows or harmony.");
    return false;
  }
  into.platform = *platform;
  return true;
}

void read_locale_and_zone(base::ObjectReader& reader, Device& into) {
  std::string locale;
  if (reader.text("locale", locale, kLocaleTextMax)) {
    std::ranges::replace(locale, '_', '-');  // as phones write it: en_US
    if (is_locale(locale)) {
      into.locale = std::move(locale);
    } else {
      reader.problem("locale", "invalid_locale", "Use a BCP 47 language tag, as en or ko-KR.");
    }
  }
  std::string zone;
  if (!reader.text("time_zone", zone, kZoneMax)) return;
  if (is_time_zone(zone)) {
    into.time_zone = std::move(zone);
  } else {
    reader.problem("time_zone", "invalid_time_zone",
                   "Use a name of the IANA time zone database, as Asia/Seoul.");
  }
}

}  // namespace

void read_device(base::JsonElement body, Device& into, Time now, base::Problems& problems) {
  base::ObjectReader reader(body, "", problems);
  std::string device_id;
  if (reader.id_text("device_id", device_id, kTokenMax) && device_id != into.device_id) {
    reader.problem("device_id", "invalid_value",
                   "The device_id is the one in the URL and cannot be changed.");
  }
  const bool names_platform = read_platform(reader, into);
  reader.text("bundle", into.bundle, kBundleMax);
  std::size_t index = 0;
  if (reader.one_of("environment", index, {"production", "development"})) {
    into.environment = index == 0 ? "production" : "development";
  } else if (into.environment.empty()) {
    into.environment = "production";
  }
  if (reader.has("endpoints")) {
    read_endpoints(reader, into, now, problems);
  } else {
    apply_short_form(reader, names_platform, into, now);
  }
  reader.boolean("enabled", into.enabled);
  read_locale_and_zone(reader, into);
  reader.text("app_version", into.app_version, kAppVersionMax);
  Time logged_in_at = now;
  if (reader.time("last_logged_in_at", logged_in_at) || names_platform || into.last_logged_in_at == Time{}) {
    into.last_logged_in_at = std::min(logged_in_at, now);
  }
  reader.done();
}

void write_device(base::JsonWriter& out, const Device& device) {
  out.object().field("device_id", device.device_id).field("platform", name(device.platform));
  out.field_if("bundle", device.bundle).field_if("environment", device.environment).key("endpoints").array();
  for (const Endpoint& endpoint : device.endpoints) {
    out.object().field("service", endpoint.service).key("token");
    if (endpoint.service == "webpush" && endpoint.token.starts_with('{')) {
      out.raw(endpoint.token);  // JSON that read_device() wrote itself
    } else {
      out.value(endpoint.token);
    }
    out.field("registered_at", to_rfc3339(endpoint.registered_at)).end_object();
  }
  out.end_array().field("enabled", device.enabled).field_if("locale", device.locale);
  out.field_if("time_zone", device.time_zone).field_if("app_version", device.app_version);
  out.field("last_logged_in_at", to_rfc3339(device.last_logged_in_at)).end_object();
}

}  // namespace carillon::model
