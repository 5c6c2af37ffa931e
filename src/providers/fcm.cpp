#include "providers/fcm.h"

#include "base/crypto.h"
#include "providers/calls.h"
#include "providers/catalog.h"

namespace carillon::providers {
namespace fcm_detail {
namespace {

constexpr std::size_t kInFlightDefault = 1000;
constexpr std::string_view kEndpoint = "https://fcm.googleapis.com";
constexpr std::string_view kScope = "https://www.googleapis.com/auth/firebase.messaging";
constexpr std::string_view kGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr Millis kRenewEarly{5 * 60'000};
constexpr Millis kRenewFloor{5'000};  // a service that refuses every token is not asked for one per message
constexpr std::int64_t kAssertionS = 3600;

struct Options {
  base::Secret service_account;
  std::int64_t connections = 4;
};

void describe_options(base::SettingsGroup& group, Options& options) {
  group.secret("service_account", options.service_account)
      .required()
      .help("Content of the service account's JSON key file, from the Firebase console.");
  group.integer("connections", options.connections)
      .range(1, 64)
      .unit("connections")
      .help("At most so many connections to FCM.");
}

// The access token of one service account (RFC 7523).
class Credential final : public PushCredential {
 public:
  Credential(ServiceAccount account, std::string ca_file, const Context& context)
      : account_(std::move(account)), clock_(*context.clock), http_(net::HttpClient::open(context.executor)) {
    // A file of certificates given for a test server would not know Google's.
    if (!account_.token_uri.starts_with("https://oauth2.googleapis.com/")) ca_file_ = std::move(ca_file);
  }

  CredentialValue current() override { return clock_.now() < renew_at_ ? value_ : nullptr; }

  bool refused(const CredentialValue& value) override {
    if (value != value_) return true;  // renewed since
    if (clock_.now() - obtained_at_ < kRenewFloor) return false;
    value_.reset();
    return true;
  }

  Task<std::optional<model::Outcome>> obtain(base::Deadline deadline) override {
    using model::Outcome;
    using model::OutcomeKind;
    const Time now = clock_.now();
    const auto assertion = account_.assertion(now);
    if (!assertion)
      co_return Outcome::of(OutcomeKind::Misconfigured, 0, "invalid_key", assertion.error().message);
    net::HttpCall call;
    call.url = account_.token_uri;
    call.ca_file = ca_file_;
    call.request.method = "POST";
    call.request.headers.emplace_back("content-type", "application/x-www-form-urlencoded");
    call.request.body = net::form_encode({{"grant_type", std::string(kGrant)}, {"assertion", *assertion}});
    const auto response = co_await http_->call(std::move(call), deadline);
    // Whatever became of the token's request, the message itself was not sent.
    if (!response) co_return Outcome::not_sent("no access token: " + response.error().detail);
    co_return take(*response, now);
  }

  Task<void> close() { return http_->close(); }

 private:
  std::optional<model::Outcome> take(const net::HttpResponse& response, Time now) {
    using model::Outcome;
    using model::OutcomeKind;
    base::JsonDocument document;
    const auto root = document.parse(response.body);
    std::string_view token, error;
    std::int64_t expires_in = 0;
    if (root && (*root)["error"].get(error) != simdjson::SUCCESS) error = {};
    if (response.status >= 400 && response.status < 500 && response.status != 429 && response.status != 408) {
      return Outcome::of(OutcomeKind::Misconfigured, response.status, std::string(error),
                         "Google refused the service account; check the key and this server's clock");
    }
    if (response.status != 200 || !root || (*root)["access_token"].get(token) != simdjson::SUCCESS ||
        (*root)["expires_in"].get(expires_in) != simdjson::SUCCESS) {
      return Outcome::not_sent(
          fmt::format("no access token: the token endpoint answered {}", response.status));
    }
    value_ = std::make_shared<const std::string>(fmt::format("Bearer {}", token));
    obtained_at_ = now;
    const Millis life = std::chrono::seconds(std::clamp<std::int64_t>(expires_in, 1, 86'400));
    renew_at_ = now + std::max(life - kRenewEarly, life / 2);
    return std::nullopt;
  }

  const ServiceAccount account_;
  const base::Clock& clock_;
  const std::unique_ptr<net::HttpClient> http_;
  std::string ca_file_;
  CredentialValue value_;
  Time obtained_at_{}, renew_at_{};
};

class FcmProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_TRY(auto account, ServiceAccount::read(options.service_account));
    CARILLON_CHECK(account.assertion(context.clock->now()));
    Http2Push::Options push;
    push.client.origin = common.endpoint.empty() ? std::string(kEndpoint) : common.endpoint;
    push.client.ca_file = common.ca_file;
    push.client.connections_max = static_cast<std::size_t>(options.connections);
    push.in_flight_max =
        common.max_in_flight > 0 ? static_cast<std::size_t>(common.max_in_flight) : kInFlightDefault;
    auto rules = std::make_unique<Rules>(account.project_id);
    auto credential = std::make_unique<Credential>(std::move(account), common.ca_file, context);
    Credential& access = *credential;
    CARILLON_TRY(auto engine, Http2Push::open(context, push, std::move(rules), std::move(credential)));
    return std::make_unique<FcmProvider>(std::move(engine), access);
  }

  FcmProvider(std::unique_ptr<Http2Push> engine, Credential& credential)
      : engine_(std::move(engine)), credential_(credential) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    engine_->send(jobs, sink, deadline);
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override { return engine_->free_slots(); }

  // validate_only with a made-up token: being told that it is no token proves the credentials.
  Task<TestReport> test(base::Deadline deadline) override {
    Target target;
    target.platform = model::Platform::Android;
    target.address = "carillon-integration-test";
    const model::Outcome outcome = co_await engine_->probe(std::move(target), deadline);
    if (outcome.kind == model::OutcomeKind::Sent || outcome.kind == model::OutcomeKind::InvalidRecipient) {
      co_return TestReport{true,
                           "FCM accepted the credentials and read a test message without delivering it."};
    }
    co_return TestReport{false,
                         fmt::format("FCM answered {} {}: {}", outcome.status, outcome.code, outcome.detail)};
  }

  Task<void> close(base::Deadline deadline) override {
    co_await engine_->close(deadline);
    co_await credential_.close();
  }

 private:
  const std::unique_ptr<Http2Push> engine_;
  Credential& credential_;  // the engine's
};

constexpr model::Platform kPlatforms[] = {model::Platform::Android, model::Platform::Ios,
                                          model::Platform::Web};

// The Firebase project, which only the service account names.
std::string bundle_of(base::JsonElement settings) {
  std::string_view text;
  if (settings["service_account"].get(text) != simdjson::SUCCESS) return {};
  const auto account = ServiceAccount::read(base::Secret(std::string(text)));
  return account ? account->project_id : std::string{};
}

}  // namespace

Result<ServiceAccount> ServiceAccount::read(const base::Secret& json) {
  base::JsonDocument document;
  const auto root = document.parse(json.reveal());
  if (!root) return fail(Errc::InvalidArgument, "service_account is not JSON; paste the whole key file");
  ServiceAccount account;
  std::string private_key;
  struct Field {
    std::string_view name;
    std::string* to;
  };
  for (const Field& field : {Field{"client_email", &account.client_email},
                             {"private_key", &private_key},
                             {"private_key_id", &account.private_key_id},
                             {"token_uri", &account.token_uri},
                             {"project_id", &account.project_id}}) {
    std::string_view text;
    if ((*root)[field.name].get(text) != simdjson::SUCCESS || text.empty()) {
      return fail(Errc::InvalidArgument,
                  fmt::format("service_account has no {}; paste the whole key file", field.name));
    }
    *field.to = text;
  }
  account.private_key = base::Secret(std::move(private_key));
  if (!net::parse_url(account.token_uri)) {
    return fail(Errc::InvalidArgument, "token_uri of service_account is not a URL; paste the whole key file");
  }
  return account;
}

Result<std::string> ServiceAccount::assertion(Time now) const {
  const std::int64_t now_s = to_ms(now) / 1000;
  base::JsonWriter header, claims;
  header.object().field("alg", "RS256").field("typ", "JWT").field("kid", private_key_id).end_object();
  claims.object().field("iss", client_email).field("scope", kScope).field("aud", token_uri);
  claims.field("iat", now_s).field("exp", now_s + kAssertionS).end_object();
  auto jwt = base::jws_rs256(header.str(), claims.str(), private_key);
  if (!jwt)
    return fail(Errc::InvalidArgument,
                "private_key of service_account is not an RSA key; paste the whole key file");
  return jwt;
}

}  // namespace fcm_detail

extern const ProviderType fcm{
    .name = "fcm",
    .title = "Firebase Cloud Messaging",
    .channel = model::Channel::Push,
    .platforms = fcm_detail::kPlatforms,
    .service = "fcm",
    .default_endpoint = fcm_detail::kEndpoint,
    .batch_max = 256,
    .payload_max = fcm_detail::kPayloadMax,
    .in_flight_default = fcm_detail::kInFlightDefault,
    .has_handle = true,
    .bundle = fcm_detail::bundle_of,
    .declare = declare_as<fcm_detail::Options, fcm_detail::describe_options>,
    .open = open_as<fcm_detail::FcmProvider, fcm_detail::Options, fcm_detail::describe_options>,
};

}  // namespace carillon::providers
