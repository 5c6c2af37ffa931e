#include "pipeline/webhooks.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "base/failpoint.h"
#include "base/log.h"
#include "model/standard_webhook.h"
#include "net/public_address.h"

namespace carillon::pipeline {
namespace {

using store::WebhookState;

constexpr auto kLookEvery = std::chrono::seconds(1);
constexpr auto kAnswerWithin = std::chrono::seconds(15);
constexpr std::size_t kAnswerMax = 64 * 1024;  // bytes read of an answer
constexpr std::size_t kAnswerKept = 256;       // bytes kept of it
constexpr std::size_t kErrorKept = 300;
constexpr std::size_t kInFlightMax = 2048;  // of all webhooks; each may have one whatever others have
constexpr int kFailuresMany = 5;            // in a row: from then on one at a time
constexpr std::int64_t kSettledAtOnce = 1'000;
constexpr Millis kSwitchOffAfter{8LL * 3'600'000};

std::string_view setting_name() { return "webhooks.private_addresses"; }

// Where the data say of which category it is, that must not be one of security.
bool may_say_address(const ProjectView& view, std::string_view data) {
  base::JsonDocument document;
  const auto root = document.parse(data);
  std::string_view category;
  if (!root) return false;
  if (root->at_pointer("/category").get(category) != simdjson::SUCCESS) return true;
  const auto it = view.categories.find(category);
  return it == view.categories.end() || it->second->kind != model::CategoryKind::Security;
}

std::string kept(std::string_view text, std::size_t bytes) {
  return std::string(base::first_characters(base::to_valid_utf8(text.substr(0, bytes + 4)), bytes));
}

}  // namespace

std::string webhook_secret_context(std::int32_t project, std::string_view key) {
  return fmt::format("webhook/{}/{}", project, key);
}

std::string webhook_body(const store::WebhookEvent& event, const model::Webhook& webhook,
                         const Snapshot& snapshot) {
  const ProjectView* const view = snapshot.project(event.project);
  std::string extra;
  const auto member = [&extra](std::string_view key, std::string_view value) {
    base::append_json_string(extra, key);
    extra += ':';
    base::append_json_string(extra, value);
    extra += ',';
  };
  if (const auto it = snapshot.apps.find(event.app); it != snapshot.apps.end())
    member("app", it->second->name);
  if (webhook.has_addresses && !event.address.empty() && view != nullptr &&
      may_say_address(*view, event.data))
    member("address", event.address);
  return model::webhook_event_body(base::id_text(base::kEventPrefix, event.id), event.type, event.at,
                                   view == nullptr ? std::string_view() : view->name, extra, event.data);
}

Webhooks::Webhooks(Deps deps, WebhookOptions options)
    : deps_(std::move(deps)),
      options_(options),
      client_(net::HttpClient::open(deps_.executor)),
      wake_(deps_.executor) {
  const auto counter = [&](const char* outcome) {
    return deps_.metrics.counter("carillon_webhook_events_total",
                                 "Tries to tell a webhook of an event, by what became of them.",
                                 {{"outcome", outcome}});
  };
  delivered_ = counter("delivered");
  again_ = counter("retry");
  failed_ = counter("failed");
  answer_seconds_ =
      deps_.metrics.histogram("carillon_webhook_answer_seconds", "How long webhooks take to answer.",
                              base::Metrics::latency_buckets_s());
  deps_.metrics.gauge("carillon_webhook_in_flight", "Events that webhooks are being told of.", {},
                      [this] { return static_cast<double>(in_flight_.load()); });
  deps_.metrics.gauge("carillon_webhooks_switched_off", "Webhooks that were switched off for their failures.",
                      {}, [this] { return static_cast<double>(switched_off_.load()); });
}

Webhooks::~Webhooks() { stop(); }

void Webhooks::start() {
  gate_.spawn(deps_.executor, "loop", [this] { return loop(); });
  deps_.store.webhooks().on_events([this] { nudge(); });
}

void Webhooks::nudge() {
  if (!gate_.enter()) return;
  boost::asio::post(deps_.executor, [this] {
    wake_.set();
    gate_.leave();
  });
}

void Webhooks::stop() {
  deps_.store.webhooks().on_events({});
  if (gate_.enter()) {
    auto end = [this]() -> Task<void> {
      is_stopping_ = true;
      wake_.set();
      co_await client_->close();
    };
    boost::asio::co_spawn(deps_.executor, std::move(end), boost::asio::use_future).get();
    gate_.leave();
  }
  gate_.wait(base::Deadline::never());
}

Task<void> Webhooks::loop() {
  while (!is_stopping_) {
    const auto looked = deps_.store.is_leader() ? co_await look() : Result<void>{};
    // One line for a store that is away, not one a second.
    if (!looked && !is_failing_)
      base::log_warn("events for webhooks have to wait: {}", looked.error().message);
    is_failing_ = !looked;
    if (!results_.empty() && !is_settling_) co_await settle();
    if (is_stopping_) break;
    co_await wake_.wait(base::Deadline::after(kLookEvery));
  }
}

std::vector<base::Secret> Webhooks::open_secrets(const store::StoredWebhook& stored) const {
  const std::string context = webhook_secret_context(stored.project, stored.webhook.key);
  std::vector<base::Secret> secrets;
  const auto open = [&](const std::string& sealed) {
    auto secret = deps_.keys.sealer.open(sealed, context);
    if (secret) secrets.push_back(std::move(*secret));
    if (!secret)
      base::log_error("the secret of the webhook '{}' cannot be read: {}", stored.webhook.key,
                      secret.error().message);
  };
  open(stored.webhook.sealed_secret);
  if (!stored.webhook.sealed_previous.empty()) open(stored.webhook.sealed_previous);
  return secrets;
}

Task<Result<void>> Webhooks::reload() {
  const std::uint64_t generation = deps_.store.webhooks().generation();
  if (generation == generation_) co_return Result<void>{};
  CARILLON_CO_TRY(auto found, co_await deps_.store.webhooks().list(0));
  std::map<std::int64_t, TargetPtr> next;
  std::size_t off = 0;
  for (store::StoredWebhook& stored : found) {
    auto target = std::make_shared<Target>();
    target->secrets = open_secrets(stored);
    off += stored.webhook.is_switched_off ? 1 : 0;
    if (const auto it = targets_.find(stored.id); it != targets_.end()) {
      target->busy = it->second->busy;
      const bool is_resumed = !it->second->is_open() && stored.webhook.paused.empty();
      target->failures = is_resumed ? 0 : it->second->failures;
    }
    target->stored = std::move(stored);
    next.emplace(target->stored.id, std::move(target));
  }
  targets_ = std::move(next);
  switched_off_ = off;
  generation_ = generation;
  co_return Result<void>{};
}

Task<Result<void>> Webhooks::look() {
  CARILLON_CO_CHECK(co_await reload());
  std::vector<store::WebhookDueQuery> queries;
  std::size_t room = kInFlightMax - std::min(kInFlightMax, busy_count_);
  for (const auto& [id, target] : targets_) {
    if (!target->is_open()) continue;
    const auto limit = target->failures >= kFailuresMany
                           ? std::size_t{1}
                           : static_cast<std::size_t>(target->stored.webhook.in_flight);
    if (target->busy.size() >= limit) continue;
    const std::size_t most = std::max<std::size_t>(room, target->busy.empty() ? 1 : 0);
    const std::size_t wanted = std::min(limit - target->busy.size(), most);
    if (wanted == 0) continue;
    room -= std::min(room, wanted);
    queries.push_back({id, wanted, {target->busy.begin(), target->busy.end()}});
  }
  if (queries.empty()) co_return Result<void>{};
  CARILLON_CO_TRY(auto due, co_await deps_.store.webhooks().due(std::move(queries), deps_.clock.now()));
  for (store::WebhookDelivery& delivery : due) {
    const auto it = targets_.find(delivery.webhook);
    if (is_stopping_ || it == targets_.end() || !it->second->busy.insert(delivery.event.id).second) continue;
    in_flight_ = ++busy_count_;
    gate_.spawn(deps_.executor, "tell", [this, target = it->second, d = std::move(delivery)]() mutable {
      return tell(target, std::move(d));
    });
  }
  co_return Result<void>{};
}

Task<Webhooks::Answer> Webhooks::post(const Target& target, std::string id, std::string body) {
  Answer answer;
  answer.tried.at = deps_.clock.now();
  const model::Webhook& webhook = target.stored.webhook;
  answer.tried.error = net::refuse_url(webhook.url, options_.private_addresses, setting_name());
  if (target.secrets.empty()) answer.tried.error = "its secret cannot be read: rotate it";
  if (!answer.tried.error.empty()) co_return answer;
  std::span<const base::Secret> secrets(target.secrets);
  const bool has_previous = webhook.previous_until && *webhook.previous_until > answer.tried.at;
  if (!has_previous) secrets = secrets.first(1);
  auto headers = model::webhook_headers(id, body, secrets, answer.tried.at);
  if (!headers) {
    answer.tried.error = headers.error().message;
    co_return answer;
  }
  headers->emplace_back("user-agent", "Carillon");
  net::HttpCall call;
  call.url = webhook.url;
  call.request.method = "POST";
  call.request.headers = std::move(*headers);
  call.request.body = std::move(body);
  call.response_body_max = kAnswerMax;
  call.is_public_only = !options_.private_addresses;
  const auto begun = std::chrono::steady_clock::now();
  const auto response = co_await client_->call(std::move(call), base::Deadline::after(kAnswerWithin));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  answer.tried.took_ms = static_cast<std::int64_t>(took.count() * 1000);
  answer_seconds_.observe(took.count());
  if (!response) {
    answer.tried.error = kept(response.error().detail, kErrorKept);
    if (answer.tried.error.empty()) answer.tried.error = "there was no answer";
    co_return answer;
  }
  answer.tried.status = response->status;
  answer.tried.answer = kept(response->body, kAnswerKept);
  if (response->status / 100 == 2) co_return answer;
  answer.tried.error = response->status / 100 == 3
                           ? fmt::format("it answered {}: redirects are not followed", response->status)
                           : fmt::format("it answered {}", response->status);
  if (const auto seconds =
          net::parse_retry_after(response->header("retry-after"), to_ms(answer.tried.at) / 1000))
    answer.retry_after = std::chrono::seconds(*seconds);
  co_return answer;
}

store::WebhookResult Webhooks::result_of(const Target& target, const store::WebhookDelivery& delivery,
                                         Answer answer) {
  store::WebhookResult result{.webhook = target.stored.id, .event = delivery.event.id};
  const bool is_taken = answer.tried.error.empty();
  if (is_taken) {
    result.state = WebhookState::Delivered;
    delivered_.add();
  } else {
    std::uniform_real_distribution<double> jitter(0, 1);
    const auto again =
        model::next_webhook_try(delivery.tries + 1, deps_.clock.now(), jitter(random_), answer.retry_after);
    result.state = again ? WebhookState::Waiting : WebhookState::Failed;
    result.due_at = again.value_or(Time{});
    (again ? again_ : failed_).add();
  }
  result.tried = std::move(answer.tried);
  return result;
}

Task<void> Webhooks::tell(TargetPtr target, store::WebhookDelivery delivery) {
  const std::int64_t webhook = target->stored.id;
  std::string body = webhook_body(delivery.event, target->stored.webhook, *deps_.directory.snapshot());
  CARILLON_FAILPOINT("webhook.before_post");
  Answer answer =
      co_await post(*target, base::id_text(base::kEventPrefix, delivery.event.id), std::move(body));
  CARILLON_FAILPOINT("webhook.after_post");
  // Cut off: it is told again after the next start.
  if (is_stopping_ && !answer.tried.error.empty()) co_return;
  const bool is_taken = answer.tried.error.empty();
  // It may have been changed meanwhile.
  if (const auto it = targets_.find(webhook); it != targets_.end())
    it->second->failures = is_taken ? 0 : it->second->failures + 1;
  results_.push_back(result_of(*target, delivery, std::move(answer)));
  if (!is_settling_) co_await settle();
}

Task<void> Webhooks::settle() {
  is_settling_ = true;
  while (!results_.empty()) {
    const auto count = std::min(results_.size(), static_cast<std::size_t>(kSettledAtOnce));
    std::vector<store::WebhookResult> batch(results_.begin(),
                                            results_.begin() + static_cast<std::ptrdiff_t>(count));
    const auto sent = batch;
    const Time now = deps_.clock.now();
    const auto settled = co_await deps_.store.webhooks().settle(std::move(batch), now);
    if (!settled) {
      // The events stay busy, so that they are not posted again meanwhile; the loop tries again.
      base::log_warn("what webhooks answered cannot be kept now: {}", settled.error().message);
      is_settling_ = false;
      co_return;
    }
    results_.erase(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(count));
    std::map<std::int64_t, std::string> off;
    for (const store::WebhookResult& result : sent) {
      if (const auto it = targets_.find(result.webhook); it != targets_.end())
        it->second->busy.erase(result.event);
      in_flight_ = --busy_count_;
      if (result.tried.status == 410) off[result.webhook] = "it answered 410: it wants no more of it";
    }
    for (const store::WebhookHealth& health : *settled) {
      if (!health.failing_since || now - *health.failing_since < kSwitchOffAfter) continue;
      off.try_emplace(health.webhook, "nothing but failures came back for eight hours");
    }
    for (auto& [webhook, why] : off) co_await switch_off(webhook, std::move(why));
  }
  is_settling_ = false;
  wake_.set();
}

Task<void> Webhooks::switch_off(std::int64_t webhook, std::string why) {
  const auto it = targets_.find(webhook);
  if (it == targets_.end()) co_return;
  const std::int32_t project = it->second->stored.project;
  auto stored = co_await deps_.store.webhooks().get(project, it->second->stored.webhook.key);
  // Somebody paused, removed or made it anew meanwhile.
  if (!stored || stored->id != webhook || !stored->webhook.paused.empty()) co_return;
  stored->webhook.paused = why;
  stored->webhook.is_switched_off = true;
  const std::string key = stored->webhook.key;
  const auto done = co_await deps_.store.webhooks().put(std::move(*stored), "webhook.switch_off", "system",
                                                        deps_.clock.now());
  if (!done) {
    base::log_warn("the webhook '{}' cannot be switched off now: {}", key, done.error().message);
  } else {
    base::log_error("the webhook '{}' is switched off: {}", key, why);
  }
}

Task<Result<WebhookTest>> Webhooks::test_here(std::int32_t project, std::string key) {
  CARILLON_CO_TRY(auto stored, co_await deps_.store.webhooks().get(project, std::move(key)));
  Target target;
  target.secrets = open_secrets(stored);
  target.stored = std::move(stored);
  store::WebhookEvent event{.id = deps_.ids.take(), .project = project, .at = deps_.clock.now()};
  event.data = R"({"message":"This is a test. Nothing has happened."})";
  std::string body = webhook_body(event, target.stored.webhook, *deps_.directory.snapshot());
  const Answer answer = co_await post(target, base::id_text(base::kEventPrefix, event.id), std::move(body));
  co_return WebhookTest{.ok = answer.tried.error.empty(),
                        .status = answer.tried.status,
                        .took_ms = answer.tried.took_ms,
                        .detail = answer.tried.error.empty() ? "it answered" : answer.tried.error};
}

Task<Result<WebhookTest>> Webhooks::test(std::int32_t project, std::string key) {
  if (!gate_.enter()) co_return fail(Errc::Cancelled, "this process is stopping");
  struct Leave {
    base::TaskGate& gate;
    ~Leave() { gate.leave(); }
  } leave{gate_};
  auto task = [this, project, &key]() -> Task<Result<WebhookTest>> { return test_here(project, key); };
  co_return co_await boost::asio::co_spawn(deps_.executor, std::move(task), boost::asio::use_awaitable);
}

}  // namespace carillon::pipeline
