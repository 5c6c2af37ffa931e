// Web Push: one account is a key pair, and the services are those that the browsers chose.
//
// The push services of the known browsers, and our own one, get a few HTTP/2 connections each; whatever else
// a subscription names is called over HTTP/1.1, at public addresses only, with few calls at a time.
// Encryption is done by threads of its own (webpush_cipher.h).
#include "providers/webpush.h"

#include <algorithm>
#include <array>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/crypto.h"
#include "model/address.h"
#include "providers/calls.h"
#include "providers/catalog.h"
#include "providers/webpush_cipher.h"

namespace carillon::providers {
namespace webpush_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr std::size_t kInFlightDefault = 1000;
constexpr std::size_t kServicesMax = 64;      // with connections of their own
constexpr std::size_t kHttp1CallsMax = 64;    // at a time
constexpr std::size_t kAnswerMax = 8 * 1024;  // bytes of a body
constexpr std::size_t kFieldsMax = 6;
constexpr Millis kCloseStep{2};

// A push service with HTTP/2 connections of its own.
struct Service {
  std::unique_ptr<net::Http2Client> client;
  std::vector<net::Http2Request> batch;  // not yet submitted
};

// One message under way.
struct Slot {
  Job* job = nullptr;
  JobSink* sink = nullptr;
  base::Deadline deadline = base::Deadline::never();
  Subscription to;
  Push push;
  CipherWork work;
  CredentialValue credential;
  std::array<net::Http2Request::Field, kFieldsMax> fields;
  bool is_own = false, is_trusted = false;
  bool is_repeated = false;  // with a fresh token
};

// Keeps itself until its job ended: whoever asked may be gone by then.
struct Probe final : JobSink {
  explicit Probe(boost::asio::any_io_executor executor) : done(std::move(executor)) {}
  void finished(Job&, Outcome result) override {
    outcome = std::move(result);
    done.set();
    const auto keep = std::exchange(self, nullptr);
  }
  Job job;
  Outcome outcome;
  base::Signal done;
  std::shared_ptr<Probe> self;
};

class WebPushProvider final : public Provider, private net::Http2Sink {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context);

  WebPushProvider(Options options, CommonOptions common, std::string own_origin, Vapid vapid,
                  const Context& context)
      : options_(std::move(options)),
        common_(std::move(common)),
        own_origin_(std::move(own_origin)),
        executor_(context.executor),
        clock_(*context.clock),
        in_flight_max_(slots_of(common_, kInFlightDefault)),
        vapid_(std::move(vapid)),
        public_http_(net::HttpClient::open(executor_)),
        own_http_(net::HttpClient::open(executor_)),
        cipher_(executor_, [this](std::span<CipherWork* const> works) { encrypted(works); }) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override;
  [[nodiscard]] std::size_t free_slots() const noexcept override {
    return in_flight_ < in_flight_max_ && !is_closing_ ? in_flight_max_ - in_flight_ : 0;
  }
  Task<TestReport> test(base::Deadline deadline) override;
  Task<void> close(base::Deadline deadline) override;

 private:
  std::optional<Outcome> prepare(Slot& slot);
  void encrypted(std::span<CipherWork* const> works);
  void transmit(Slot& slot);
  void transmit_http1(Slot& slot);
  void submit_all();
  Service* service_of(const Slot& slot);
  Task<void> call_waiting();
  Task<void> call(Slot& slot);
  void finish(Slot& slot, Outcome outcome);
  void conclude(Slot& slot, const net::Http2Response& response);
  Slot& take_slot();
  void on_response(std::uint64_t tag, const net::Http2Response& response) override;
  void on_failure(std::uint64_t tag, const net::TransportError& error) override;
  [[nodiscard]] std::string ca_file_for(bool is_own) const {
    // A file of certificates given for a push service of our own would not know the others'.
    return own_origin_.empty() || is_own ? common_.ca_file : std::string();
  }

  const Options options_;
  const CommonOptions common_;
  const std::string own_origin_;  // of `endpoint`; may be private. Empty: none
  const boost::asio::any_io_executor executor_;
  const base::Clock& clock_;
  const std::size_t in_flight_max_;
  Vapid vapid_;
  const std::unique_ptr<net::HttpClient> public_http_, own_http_;
  std::map<std::string, Service> services_;  // by origin; never removed while open
  std::vector<std::unique_ptr<Slot>> slots_;
  std::unordered_map<const CipherWork*, Slot*> by_work_;
  std::vector<Slot*> free_;
  std::deque<Slot*> http1_;  // wait for a call
  std::size_t callers_ = 0;  // coroutines that take from it
  std::size_t in_flight_ = 0;
  bool is_closing_ = false;
  base::TaskGate gate_{"webpush"};
  PushCipher cipher_;
};

