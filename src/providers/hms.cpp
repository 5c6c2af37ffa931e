#include "providers/hms.h"

#include <fmt/format.h>

#include "providers/calls.h"
#include "providers/catalog.h"
#include "providers/oauth_credential.h"

namespace carillon::providers {
namespace hms_detail {
namespace {

constexpr std::size_t kInFlightDefault = 1000;
constexpr std::string_view kEndpoint = "https://push-api.cloud.huawei.com";

std::unique_ptr<OauthCredential> make_credential(const Options& options, const std::string& ca_file,
                                                 const Context& context) {
  OauthCredential::Options oauth;
  oauth.url = options.token_url;
  // A file of certificates given for a test server would not know Huawei's.
  if (options.token_url != Options{}.token_url) oauth.ca_file = ca_file;
  oauth.refused = "Huawei refused the credentials; check app_id and app_secret";
  oauth.form = [id = options.app_id, secret = options.app_secret](Time) -> Result<std::string> {
    return net::form_encode({{"grant_type", "client_credentials"},
                             {"client_id", id},
                             {"client_secret", std::string(secret.reveal())}});
  };
  return std::make_unique<OauthCredential>(std::move(oauth), context);
}

class HmsProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    if (!net::parse_url(options.token_url)) return fail(Errc::InvalidArgument, "token_url is not a URL");
    if (options.receipt_user.empty() != options.receipt_key.empty()) {
      return fail(Errc::InvalidArgument,
                  "receipt_user and receipt_key belong together: set both, or neither");
    }
    Http2Push::Options push;
    push.client.origin = common.endpoint.empty() ? std::string(kEndpoint) : common.endpoint;
    push.client.ca_file = common.ca_file;
    push.client.connections_max = static_cast<std::size_t>(options.connections);
    push.in_flight_max = slots_of(common, kInFlightDefault);
    auto credential = make_credential(options, common.ca_file, context);
    OauthCredential& access = *credential;
    CARILLON_TRY(auto engine,
                 Http2Push::open(context, push, std::make_unique<Rules>(options), std::move(credential)));
    return std::make_unique<HmsProvider>(std::move(options), std::move(engine), access);
  }

  HmsProvider(Options options, std::unique_ptr<Http2Push> engine, OauthCredential& credential)
      : options_(std::move(options)), engine_(std::move(engine)), credential_(credential) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    engine_->send(jobs, sink, deadline);
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override { return engine_->free_slots(); }

  // validate_only with a made-up token.
  Task<TestReport> test(base::Deadline deadline) override {
    return engine_->try_out("Huawei", "carillon-integration-test", deadline);
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_);
  }
  Task<void> close(base::Deadline deadline) override {
    co_await engine_->close(deadline);
    co_await credential_.close();
  }

 private:
  const Options options_;
  const std::unique_ptr<Http2Push> engine_;
  OauthCredential& credential_;  // the engine's
};

constexpr model::Platform kPlatforms[] = {model::Platform::Harmony, model::Platform::Android};

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("app_id", options.app_id)
      .required()
      .help("OAuth 2.0 client ID of the app (App ID), from AppGallery Connect.")
      .korean("AppGallery Connect에 있는 앱의 OAuth 2.0 클라이언트 ID(App ID)입니다.");
  group.secret("app_secret", options.app_secret)
      .required()
      .help("OAuth 2.0 client secret of the app, from AppGallery Connect.")
      .korean("AppGallery Connect에 있는 앱의 OAuth 2.0 클라이언트 시크릿입니다.");
  group.text("token_url", options.token_url)
      .help("Where access tokens are handed out.")
      .korean("액세스 토큰을 발급받는 주소입니다.");
  group.text("receipt_user", options.receipt_user)
      .help("Callback user name of the message receipt in AppGallery Connect.")
      .korean("AppGallery Connect에 설정한 메시지 수신 확인의 콜백 사용자 이름입니다.");
  group.secret("receipt_key", options.receipt_key)
      .help("Callback key of the message receipt; receipts are taken only with one.")
      .korean("메시지 수신 확인의 콜백 키입니다. 키가 있어야 수신 확인을 받습니다.");
  group.text("category", options.category)
      .help("Huawei's category of the app's notifications, such as IM or WORK, once Huawei granted it.")
      .korean("IM, WORK처럼 Huawei가 앱에 승인한 알림 분류입니다.");
  group.boolean("urgent", options.is_urgent)
      .help("Sends critical and high messages with Huawei's high priority, for apps that may.")
      .korean("허용된 앱에서 critical과 high 메시지를 Huawei의 높은 우선순위로 보냅니다.");
  group.integer("connections", options.connections)
      .range(1, 64)
      .unit("connections")
      .help("At most so many connections to Push Kit.")
      .korean("Push Kit으로 여는 연결의 최대 개수입니다.");
}

}  // namespace hms_detail

extern const ProviderType hms{
    .name = "hms",
    .title = "Huawei Push Kit",
    .channel = model::Channel::Push,
    .platforms = hms_detail::kPlatforms,
    .service = "hms",
    .default_endpoint = hms_detail::kEndpoint,
    .batch_max = 256,
    .payload_max = hms_detail::kPayloadMax,
    .in_flight_default = hms_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .has_handle = true,
    .declare = declare_as<hms_detail::Options, hms_detail::describe_options>,
    .open = open_as<hms_detail::HmsProvider, hms_detail::Options, hms_detail::describe_options>,
};

}  // namespace carillon::providers
