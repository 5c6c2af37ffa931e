#include "providers/apns.h"

#include <map>

#include "base/crypto.h"
#include "providers/calls.h"
#include "providers/catalog.h"

namespace carillon::providers {
namespace apns_detail {
namespace {

constexpr std::size_t kInFlightDefault = 4000;  // 4 connections with 1000 streams

// The shared token, in the engine's terms.
class Credential final : public PushCredential {
 public:
  Credential(std::shared_ptr<Token> token, const base::Clock& clock)
      : token_(std::move(token)), clock_(clock) {}
  CredentialValue current() override {
    auto value = token_->value(clock_.now());
    return value ? std::move(*value) : nullptr;
  }
  Task<std::optional<model::Outcome>> obtain(base::Deadline) override {
    const auto value = token_->value(clock_.now());
    if (value) co_return std::nullopt;
    co_return model::Outcome::of(model::OutcomeKind::Misconfigured, 0, "invalid_key", value.error().message);
  }
  bool refused(const CredentialValue& value) override { return token_->refused(value, clock_.now()); }

 private:
  const std::shared_ptr<Token> token_;
  const base::Clock& clock_;
};

class ApnsProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    const auto token = Token::shared(options);
    CARILLON_CHECK(token->value(context.clock->now()));
    const bool is_default = common.endpoint.empty() || common.endpoint == kProduction;
    Http2Push::Options push;
    push.client.origin =
        is_default ? (options.environment == "development" ? kDevelopment : kProduction) : common.endpoint;
    push.client.ca_file = common.ca_file;
    push.client.connections_max = static_cast<std::size_t>(options.connections);
    push.in_flight_max = slots_of(common, kInFlightDefault);
    CARILLON_TRY(auto engine,
                 Http2Push::open(context, push, std::make_unique<Rules>(options.topic, options.environment),
                                 std::make_unique<Credential>(token, *context.clock)));
    return std::make_unique<ApnsProvider>(std::move(options), std::move(engine));
  }

  ApnsProvider(Options options, std::unique_ptr<Http2Push> engine)
      : options_(std::move(options)), engine_(std::move(engine)) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    engine_->send(jobs, sink, deadline);
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override { return engine_->free_slots(); }

  // A made-up token: refusing it (400) proves that the credentials are good (PROVIDERS §1.12).
  Task<TestReport> test(base::Deadline deadline) override {
    Target target;
    target.platform = model::Platform::Ios;
    target.address = std::string(64, '0');
    const model::Outcome outcome = co_await engine_->probe(std::move(target), deadline);
    if (outcome.kind == model::OutcomeKind::Sent || outcome.code == "BadDeviceToken") {
      co_return TestReport{
          true, "APNs accepted the credentials (it refused a made-up device token, as it should)."};
    }
    co_return TestReport{
        false, fmt::format("APNs answered {} {}: {}", outcome.status, outcome.code, outcome.detail)};
  }
  Task<void> close(base::Deadline deadline) override { return engine_->close(deadline); }

  static constexpr std::string_view kProduction = "https://api.push.apple.com";
  static constexpr std::string_view kDevelopment = "https://api.sandbox.push.apple.com";