Result<void> check_subject(std::string_view subject) {
  const bool is_mail = subject.starts_with("mailto:") && subject.contains('@');
  const bool is_clean = std::ranges::all_of(
      subject, [](char c) { return c > 0x20 && c < 0x7F && c != '<' && c != '>' && c != '"'; });
  if (is_clean && (is_mail || push_origin(subject))) return {};
  return fail(Errc::InvalidArgument,
              "subject must be mailto: with an address, or an https URL: whom a push service may turn to");
}

Result<std::unique_ptr<Provider>> WebPushProvider::create(Options options, CommonOptions common,
                                                          const Context& context) {
  CARILLON_CHECK(check_subject(options.subject));
  base::Secret key = context.push_key;
  if (!options.private_key.empty()) {
    auto read = base::read_p256_key(options.private_key);
    if (!read) return fail(Errc::InvalidArgument, "private_key: " + read.error().message);
    key = std::move(*read);
  }
  if (key.empty())
    return fail(Errc::InvalidArgument, "private_key is needed where the project has no key pair");
  CARILLON_TRY(Vapid vapid, Vapid::open(key, options.subject));
  std::string own;
  if (!common.endpoint.empty()) {
    auto origin = push_origin(common.endpoint);
    if (!origin) return fail(Errc::InvalidArgument, "endpoint must be an https URL");
    own = std::move(*origin);
  }
  if (!options.icon.empty() && !push_origin(options.icon)) {
    return fail(Errc::InvalidArgument, "icon must be an https URL");
  }
  return std::make_unique<WebPushProvider>(std::move(options), std::move(common), std::move(own),
                                           std::move(vapid), context);
}

void WebPushProvider::send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) {
  std::vector<CipherWork*> works;
  works.reserve(jobs.size());
  in_flight_ += jobs.size();
  for (Job* job : jobs) {
    Slot& slot = take_slot();
    slot.job = job;
    slot.sink = &sink;
    slot.deadline = deadline;
    slot.is_repeated = false;
    if (auto refused = prepare(slot)) {
      finish(slot, std::move(*refused));
    } else {
      works.push_back(&slot.work);
    }
  }
  cipher_.begin(works);
}

std::optional<Outcome> WebPushProvider::prepare(Slot& slot) {
  if (is_closing_) return Outcome::not_sent("the integration is closing");
  const std::string& address = slot.job->target.address;
  const bool is_reserved = model::reserved_recipient(address) != model::ReservedRecipient::None;
  std::optional<Subscription> to;
  if (is_reserved && !own_origin_.empty()) {
    to = reserved_subscription(own_origin_, address);
  } else {
    to = read_subscription(address);
  }
  if (!to)
    return Outcome::of(OutcomeKind::InvalidRecipient, 0, "invalid_subscription", "not a push subscription");
  slot.to = std::move(*to);
  slot.is_own = slot.to.origin == own_origin_;
  slot.is_trusted = slot.is_own || is_known_service(slot.to.host);
  if (auto refused = build(*slot.job, options_.icon, slot.push)) return refused;
  slot.work.keys = std::move(slot.to.keys);
  slot.work.plain.swap(slot.push.plain);
  return std::nullopt;
}

void WebPushProvider::encrypted(std::span<CipherWork* const> works) {
  for (CipherWork* work : works) {
    Slot& slot = *by_work_.at(work);
    if (!work->is_good) {
      finish(slot, Outcome::of(OutcomeKind::InvalidRecipient, 0, "invalid_key",
                               "the keys of the subscription are not valid"));
    } else if (is_closing_ || slot.deadline.passed()) {
      finish(slot, Outcome::not_sent(is_closing_ ? "the integration is closing"
                                                 : "no time was left after encrypting"));
    } else {
      transmit(slot);
    }
  }
  submit_all();
}

// The connections to that service; null: it is called over HTTP/1.1.
Service* WebPushProvider::service_of(const Slot& slot) {
  if (!slot.is_trusted) return nullptr;
  const auto found = services_.find(slot.to.origin);
  if (found != services_.end()) return found->second.client->speaks_http2() ? &found->second : nullptr;
  if (services_.size() >= kServicesMax) return nullptr;
  net::Http2Options options;
  options.origin = slot.to.origin;
  options.ca_file = ca_file_for(slot.is_own);
  options.connections_max = static_cast<std::size_t>(options_.connections);
  options.response_body_max = kAnswerMax;
  auto client = net::Http2Client::open(executor_, std::move(options));
  if (!client) return nullptr;  // the ca_file; HTTP/1.1 says so for each message
  Service& made = services_[slot.to.origin];
  made.client = std::move(*client);
  return &made;
}

