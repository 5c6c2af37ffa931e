// The audit trail: who changed what.
#include "api/router.h"

namespace carillon::api {
namespace {

constexpr std::size_t kFilterMax = 512;  // bytes of one

std::expected<std::string, Failure> text_filter(const Call& call, std::string_view name) {
  const std::string_view text = call.param(name);
  if (text.size() > kFilterMax) {
    return failed_at(fmt::format("?{}", name), "too_long", fmt::format("give at most {} bytes", kFilterMax));
  }
  return std::string(text);
}

std::expected<store::AuditFilter, Failure> read_filter(const Call& call) {
  store::AuditFilter filter;
  CARILLON_TRY(const bool is_installation, flag_param(call, "installation", false));
  if (is_installation && !call.who.is_of_installation())
    return failed(403, "missing_scope", "this is for administrators of the whole installation");
  filter.project = is_installation ? 0 : call.who.project;
  CARILLON_TRY(filter.actor, text_filter(call, "actor"));
  CARILLON_TRY(filter.action, text_filter(call, "action"));
  CARILLON_TRY(filter.object, text_filter(call, "object"));
  CARILLON_TRY(filter.request_id, text_filter(call, "request_id"));
  CARILLON_TRY(filter.from, time_param(call, "from"));
  CARILLON_TRY(filter.until, time_param(call, "until"));
  return filter;
}

void write_entry(base::JsonWriter& out, const store::AuditEntry& entry) {
  out.object();
  write_id(out, "id", base::kAuditPrefix, entry.id);
  out.field("at", to_rfc3339(entry.at)).field("actor", entry.actor.name).field("action", entry.action);
  out.field("object", entry.object);
  out.field_or_null("request_id", entry.actor.request_id);
  out.field_or_null("origin", entry.actor.origin);
  out.key("detail");
  if (entry.detail.starts_with('{')) {
    out.raw(entry.detail);
  } else {
    out.null();
  }
  out.end_object();
}

Task<Answer> list_audit(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(store::AuditFilter filter, read_filter(call));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.list_audit(std::move(filter), page));
  base::JsonWriter out(512 * found.rows.size() + 64);
  out.object().key("data").array();
  for (const auto& row : found.rows) write_entry(out, row);
  out.end_array();
  write_page(out, call, paging, found.next);
  co_return json_reply(out);
}

}  // namespace

std::span<const Route> audit_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/audit",
       .access = manage("audit"),
       .handler = list_audit,
       .tag = "Audit",
       .summary = "Who changed what, newest first",
       .response = "AuditList",
       .query = "limit after actor action object request_id from until installation"},
  };
  return kRoutes;
}

}  // namespace carillon::api
