// Health, metrics, documents, the sandbox's messages, and the clock of tests.
#include "api/console.h"
#include "api/pages.h"
#include "api/router.h"
#include "pipeline/sensitive.h"

namespace carillon::api {
namespace {

Task<Answer> healthz(Call&) {
  Reply reply;
  reply.body = R"({"status":"ok"})";
  co_return reply;
}

Task<Answer> readyz(Call& call) {
  std::vector<std::pair<std::string_view, std::string>> reasons;
  if (call.deps.pipeline == nullptr) reasons.emplace_back("pipeline", "it does not run here");
  if (call.deps.pipeline != nullptr) {
    if (auto why = call.deps.pipeline->not_ready(); !why.empty())
      reasons.emplace_back("pipeline", std::move(why));
  }
  if (!call.deps.has_begun()) reasons.emplace_back("start", "the first keys are being made");
  const auto health = call.deps.store.health();
  if (!health.can_write) reasons.emplace_back("store", health.why);
  if (!health.clock.empty()) reasons.emplace_back("clock", health.clock);
  // What is done without them is done all the same.
  std::vector<std::pair<std::string_view, std::string>> degraded;
  if (auto why = call.deps.cache.trouble(); !why.empty()) degraded.emplace_back("cache", std::move(why));
  if (call.deps.queue != nullptr) {
    if (auto why = call.deps.queue->trouble(); !why.empty()) degraded.emplace_back("queue", std::move(why));
  }
  if (call.deps.ingest != nullptr) {
    if (auto why = call.deps.ingest->trouble(); !why.empty()) degraded.emplace_back("ingest", std::move(why));
  }
  const char* const well = degraded.empty() ? "ready" : "degraded";
  base::JsonWriter out;
  const auto list = [&out](const char* name, const auto& parts) {
    out.key(name).array();
    for (const auto& [part, why] : parts) out.object().field("part", part).field("reason", why).end_object();
    out.end_array();
  };
  out.object().field("status", reasons.empty() ? well : "not_ready");
  list("reasons", reasons);
  if (!degraded.empty()) list("degraded", degraded);
  // It takes sends and keeps them: that is no reason to send it no traffic.
  const auto snapshot = call.deps.directory.snapshot();
  if (const auto pauses = snapshot->restored_pauses(); !pauses.empty()) {
    out.key("notices").array();
    for (const model::Pause* pause : pauses) {
      out.object().field("part", "restore").field("notice", pause->reason).field("pause", pause->id);
      out.end_object();
    }
    out.end_array();
  }
  out.end_object();
  co_return json_reply(out, reasons.empty() ? 200 : 503);
}

Task<Answer> metrics(Call& call) {
  Reply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = call.deps.metrics.text();
  co_return reply;
}

Task<Answer> openapi(Call&) {
  static const std::string kDocument = Api::openapi_json();
  Reply reply;
  reply.body = kDocument;
  co_return reply;
}

Task<Answer> docs(Call&) { co_return html_reply(docs_page()); }
Task<Answer> errors(Call&) { co_return html_reply(errors_page()); }
Task<Answer> sandbox(Call&) { co_return html_reply(sandbox_page()); }
Task<Answer> sandbox_script(Call&) {
  Reply reply;
  reply.content_type = "text/javascript; charset=utf-8";
  reply.headers.emplace_back("Cache-Control", "no-cache");
  reply.headers.emplace_back("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  reply.body = std::string(sandbox_worker());
  co_return reply;
}
Task<Answer> start(Call& call) {
  if (const ConsoleFile* page = find_console_file("/"))
    co_return console_reply(*page, call.request, call.is_secure);
  co_return html_reply(start_page());
}

// The sandbox is a mailbox: it shows what came. What is sensitive in it is only kept sealed.
std::string content_of(const Call& call, const store::SandboxMessage& m) {
  if (m.content.empty()) return "{}";
  if (!pipeline::is_sealed(m.content)) return m.content;
  const auto opened = call.deps.keys.sensitive_sealer.open(m.content, pipeline::sandbox_context(m.id));
  return opened ? std::string(opened->reveal()) : "{}";
}

// Any key of the project sees all of them; who acts as an app sees what is that app's, which may make a page
// shorter.
Task<Result<std::vector<store::SandboxMessage>>> shown_messages(Call& call,
                                                                std::vector<store::SandboxMessage> rows) {
  if (!call.who.acts_as_app()) co_return rows;
  std::vector<std::int64_t> ids;
  for (const auto& m : rows) ids.push_back(m.notification);
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.notifications(std::move(ids)));
  std::vector<store::SandboxMessage> shown;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (found[i] && found[i]->app == call.who.app_id()) shown.push_back(std::move(rows[i]));
  }
  co_return shown;
}

Task<Answer> sandbox_messages(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_sandbox_messages(call.who.project, page));
  CARILLON_CO_TRY(const auto shown, co_await shown_messages(call, rows));
  base::JsonWriter out(512 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& m : shown) {
    out.object();
    write_id(out, "id", base::kMessagePrefix, m.id);
    write_id(out, "delivery_id", base::kDeliveryPrefix, m.delivery);
    write_id(out, "notification_id", base::kNotificationPrefix, m.notification);
    out.field("channel", model::name(m.channel)).field("to", m.to);
    out.key("content").raw(content_of(call, m)).field("at", to_rfc3339(m.at)).end_object();
  }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

constexpr Millis kAdvanceMax{366LL * 24 * 3'600'000};

Task<Answer> advance_clock(Call& call) {
  if (!call.options.is_test_clock || !call.deps.advance_clock) {
    co_return std::unexpected(not_found("test clock; start the server with server.test_clock"));
  }
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  Millis by{0};
  reader.require("advance");
  reader.duration("advance", by, Millis(0), kAdvanceMax);
  reader.done();
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  call.deps.advance_clock(by);
  if (call.deps.pipeline != nullptr) call.deps.pipeline->nudge();
  base::JsonWriter out;
  out.object().field("now", to_rfc3339(call.deps.clock.now())).end_object();
  co_return json_reply(out);
}

constexpr std::string_view kHtml = "text/html; charset=utf-8";

constexpr Route open_route(std::string_view pattern, Handler handler, std::string_view summary,
                           std::string_view content_type = "application/json",
                           std::string_view response = {}) {
  return {.method = "GET",
          .pattern = pattern,
          .access = kOpen,
          .handler = handler,
          .tag = "Running",
          .summary = summary,
          .response = response,
          .content_type = content_type};
}

}  // namespace

