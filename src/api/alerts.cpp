// Alerts: what is wrong with the sending itself, and who was told.
#include "api/alerts.h"

#include <utility>

#include "api/router.h"
#include "api/send_answer.h"
#include "model/alert.h"
#include "net/public_address.h"

namespace carillon::api {
namespace {

void write_alert(base::JsonWriter& out, const model::Alert& alert) {
  out.object();
  model::write_alert_fields(out, alert, base::id_text(base::kAlertPrefix, alert.id));
}

std::string_view name(store::NoticeState state) {
  switch (state) {
    case store::NoticeState::Waiting: return "waiting";
    case store::NoticeState::Told: return "told";
    case store::NoticeState::GaveUp: break;
  }
  return "gave_up";
}

void write_notice(base::JsonWriter& out, const store::AlertNotice& notice) {
  out.object().field("target", model::name(notice.target)).field("event", model::name(notice.event));
  out.field("state", name(notice.state));
  if (notice.message != 0) {
    write_id(out, "message", base::kAlertNoticePrefix, notice.message);
  } else {
    out.key("message").null();
  }
  out.field("tries", notice.tries);
  out.field_or_null("at", notice.ended_at);
  out.field_or_null("error", notice.error);
  out.end_object();
}

std::expected<store::AlertFilter, Failure> read_filter(const Call& call) {
  store::AlertFilter filter;
  filter.project = call.who.project;
  if (call.has_param("state")) {
    const std::string_view state = call.param("state");
    if (state != "open" && state != "resolved")
      return failed_at("?state", "invalid_choice", "use open or resolved");
    filter.is_open = state == "open";
  }
  if (call.has_param("kind")) {
    filter.kind = model::parse_alert_kind(call.param("kind"));
    if (!filter.kind) {
      std::string all;
      for (std::size_t i = 0; i < model::kAlertKindCount; ++i)
        all += fmt::format("{}{}", i == 0 ? "" : ", ", model::name(static_cast<model::AlertKind>(i)));
      return failed_at("?kind", "invalid_choice", "use one of " + all);
    }
  }
  return filter;
}

Task<Answer> list_alerts(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(const auto filter, read_filter(call));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.alerts().list(filter, page));
  base::JsonWriter out(768 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& alert : rows) {
    write_alert(out, alert);
    out.end_object();
  }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

Task<Answer> reply(Call& call, model::Alert alert) {
  CARILLON_CO_TRY(const auto notices, co_await call.deps.store.alerts().notices_of(alert.id));
  base::JsonWriter out(1024);
  write_alert(out, alert);
  out.key("notices").array();
  for (const auto& notice : notices) write_notice(out, notice);
  out.end_array().end_object();
  co_return json_reply(out);
}

Task<Answer> get_alert(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kAlertPrefix));
  CARILLON_CO_TRY(auto alert, co_await call.deps.store.alerts().get(call.who.project, id));
  co_return co_await reply(call, std::move(alert));
}

Task<Answer> acknowledge_alert(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kAlertPrefix));
  CARILLON_CO_TRY(auto alert, co_await call.deps.store.alerts().acknowledge(call.who.project, id,
                                                                            call.actor(), call.now));
  co_return co_await reply(call, std::move(alert));
}

void write_outcome(base::JsonWriter& out, std::string_view key,
                   const std::optional<pipeline::AlertTest::Outcome>& outcome) {
  out.key(key);
  if (!outcome) {
    out.null();
    return;
  }
  out.object().field("ok", outcome->ok).field("detail", outcome->detail).end_object();
}

Task<Answer> test_alerts(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  const auto& settings = call.view().settings.alerts;
  if (!settings || settings->targets().empty()) {
    co_return failed(409, "no_alert_target",
                     "the settings of this project name neither a webhook nor an address");
  }
  CARILLON_CO_TRY(const auto report, co_await call.deps.pipeline->test_alerts(call.who.project));
  base::JsonWriter out(256);
  out.object().field("ok", (!report.webhook || report.webhook->ok) && (!report.email || report.email->ok));
  write_outcome(out, "webhook", report.webhook);
  write_outcome(out, "email", report.email);
  out.end_object();
  co_return json_reply(out);
}

constexpr Route alert_route(std::string_view method, std::string_view pattern, Handler handler,
                            std::string_view summary, std::string_view response,
                            std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = of_all_apps(manage("alerts")),
          .handler = handler,
          .tag = "Alerts",
          .summary = summary,
          .response = response,
          .query = query};
}

}  // namespace

std::string refuse_webhook(const Options& options, std::string_view url) {
  return net::refuse_url(url, options.has_private_webhooks, "alerts.private_addresses");
}

std::span<const Route> alert_routes() {
  static const Route kRoutes[] = {
      alert_route("GET", "/v1/alerts", list_alerts, "What is or was wrong, newest first", "AlertList",
                  "limit after state kind"),
      alert_route("GET", "/v1/alerts/{id}", get_alert, "One alert, and who was told of it", "Alert"),
      alert_route("POST", "/v1/alerts/{id}/acknowledge", acknowledge_alert, "Say that somebody looks into it",
                  "Alert"),
      alert_route("POST", "/v1/alerts/test", test_alerts, "Send a test message to where alerts go",
                  "AlertTest"),
  };
  return kRoutes;
}

}  // namespace carillon::api
