#include "providers/fcm.h"

#include "base/crypto.h"
#include "providers/calls.h"
#include "providers/catalog.h"
#include "providers/oauth_credential.h"

namespace carillon::providers {
namespace fcm_detail {
namespace {

constexpr std::size_t kInFlightDefault = 1000;
constexpr std::string_view kEndpoint = "https://fcm.googleapis.com";
constexpr std::string_view kScope = "https://www.googleapis.com/auth/firebase.messaging";
constexpr std::string_view kGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::int64_t kAssertionS = 3600;

struct Options {
  base::Secret service_account;
  std::int64_t connections = 4;
};

void describe_options(base::SettingsGroup& group, Options& options) {
  group.secret("service_account", options.service_account)
      .required()
      .help("Content of the service account's JSON key file, from the Firebase console.")
      .korean("Firebase 콘솔에서 받은 서비스 계정 JSON 키 파일의 내용입니다.");
  group.integer("connections", options.connections)
      .range(1, 64)
      .unit("connections")
      .help("At most so many connections to FCM.")
      .korean("FCM으로 여는 연결의 최대 개수입니다.");
}

// The access token of one service account (RFC 7523).
std::unique_ptr<OauthCredential> make_credential(ServiceAccount account, std::string ca_file,
                                                 const Context& context) {
  OauthCredential::Options options;
  options.url = account.token_uri;
  // A file of certificates given for a test server would not know Google's.
  if (!account.token_uri.starts_with("https://oauth2.googleapis.com/")) options.ca_file = std::move(ca_file);
  options.refused = "Google refused the service account; check the key and this server's clock";
  options.form = [account = std::move(account)](Time now) -> Result<std::string> {
    CARILLON_TRY(auto assertion, account.assertion(now));
    return net::form_encode({{"grant_type", std::string(kGrant)}, {"assertion", std::move(assertion)}});
  };
  return std::make_unique<OauthCredential>(std::move(options), context);
}

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
    push.in_flight_max = slots_of(common, kInFlightDefault);
    auto rules = std::make_unique<Rules>(account.project_id);
    auto credential = make_credential(std::move(account), common.ca_file, context);
    OauthCredential& access = *credential;
    CARILLON_TRY(auto engine, Http2Push::open(context, push, std::move(rules), std::move(credential)));
    return std::make_unique<FcmProvider>(std::move(engine), access);
  }

  FcmProvider(std::unique_ptr<Http2Push> engine, OauthCredential& credential)
      : engine_(std::move(engine)), credential_(credential) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    engine_->send(jobs, sink, deadline);
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override { return engine_->free_slots(); }

  // validate_only with a made-up token.
  Task<TestReport> test(base::Deadline deadline) override {
    return engine_->try_out("FCM", "carillon-integration-test", deadline);
  }
  Task<void> close(base::Deadline deadline) override {
    co_await engine_->close(deadline);
    co_await credential_.close();
  }

 private:
  const std::unique_ptr<Http2Push> engine_;
  OauthCredential& credential_;  // the engine's
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
    return fail(Errc::InvalidArgument,
                "service_account: its token_uri is not a URL; paste the whole key file");
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
                "service_account: its private_key is not an RSA key; paste the whole key file");
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