 private:
  const Options options_;
  const std::unique_ptr<Http2Push> engine_;
};

constexpr model::Platform kPlatforms[] = {model::Platform::Ios, model::Platform::Macos};

std::string bundle_of(base::JsonElement settings) {
  std::string_view topic;
  return settings["topic"].get(topic) == simdjson::SUCCESS ? std::string(topic) : std::string{};
}

std::string environment_of(base::JsonElement settings) {
  std::string_view environment;
  const bool is_given = settings["environment"].get(environment) == simdjson::SUCCESS;
  return is_given ? std::string(environment) : Options{}.environment;
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("team_id", options.team_id)
      .required()
      .help("Team ID of the Apple developer account, 10 characters.")
      .korean("Apple 개발자 계정의 팀 ID(10자)입니다.");
  group.text("key_id", options.key_id)
      .required()
      .help("Key ID of the APNs authentication key, 10 characters.")
      .korean("APNs 인증 키의 키 ID(10자)입니다.");
  group.secret("private_key", options.private_key)
      .required()
      .help("Content of the key file AuthKey_….p8, including its first and last line.")
      .korean("키 파일 AuthKey_….p8의 내용 전체로, 첫 줄과 마지막 줄도 포함합니다.");
  group.text("topic", options.topic)
      .help("Bundle ID of the app, for devices registered without one.")
      .korean("앱의 번들 ID로, 번들 없이 등록된 기기에 씁니다.");
  group.choice("environment", options.environment, {"production", "development"})
      .help("Which of Apple's two services; a device's tokens are valid in one of them only.")
      .korean("Apple의 두 서비스 중 어느 쪽인지 정합니다. 기기 토큰은 그중 한쪽에서만 유효합니다.");
  group.integer("connections", options.connections)
      .range(1, 64)
      .unit("connections")
      .help("At most so many connections to APNs.")
      .korean("APNs로 여는 연결의 최대 개수입니다.");
}

Token::Token(std::string team_id, std::string key_id, base::Secret private_key)
    : team_id_(std::move(team_id)), key_id_(std::move(key_id)), private_key_(std::move(private_key)) {}

std::shared_ptr<Token> Token::shared(const Options& options) {
  static std::mutex mutex;
  // Kept for good: a token forgotten with its last account would be made anew within the 20 minutes.
  static std::map<std::string, std::shared_ptr<Token>> tokens;
  std::string key =
      options.team_id + '\n' + options.key_id + '\n' + base::sha256(options.private_key.reveal());
  const std::lock_guard lock(mutex);
  auto& token = tokens[std::move(key)];
  if (!token) token = std::make_shared<Token>(options.team_id, options.key_id, options.private_key);
  return token;
}

Result<CredentialValue> Token::value(Time now) {
  const std::lock_guard lock(mutex_);
  const bool is_fresh = now - made_ < kRenewAfter && made_ - now < kRenewAfter;  // a clock may step back
  if (value_ && is_fresh) return value_;
  base::JsonWriter header, claims;
  header.object().field("alg", "ES256").field("kid", key_id_).end_object();
  claims.object().field("iss", team_id_).field("iat", to_ms(now) / 1000).end_object();
  auto jwt = base::jws_es256(header.str(), claims.str(), private_key_);
  if (!jwt) {
    return fail(Errc::InvalidArgument,
                "private_key is not a PKCS#8 key on the curve P-256; paste the whole .p8 file");
  }
  value_ = std::make_shared<const std::string>("bearer " + *jwt);
  made_ = now;
  return value_;
}

bool Token::refused(const CredentialValue& value, Time now) {
  const std::lock_guard lock(mutex_);
  if (value_ && value != value_) return true;  // another request had it renewed already
  if (value_ && now - made_ < kRenewFloor) return false;
  value_.reset();
  return true;
}

}  // namespace apns_detail

extern const ProviderType apns{
    .name = "apns",
    .title = "Apple Push Notification service",
    .channel = model::Channel::Push,
    .platforms = apns_detail::kPlatforms,
    .service = "apns",
    .default_endpoint = apns_detail::ApnsProvider::kProduction,
    .batch_max = 256,
    .payload_max = apns_detail::kPayloadMax,
    .in_flight_default = apns_detail::kInFlightDefault,
    .has_handle = true,
    .bundle = apns_detail::bundle_of,
    .environment = apns_detail::environment_of,
    .declare = declare_as<apns_detail::Options, apns_detail::describe_options>,
    .open = open_as<apns_detail::ApnsProvider, apns_detail::Options, apns_detail::describe_options>,
};

}  // namespace carillon::providers