void WebPushProvider::transmit(Slot& slot) {
  slot.credential = vapid_.header(slot.to.origin, clock_.now());
  Service* const service = service_of(slot);
  if (service == nullptr) return transmit_http1(slot);
  std::size_t count = 0;
  const auto add = [&](std::string_view name, std::string_view value, bool never_index = false) {
    slot.fields[count++] = {name, value, never_index};
  };
  add("content-encoding", "aes128gcm");
  add("content-type", "application/octet-stream");
  add("ttl", slot.push.ttl);
  add("urgency", slot.push.urgency);
  if (!slot.push.topic.empty()) add("topic", slot.push.topic, true);
  add("authorization", *slot.credential);
  service->batch.push_back({.path = slot.to.path,
                            .headers = {slot.fields.data(), count},
                            .body = slot.work.body,
                            .tag = reinterpret_cast<std::uintptr_t>(&slot)});
}

void WebPushProvider::submit_all() {
  for (auto& [origin, service] : services_) {
    if (service.batch.empty()) continue;
    SteadyTime until = SteadyTime::max();
    for (const auto& request : service.batch) {
      const Slot& slot = *reinterpret_cast<Slot*>(static_cast<std::uintptr_t>(request.tag));
      until = std::min(until, slot.deadline.at());
    }
    service.client->submit(service.batch, *this, base::Deadline(until));
    service.batch.clear();
  }
}

void WebPushProvider::transmit_http1(Slot& slot) {
  http1_.push_back(&slot);
  if (callers_ >= kHttp1CallsMax) return;
  if (gate_.spawn(executor_, "call", [this] { return call_waiting(); })) {
    ++callers_;
  } else {
    http1_.pop_back();
    finish(slot, Outcome::not_sent("the integration is closing"));
  }
}

Task<void> WebPushProvider::call_waiting() {
  while (!http1_.empty()) {
    Slot& slot = *http1_.front();
    http1_.pop_front();
    if (is_closing_ || slot.deadline.passed()) {
      finish(slot, Outcome::not_sent("not begun in time"));
      continue;
    }
    co_await call(slot);
  }
  --callers_;
}

