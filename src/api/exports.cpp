// Exports: a list of the history with its filters, all of it, becomes a file that a job makes.
#include <algorithm>
#include <map>

#include "api/history.h"
#include "api/jobs.h"
#include "api/router.h"

namespace carillon::api {
namespace {

constexpr std::size_t kFilterTextMax = 512;  // bytes
constexpr std::size_t kColumnsMax = 64;

struct ExportRequest {
  std::map<std::string_view, std::string> filter;  // as written, by name
  std::vector<std::string> columns;
};

std::expected<ExportRequest, Failure> read_request(const Call& call) {
  ExportRequest wanted;
  if (call.request.body.empty()) return wanted;
  CARILLON_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  if (const auto given = reader.element("filter")) {
    base::ObjectReader filter(*given, "/filter", problems);
    for (const std::string_view name : kHistoryFilters) {
      std::string text;
      const bool is_given = name == "user_id" ? filter.id_text(name, text, kFilterTextMax)
                                              : filter.text(name, text, kFilterTextMax);
      if (is_given) wanted.filter.emplace(name, std::move(text));
    }
    filter.done();
  }
  reader.texts("columns", wanted.columns, kColumnsMax, kFilterTextMax);
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

std::optional<Failure> settle_columns(std::string_view kind, std::vector<std::string>& columns) {
  const auto known = pipeline::export_columns(kind);
  if (columns.empty()) columns.assign(known.begin(), known.end());
  base::Problems problems;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string pointer = fmt::format("/columns/{}", i);
    if (std::ranges::find(known, columns[i]) == known.end()) {
      problems.push_back({pointer, "unknown_column", fmt::format("use any of: {}", fmt::join(known, ", "))});
    } else if (std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), columns[i]) !=
               columns.begin() + static_cast<std::ptrdiff_t>(i)) {
      problems.push_back({pointer, "duplicate_column", "name each column once"});
    }
  }
  if (problems.empty()) return std::nullopt;
  return Failure(std::move(problems));
}

// Who took what out of here. Addresses are nobody's to read there.
store::AuditEntry audit_of(const Call& call, std::string_view kind, const ExportRequest& wanted) {
  store::AuditEntry audit;
  audit.project = call.who.project;
  audit.actor = call.actor();
  audit.action = kind == pipeline::kJobExportDeliveries ? "delivery.export" : "notification.export";
  base::JsonWriter detail;
  detail.object().key("filter").object();
  for (const auto& [name, text] : wanted.filter) {
    const bool is_address = name == "email" || name == "phone";
    detail.field(name, is_address ? model::kHiddenValue : std::string_view(text));
  }
  detail.end_object().key("columns").array();
  for (const std::string& column : wanted.columns) detail.value(column);
  detail.end_array().end_object();
  audit.detail = detail.str();
  return audit;
}

Task<Answer> begin(Call& call, std::string kind) {
  if (call.deps.jobs == nullptr || call.deps.objects == nullptr)
    co_return failed(503, "not_running", "the server is stopped: nothing is exported");
  CARILLON_CO_TRY(ExportRequest wanted, read_request(call));
  if (auto failure = settle_columns(kind, wanted.columns)) co_return std::unexpected(std::move(*failure));
  FilterTexts texts;
  texts.find = [&wanted](std::string_view name) -> std::optional<std::string_view> {
    const auto it = wanted.filter.find(name);
    return it == wanted.filter.end() ? std::nullopt : std::optional<std::string_view>(it->second);
  };
  texts.before = "/filter/";
  texts.is_of_deliveries = kind == pipeline::kJobExportDeliveries;
  pipeline::ExportSpec spec;
  CARILLON_CO_TRY(spec.filter, history_filter(call, texts));
  store::AuditEntry audit = audit_of(call, kind, wanted);
  spec.columns = std::move(wanted.columns);
  pipeline::JobOwner owner{call.who.project, call.who.app_id(), call.actor()};
  CARILLON_CO_TRY(const auto job, co_await call.deps.jobs->add_export(std::move(owner), kind, std::move(spec),
                                                                      std::move(audit)));
  const std::vector<store::JobError> none;
  co_return job_reply(job, none);
}

Task<Answer> export_notifications(Call& call) {
  co_return co_await begin(call, std::string(pipeline::kJobExportNotifications));
}
Task<Answer> export_deliveries(Call& call) {
  co_return co_await begin(call, std::string(pipeline::kJobExportDeliveries));
}

constexpr Route route_of(std::string_view pattern, Handler handler, std::string_view tag,
                         std::string_view summary) {
  return {.method = "POST",
          .pattern = pattern,
          .access = allow(kScopeRead, "read"),
          .handler = handler,
          .tag = tag,
          .summary = summary,
          .request = "ExportRequest",
          .response = "Job",
          .status = 202,
          .kind = RouteKind::Creates,
          .is_looking = true};
}

}  // namespace

std::span<const Route> export_routes() {
  static const Route kRoutes[] = {
      route_of("/v1/notifications/export", export_notifications, "Looking",
               "Make a CSV file of the notifications of a filter, newest first"),
      route_of("/v1/deliveries/export", export_deliveries, "Deliveries",
               "Make a CSV file of the deliveries of a filter, newest first"),
  };
  return kRoutes;
}

}  // namespace carillon::api
