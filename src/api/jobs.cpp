// Jobs: how far they are, what they could not do, and ending them.
#include "api/jobs.h"

#include <algorithm>

#include "api/router.h"

namespace carillon::api {
namespace {

constexpr std::string_view kStates[] = {"queued", "running", "completed", "failed", "cancelled"};

std::string url_of(const store::StoredJob& job) {
  return "/v1/jobs/" + base::id_text(base::kJobPrefix, job.id);
}

// Without the closing brace.
void open_job(base::JsonWriter& out, const store::StoredJob& job) {
  out.object();
  write_id(out, "id", base::kJobPrefix, job.id);
  out.field("kind", job.kind).field("state", kStates[static_cast<std::size_t>(job.state)]);
  out.field("done", job.done).field("total", job.total).field("failed", job.failed);
  out.field_or_null("errors_url", job.failed > 0 ? url_of(job) + "/errors" : std::string());
  out.field_or_null("detail", job.detail);
  out.field("created_by", job.actor.name).field("created_at", to_rfc3339(job.created_at));
  out.field_or_null("started_at", job.started_at);
  out.field_or_null("finished_at", job.finished_at);
}

// What an error is about is a line of a file, or an object with an id.
void write_error(base::JsonWriter& out, const store::JobError& error) {
  out.object().field_if("id", error.item);
  if (error.line > 0) out.field("line", error.line).field("pointer", error.pointer);
  out.field_if("code", error.code).field("detail", error.detail).end_object();
}

Failure no_job(const Call& call) { return not_found(fmt::format("job '{}'", call.args[0].substr(0, 40))); }

// An app sees its own, a management token what it has the scope for.
bool is_shown_to(const Identity& who, const store::StoredJob& job) {
  if (job.project != who.project || (who.app && job.app != who.app->id)) return false;
  if (who.who != Who::Management) return true;
  const std::string_view needed = job.kind == "replay"                      ? "dead_letters"
                                  : job.kind == pipeline::kJobWebhookReplay ? "webhooks"
                                                                            : "people";
  return std::ranges::any_of(who.key->scopes,
                             [&](const std::string& scope) { return scope == needed || scope == "admin"; });
}

// The job if the caller may see it.
Task<std::expected<store::StoredJob, Failure>> find(Call& call) {
  const auto id = base::parse_id(base::kJobPrefix, call.args[0]);
  if (!id) co_return std::unexpected(no_job(call));
  auto job = co_await call.deps.store.jobs().get(*id);
  if (!job && job.error().code == Errc::NotFound) co_return std::unexpected(no_job(call));
  CARILLON_CO_CHECK(job);
  if (!is_shown_to(call.who, *job)) co_return std::unexpected(no_job(call));
  co_return std::move(*job);
}

Task<Answer> shown(Call& call, store::StoredJob job) {
  store::ListPage page;
  page.limit = kJobErrorsShown;
  CARILLON_CO_TRY(const auto errors, co_await call.deps.store.jobs().errors(job.id, page));
  co_return job_reply(job, errors, 200);
}

Task<Answer> get(Call& call) {
  CARILLON_CO_TRY(store::StoredJob job, co_await find(call));
  co_return co_await shown(call, std::move(job));
}

Task<Answer> cancel(Call& call) {
  CARILLON_CO_TRY(store::StoredJob job, co_await find(call));
  if (call.deps.jobs != nullptr) {
    CARILLON_CO_TRY(job, co_await call.deps.jobs->cancel(job.id, call.actor()));
  } else {
    CARILLON_CO_TRY(job, co_await call.deps.store.jobs().end(job.id, store::JobState::Cancelled,
                                                             std::string(), call.actor(), call.now));
  }
  co_return co_await shown(call, std::move(job));
}

Task<Answer> list(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto rows,
                  co_await call.deps.store.jobs().list(call.who.project, call.who.app_id(), page));
  base::JsonWriter out(384 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& job : rows) {
    if (!is_shown_to(call.who, job)) continue;
    open_job(out, job);
    out.end_object();
  }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

Task<Answer> errors(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(const store::StoredJob job, co_await find(call));
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.jobs().errors(job.id, page));
  base::JsonWriter out(160 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& error : rows) write_error(out, error);
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.seq; });
  co_return json_reply(out);
}

constexpr Route route_of(std::string_view method, std::string_view pattern, Handler handler,
                         std::string_view summary, std::string_view response, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = allow(kScopePeople, "people or dead_letters or webhooks"),
          .handler = handler,
          .tag = "Jobs",
          .summary = summary,
          .response = response,
          .query = query};
}

}  // namespace

Reply job_reply(const store::StoredJob& job, const std::vector<store::JobError>& errors, int status) {
  base::JsonWriter out(512 + 160 * errors.size());
  open_job(out, job);
  out.key("errors").array();
  for (const auto& error : errors) write_error(out, error);
  out.end_array().end_object();
  Reply reply = json_reply(out, status);
  if (status == 202) reply.headers.emplace_back("Location", url_of(job));
  return reply;
}

std::span<const Route> job_routes() {
  static const Route kRoutes[] = {
      route_of("GET", "/v1/jobs", list, "List jobs, newest first", "JobList", "limit after"),
      route_of("GET", "/v1/jobs/{id}", get, "How far a job is, with its first errors", "Job"),
      route_of("GET", "/v1/jobs/{id}/errors", errors, "What a job could not do, in order", "JobErrorList",
               "limit after"),
      route_of("POST", "/v1/jobs/{id}/cancel", cancel, "End a job; what it did stays done", "Job"),
  };
  return kRoutes;
}

}  // namespace carillon::api