Task<void> WebPushProvider::call(Slot& slot) {
  net::HttpCall call;
  call.url = slot.to.origin + slot.to.path;
  call.ca_file = ca_file_for(slot.is_own);
  call.is_public_only = !slot.is_own;
  call.response_body_max = kAnswerMax;
  call.request.method = "POST";
  auto& headers = call.request.headers;
  headers.emplace_back("Content-Encoding", "aes128gcm");
  headers.emplace_back("Content-Type", "application/octet-stream");
  headers.emplace_back("TTL", slot.push.ttl);
  headers.emplace_back("Urgency", slot.push.urgency);
  if (!slot.push.topic.empty()) headers.emplace_back("Topic", slot.push.topic);
  headers.emplace_back("Authorization", *slot.credential);
  call.request.body = slot.work.body;
  auto& http = slot.is_own ? *own_http_ : *public_http_;
  const auto response = co_await http.call(std::move(call), slot.deadline);
  if (!response) {
    finish(slot, classify(response.error(), slot.is_trusted));
    co_return;
  }
  net::Headers found = response->headers;
  for (auto& [name, value] : found) {
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  conclude(slot, {response->status, response->body, found});
}

void WebPushProvider::conclude(Slot& slot, const net::Http2Response& response) {
  bool renew = false;
  Outcome outcome = classify(response, slot.is_trusted, clock_.now(), &renew);
  if (renew && !slot.is_repeated && !is_closing_ &&
      vapid_.refused(slot.to.origin, slot.credential, clock_.now())) {
    slot.is_repeated = true;
    transmit(slot);
    return submit_all();
  }
  finish(slot, std::move(outcome));
}

void WebPushProvider::on_response(std::uint64_t tag, const net::Http2Response& response) {
  conclude(*reinterpret_cast<Slot*>(static_cast<std::uintptr_t>(tag)), response);
}

void WebPushProvider::on_failure(std::uint64_t tag, const net::TransportError& error) {
  Slot& slot = *reinterpret_cast<Slot*>(static_cast<std::uintptr_t>(tag));
  const bool is_refused = error.failure == net::SendFailure::NotSent;
  if (is_refused && !is_closing_ && !slot.deadline.passed() && service_of(slot) == nullptr) {
    return transmit_http1(slot);  // it speaks HTTP/1.1 only
  }
  finish(slot, classify(error, slot.is_trusted));
}

Slot& WebPushProvider::take_slot() {
  if (free_.empty()) {
    slots_.push_back(std::make_unique<Slot>());
    free_.push_back(slots_.back().get());
    by_work_.emplace(&slots_.back()->work, slots_.back().get());
  }
  Slot& slot = *free_.back();
  free_.pop_back();
  return slot;
}

void WebPushProvider::finish(Slot& slot, Outcome outcome) {
  Job& job = *slot.job;
  JobSink& sink = *slot.sink;
  slot.credential.reset();
  --in_flight_;
  free_.push_back(&slot);
  sink.finished(job, std::move(outcome));
}

// Nobody can be asked without a subscription, but a push service of our own takes the reserved ones.
Task<TestReport> WebPushProvider::test(base::Deadline deadline) {
  if (own_origin_.empty()) {
    co_return TestReport{
        true, "The key pair signs. Push services check it with the first message to each of them."};
  }
  const auto probe = std::make_shared<Probe>(executor_);
  probe->self = probe;
  probe->job.target.service = "webpush";
  probe->job.target.address = "test-ok";
  probe->job.now = clock_.now();
  auto message = std::make_shared<model::Message>();
  message->title = "Test";
  message->body = "Carillon tests this integration.";
  probe->job.message = std::move(message);
  Job* const job = &probe->job;
  send({&job, 1}, *probe, deadline);
  static_cast<void>(co_await probe->done.wait());
  const Outcome& outcome = probe->outcome;
  if (outcome.kind == OutcomeKind::Sent || outcome.kind == OutcomeKind::InvalidRecipient) {
    co_return TestReport{true, "The push service at endpoint took the token."};
  }
  co_return TestReport{false, fmt::format("The push service at endpoint answered {} {}: {}", outcome.status,
                                          outcome.code, outcome.detail)};
}

Task<void> WebPushProvider::close(base::Deadline deadline) {
  is_closing_ = true;
  for (auto& [origin, service] : services_) co_await service.client->close(deadline);
  while (in_flight_ > 0 && !deadline.passed()) static_cast<void>(co_await base::sleep_for(kCloseStep));
  co_await public_http_->close();
  co_await own_http_->close();
  co_await drain(gate_);
  // What is still with the cipher comes back within a moment.
  while (in_flight_ > 0) static_cast<void>(co_await base::sleep_for(kCloseStep));
}

constexpr model::Platform kPlatforms[] = {model::Platform::Web, model::Platform::Windows,
                                          model::Platform::Macos};

// Of a pair of its own; empty: the project's is used.
std::string push_key_of(base::JsonElement settings) {
  std::string_view text;
  if (settings["private_key"].get(text) != simdjson::SUCCESS || text.empty()) return {};
  const auto key = base::read_p256_key(base::Secret(std::string(text)));
  if (!key) return {};
  return base::base64url(base::p256_public_key(*key).value_or(""));
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("subject", options.subject)
      .required()
      .help("Whom a push service may turn to about these messages: mailto:ops@example.com, or an https URL.")
      .korean("푸시 서비스가 이 메시지에 관해 연락할 곳으로, mailto:ops@example.com 또는 https URL입니다.");
  group.secret("private_key", options.private_key)
      .help(
          "A key pair of your own (VAPID): the private key in base64url or PEM; empty: the project's. "
          "Browsers "
          "that subscribed with another one are lost.")
      .korean(
          "직접 만든 VAPID 키 쌍의 개인 키(base64url 또는 PEM)입니다. 비워 두면 프로젝트의 키를 씁니다. 다른 "
          "키로 구독한 브라우저에는 보낼 수 없게 됩니다.");
  group.text("icon", options.icon)
      .help("https URL of the icon that browsers show beside each message.")
      .korean("브라우저가 메시지 옆에 보여 주는 아이콘의 https URL입니다.");
  group.integer("connections", options.connections)
      .range(1, 16)
      .unit("connections")
      .help("At most so many connections to each push service.")
      .korean("푸시 서비스마다 여는 연결의 최대 개수입니다.");
}

}  // namespace webpush_detail

extern const ProviderType webpush{
    .name = "webpush",
    .title = "Web Push",
    .channel = model::Channel::Push,
    .platforms = webpush_detail::kPlatforms,
    .service = "webpush",
    .default_endpoint = {},
    .batch_max = 256,
    .payload_max = net::kPushPlainMax,
    .in_flight_default = webpush_detail::kInFlightDefault,
    .has_handle = true,
    .recipients_name_endpoint = true,
    .push_key = webpush_detail::push_key_of,
    .declare = declare_as<webpush_detail::Options, webpush_detail::describe_options>,
    .open =
        open_as<webpush_detail::WebPushProvider, webpush_detail::Options, webpush_detail::describe_options>,
};

}  // namespace carillon::providers