std::span<const Route> running_routes() {
  static const Route kRoutes[] = {
      open_route("/", start, "The console", kHtml),
      open_route("/healthz", healthz, "Whether this process lives", "application/json", "Health"),
      open_route("/readyz", readyz, "Whether this process takes work, and why not", "application/json",
                 "Readiness"),
      open_route("/metrics", metrics, "Metrics for Prometheus", "text/plain"),
      open_route("/openapi.json", openapi, "This API as an OpenAPI 3.1 document"),
      open_route("/docs", docs, "All calls with examples", kHtml),
      open_route("/docs/errors", errors, "All error codes", kHtml),
      open_route("/sandbox", sandbox, "What the sandbox caught, live", kHtml),
      open_route("/sandbox/worker.js", sandbox_script, "The service worker of that page", "text/javascript"),
      {.method = "GET",
       .pattern = "/v1/sandbox/messages",
       .access = allow(kScopeAny, "read"),
       .handler = sandbox_messages,
       .tag = "Running",
       .summary = "What the sandbox caught, newest first",
       .response = "SandboxMessageList",
       .query = "limit after"},
      {.method = "POST",
       .pattern = "/v1/test/clock",
       .access = kAdmin,
       .handler = advance_clock,
       .tag = "Running",
       .summary = "Move the clock forward; with server.test_clock only",
       .request = "ClockMove",
       .response = "Clock"},
  };
  return kRoutes;
}

}  // namespace carillon::api
