// Webhooks: the project's own servers that are told what happens, and what they were told.
#include <algorithm>

#include "api/jobs.h"
#include "api/router.h"
#include "api/send_answer.h"
#include "model/standard_webhook.h"
#include "net/public_address.h"
#include "pipeline/webhook_replay.h"

namespace carillon::api {
namespace {

constexpr std::size_t kReplayIdsMax = 1000;
constexpr Millis kPreviousDefault{24LL * 3'600'000}, kPreviousMax{7LL * 86'400'000};
constexpr std::string_view kStates[] = {"waiting", "delivered", "failed"};

std::string_view name(store::WebhookState state) { return kStates[static_cast<std::size_t>(state)]; }

Failure no_webhook(const Call& call) {
  return not_found(fmt::format("webhook '{}'", call.args[0].substr(0, 64)));
}

Task<std::expected<store::StoredWebhook, Failure>> find(Call& call) {
  std::string key = call.args[0];
  auto found = co_await call.deps.store.webhooks().get(call.who.project, std::move(key));
  if (!found && found.error().code == Errc::NotFound) co_return std::unexpected(no_webhook(call));
  CARILLON_CO_CHECK(found);
  co_return std::move(*found);
}

void write_webhook(base::JsonWriter& out, const Call& call, const store::StoredWebhook& w,
                   std::string_view secret) {
  out.object();
  model::write_webhook_fields(out, w.webhook, secret, call.now);
  out.field_or_null("failing_since", w.failing_since);
  out.field("created_at", to_rfc3339(w.created_at)).field("updated_at", to_rfc3339(w.updated_at));
}

Reply webhook_reply(const Call& call, const store::StoredWebhook& w, int status = 200,
                    std::string_view secret = {}) {
  base::JsonWriter out(768);
  write_webhook(out, call, w, secret);
  out.end_object();
  return json_reply(out, status);
}

std::string sealed(const Call& call, const std::string& key, std::string_view secret) {
  return call.deps.keys.sealer.seal(secret, pipeline::webhook_secret_context(call.who.project, key));
}

// Two who change it at once: the second is asked to look again.
Task<Answer> store_and_reply(Call& call, store::StoredWebhook changed, std::string action, int status,
                             std::string secret = {}) {
  auto stored =
      co_await call.deps.store.webhooks().put(std::move(changed), std::move(action), call.actor(), call.now);
  CARILLON_CO_CHECK(stored);
  if (call.deps.webhooks != nullptr) call.deps.webhooks->nudge();
  co_return webhook_reply(call, *stored, status, secret);
}

std::expected<model::Webhook, Failure> read_body(const Call& call, const model::Webhook* before) {
  CARILLON_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  model::Webhook webhook = model::read_webhook(root, call.args[0], before, problems);
  if (!webhook.url.empty()) {
    std::string why =
        net::refuse_url(webhook.url, call.options.has_private_endpoints, "webhooks.private_addresses");
    if (!why.empty()) problems.push_back({"/url", "invalid_webhook_url", std::move(why)});
  }
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return webhook;
}

Task<Answer> put_webhook(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  auto stored = co_await find(call);
  if (!stored && stored.error().status != 404) co_return std::unexpected(std::move(stored.error()));
  store::StoredWebhook next;
  if (stored) next = *stored;
  next.project = call.who.project;
  CARILLON_CO_TRY(next.webhook, read_body(call, stored ? &stored->webhook : nullptr));
  if (stored) co_return co_await store_and_reply(call, std::move(next), "webhook.update", 200);
  std::string secret = std::exchange(next.webhook.plain_secret, {});
  if (secret.empty()) secret = model::make_webhook_secret().reveal();
  next.webhook.sealed_secret = sealed(call, next.webhook.key, secret);
  co_return co_await store_and_reply(call, std::move(next), "webhook.create", 201, std::move(secret));
}

Task<Answer> get_webhook(Call& call) {
  CARILLON_CO_TRY(const auto stored, co_await find(call));
  CARILLON_CO_TRY(const auto backlog, co_await call.deps.store.webhooks().backlog(stored.id));
  base::JsonWriter out(768);
  write_webhook(out, call, stored, {});
  out.key("backlog").object().field("waiting", backlog.waiting).field("failed", backlog.failed);
  out.field_or_null("oldest_at", backlog.oldest).end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> list_webhooks(Call& call) {
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.webhooks().list(call.who.project));
  base::JsonWriter out(768 * found.size() + 64);
  out.object().key("data").array();
  for (const auto& stored : found) {
    write_webhook(out, call, stored, {});
    out.end_object();
  }
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> delete_webhook(Call& call) {
  std::string key = call.args[0];
  const auto removed =
      co_await call.deps.store.webhooks().remove(call.who.project, std::move(key), call.actor(), call.now);
  if (!removed && removed.error().code == Errc::NotFound) co_return std::unexpected(no_webhook(call));
  CARILLON_CO_CHECK(removed);
  co_return no_content();
}

Task<Answer> test_webhook(Call& call) {
  CARILLON_CO_CHECK(co_await find(call));
  if (call.deps.webhooks == nullptr) co_return std::unexpected(not_running());
  std::string key = call.args[0];
  CARILLON_CO_TRY(const auto report, co_await call.deps.webhooks->test(call.who.project, std::move(key)));
  base::JsonWriter out;
  out.object().field("ok", report.ok).field("detail", report.detail);
  out.field_or_null("status", report.status == 0 ? std::nullopt : std::optional(report.status));
  out.field("took_ms", report.took_ms).end_object();
  co_return json_reply(out);
}

struct Rotation {
  std::string secret;
  Millis previous = kPreviousDefault;
};

std::expected<Rotation, Failure> read_rotation(const Call& call) {
  Rotation wanted;
  if (call.request.body.empty()) return wanted;
  CARILLON_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  reader.duration("keep_previous", wanted.previous, Millis{0}, kPreviousMax);
  if (reader.text("secret", wanted.secret, model::kWebhookSecretMax) && !model::webhook_key(wanted.secret))
    reader.problem("secret", "invalid_value", std::string(model::kWebhookSecretRule));
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

Task<Answer> rotate_secret(Call& call) {
  CARILLON_CO_TRY(Rotation wanted, read_rotation(call));
  CARILLON_CO_TRY(store::StoredWebhook stored, co_await find(call));
  model::Webhook& w = stored.webhook;
  if (wanted.secret.empty()) wanted.secret = model::make_webhook_secret().reveal();
  w.sealed_previous = wanted.previous > Millis{0} ? w.sealed_secret : std::string();
  w.previous_until = wanted.previous > Millis{0} ? std::optional(call.now + wanted.previous) : std::nullopt;
  w.sealed_secret = sealed(call, w.key, wanted.secret);
  co_return co_await store_and_reply(call, std::move(stored), "webhook.rotate", 200,
                                     std::move(wanted.secret));
}

Task<Answer> pause_webhook(Call& call) {
  std::string reason = "paused by " + call.who.actor();
  if (!call.request.body.empty()) {
    CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
    base::Problems problems;
    base::ObjectReader reader(root, "", problems);
    reader.text("reason", reason, model::kWebhookReasonMax);
    reader.done();
    if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  }
  CARILLON_CO_TRY(store::StoredWebhook stored, co_await find(call));
  stored.webhook.paused = std::move(reason);
  stored.webhook.is_switched_off = false;
  co_return co_await store_and_reply(call, std::move(stored), "webhook.pause", 200);
}

Task<Answer> resume_webhook(Call& call) {
  CARILLON_CO_TRY(store::StoredWebhook stored, co_await find(call));
  stored.webhook.paused.clear();
  stored.webhook.is_switched_off = false;
  co_return co_await store_and_reply(call, std::move(stored), "webhook.resume", 200);
}

// ---- what it was told
// Without the closing brace.
void write_told(base::JsonWriter& out, const store::WebhookDelivery& d) {
  out.object();
  write_id(out, "id", base::kEventPrefix, d.event.id);
  out.field("type", model::name(d.event.type)).field("at", to_rfc3339(d.event.at));
  out.field("status", name(d.state)).field("tries", d.tries);
  out.field_or_null("next_try_at", d.due_at);
  const auto& last = d.last;
  out.field_or_null("last_try_at", last ? std::optional(last->at) : std::nullopt);
  out.field_or_null("answered", last && last->status != 0 ? std::optional(last->status) : std::nullopt);
  out.field_or_null("took_ms", last ? std::optional(last->took_ms) : std::nullopt);
  out.field_or_null("error", last ? std::string_view(last->error) : std::string_view());
}

std::expected<store::WebhookDeliveryFilter, Failure> read_filter(const Call& call) {
  store::WebhookDeliveryFilter filter;
  if (call.has_param("status")) {
    const auto* const it = std::ranges::find(kStates, call.param("status"));
    if (it == std::end(kStates))
      return failed_at("?status", "invalid_choice", "use waiting, delivered or failed");
    filter.state = static_cast<store::WebhookState>(it - std::begin(kStates));
  }
  if (call.has_param("type")) {
    filter.events = model::webhook_events_of(call.param("type"));
    if (filter.events == 0)
      return failed_at("?type", "unknown_event_type", "GET /v1/webhook-events lists the types there are");
  }
  CARILLON_TRY(filter.from, time_param(call, "from"));
  CARILLON_TRY(filter.until, time_param(call, "until"));
  return filter;
}

Task<Answer> list_told(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(auto filter, read_filter(call));
  CARILLON_CO_TRY(const auto stored, co_await find(call));
  filter.webhook = stored.id;
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.webhooks().deliveries(filter, page));
  base::JsonWriter out(256 * found.rows.size() + 64);
  out.object().key("data").array();
  for (const auto& row : found.rows) {
    write_told(out, row);
    out.end_object();
  }
  out.end_array();
  write_page(out, call, paging, found.next);
  co_return json_reply(out);
}

void write_try(base::JsonWriter& out, const store::WebhookTry& tried) {
  out.object().field("at", to_rfc3339(tried.at)).field("took_ms", tried.took_ms);
  out.field_or_null("answered", tried.status == 0 ? std::nullopt : std::optional(tried.status));
  out.field_or_null("error", tried.error);
  out.field_or_null("answer", tried.answer).end_object();
}

Task<Answer> get_told(Call& call) {
  CARILLON_CO_TRY(const std::int64_t event, path_id(call, base::kEventPrefix, 1));
  CARILLON_CO_TRY(const auto stored, co_await find(call));
  auto told = co_await call.deps.store.webhooks().delivery(stored.id, event);
  if (!told && told.error().code == Errc::NotFound)
    co_return std::unexpected(not_found(fmt::format("event '{}'", call.args[1].substr(0, 40))));
  CARILLON_CO_CHECK(told);
  CARILLON_CO_TRY(const auto attempts, co_await call.deps.store.webhooks().attempts(stored.id, event));
  base::JsonWriter out(2048);
  write_told(out, *told);
  out.key("attempts").array();
  for (const auto& tried : attempts) write_try(out, tried);
  if (told->state == store::WebhookState::Delivered && told->last) write_try(out, *told->last);
  out.end_array().key("event");
  out.raw(pipeline::webhook_body(told->event, stored.webhook, *call.snapshot)).end_object();
  co_return json_reply(out);
}

// ---- telling it again
struct ReplayRequest {
  std::vector<std::string> ids;
  pipeline::WebhookReplaySpec spec;
};

std::expected<ReplayRequest, Failure> read_replay(const Call& call) {
  CARILLON_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  ReplayRequest wanted;
  reader.texts("ids", wanted.ids, kReplayIdsMax, 64);
  std::size_t status = 0;
  const bool has_status = reader.one_of("status", status, {"failed", "all"});
  wanted.spec.is_failed_only = status == 0;
  Time from{}, until = call.now + Millis(1);
  const bool has_from = reader.time("from", from), has_until = reader.time("until", until);
  reader.done();
  const bool has_stretch = has_status || has_from || has_until;
  if (wanted.ids.empty() && !has_stretch)
    reader.problem("ids", "required", "give ids, or status (failed or all) with from and until");
  if (!wanted.ids.empty() && has_stretch)
    reader.problem("ids", "conflicting_fields", "give ids, or a stretch of time, not both");
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  wanted.spec.key = call.args[0];
  wanted.spec.from = has_from ? std::max<std::int64_t>(base::id_floor(from), 0) : 0;
  // Events of this very millisecond have ids beyond its floor.
  wanted.spec.until = has_until ? std::max<std::int64_t>(base::id_floor(until), 0) : base::id_floor(until);
  return wanted;
}

store::AuditEntry audit_of(const Call& call, std::string detail) {
  store::AuditEntry audit;
  audit.project = call.who.project;
  audit.at = call.now;
  audit.actor = call.actor();
  audit.action = "webhook.replay";
  audit.object = call.args[0];
  audit.detail = std::move(detail);
  return audit;
}

// It is done by now: the job is kept for who asks later.
Task<Answer> replay_some(Call& call, const store::StoredWebhook& stored, const ReplayRequest& wanted) {
  std::vector<std::int64_t> ids;
  std::vector<store::JobError> errors;
  for (const std::string& text : wanted.ids) {
    if (const auto id = base::parse_id(base::kEventPrefix, text)) ids.push_back(*id);
  }
  const store::WebhookReplay which = pipeline::replay_of(stored, wanted.spec);
  CARILLON_CO_TRY(const auto done, co_await call.deps.store.webhooks().replay(which, ids, call.now));
  for (const std::string& text : wanted.ids) {
    const auto id = base::parse_id(base::kEventPrefix, text);
    if (id && std::ranges::find(done, *id) != done.end()) continue;
    store::JobError& error = errors.emplace_back();
    error.item = text;
    error.detail = "there is no such event, or it is not kept any more";
  }
  store::StoredJob job;
  job.id = call.deps.ids.take();
  job.project = call.who.project;
  job.kind = std::string(pipeline::kJobWebhookReplay);
  job.actor = call.actor();
  job.spec = "{}";
  job.state = store::JobState::Completed;
  job.done = static_cast<std::int64_t>(done.size());
  job.total = static_cast<std::int64_t>(wanted.ids.size());
  job.failed = static_cast<std::int64_t>(errors.size());
  job.created_at = call.now;
  job.started_at = job.finished_at = call.now;
  auto audit = audit_of(call, fmt::format(R"({{"events":{}}})", job.done));
  CARILLON_CO_CHECK(co_await call.deps.store.jobs().put(job, errors, std::move(audit)));
  errors.resize(std::min(errors.size(), kJobErrorsShown));
  co_return job_reply(job, errors);
}

Task<Answer> replay(Call& call) {
  CARILLON_CO_TRY(const ReplayRequest wanted, read_replay(call));
  CARILLON_CO_TRY(const auto stored, co_await find(call));
  if (!wanted.ids.empty()) co_return co_await replay_some(call, stored, wanted);
  if (call.deps.jobs == nullptr) co_return std::unexpected(not_running());
  pipeline::JobOwner owner{call.who.project, call.who.app_id(), call.actor()};
  auto audit = audit_of(call, pipeline::encode(wanted.spec));
  CARILLON_CO_TRY(const auto job, co_await call.deps.jobs->add_webhook_replay(std::move(owner), wanted.spec,
                                                                              std::move(audit)));
  const std::vector<store::JobError> none;
  co_return job_reply(job, none);
}

Task<Answer> list_events(Call&) {
  base::JsonWriter out(4096);
  out.object().key("data").array();
  for (std::size_t i = 0; i < model::kWebhookEventCount; ++i) {
    const auto event = static_cast<model::WebhookEvent>(i);
    out.object()
        .field("type", model::name(event))
        .field("description", model::description(event))
        .end_object();
  }
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

constexpr Route webhook_route(std::string_view method, std::string_view pattern, Handler handler,
                              std::string_view summary, std::string_view request, std::string_view response,
                              int status = 200, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = of_all_apps(manage("webhooks")),
          .handler = handler,
          .tag = "Webhooks",
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .query = query};
}

}  // namespace

std::span<const Route> webhook_routes() {
  static const Route kRoutes[] = {
      webhook_route("GET", "/v1/webhooks", list_webhooks, "List webhooks by key", {}, "WebhookList"),
      webhook_route("PUT", "/v1/webhooks/{key}", put_webhook,
                    "Make or change a webhook; a new one's secret is in the answer, this once", "Webhook",
                    "Webhook"),
      webhook_route("GET", "/v1/webhooks/{key}", get_webhook, "One webhook, and what waits for it", {},
                    "Webhook"),
      webhook_route("DELETE", "/v1/webhooks/{key}", delete_webhook, "Remove a webhook and what waits for it",
                    {}, {}, 204),
      webhook_route("POST", "/v1/webhooks/{key}/test", test_webhook,
                    "Post a test event now and say what came back", {}, "WebhookTest"),
      with_optional_body(
          webhook_route("POST", "/v1/webhooks/{key}/rotate", rotate_secret,
                        "Make another secret, shown this once; the old one signs too for a day",
                        "WebhookRotation", "Webhook")),
      with_optional_body(webhook_route("POST", "/v1/webhooks/{key}/pause", pause_webhook,
                                       "Keep events for it, and tell it nothing until it is resumed",
                                       "PauseReason", "Webhook")),
      webhook_route("POST", "/v1/webhooks/{key}/resume", resume_webhook,
                    "Tell it again, also when it was switched off", {}, "Webhook"),
      webhook_route("GET", "/v1/webhooks/{key}/deliveries", list_told, "What it was told, newest first", {},
                    "WebhookDeliveryList", 200, "limit after status type from until"),
      webhook_route("GET", "/v1/webhooks/{key}/deliveries/{id}", get_told,
                    "One event with every try, as it is posted", {}, "WebhookDelivery"),
      webhook_route("POST", "/v1/webhooks/{key}/replay", replay, "Tell it again: some events, or a stretch",
                    "WebhookReplay", "Job", 202),
      webhook_route("GET", "/v1/webhook-events", list_events, "Which events there are", {},
                    "WebhookEventList"),
  };
  return kRoutes;
}

}  // namespace carillon::api
