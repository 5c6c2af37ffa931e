// Jobs: how far they are, what they could not do, and ending them.
#include "api/jobs.h"

#include <algorithm>
#include <charconv>

#include "api/object_stream.h"
#include "api/router.h"
#include "base/log.h"

namespace carillon::api {
namespace {

constexpr auto kReadTimeout = std::chrono::seconds(30);
constexpr std::string_view kStates[] = {"queued", "running", "completed", "failed", "cancelled"};

std::string url_of(const store::StoredJob& job) {
  return "/v1/jobs/" + base::id_text(base::kJobPrefix, job.id);
}

// How long the file that it made is there; nullopt: it made none.
std::optional<Time> result_until(const store::StoredJob& job) {
  const bool has_result =
      pipeline::is_export(job.kind) && job.state == store::JobState::Completed && job.finished_at;
  return has_result ? std::optional(*job.finished_at + pipeline::kExportKept) : std::nullopt;
}

// Without the closing brace.
void open_job(base::JsonWriter& out, const store::StoredJob& job) {
  out.object();
  write_id(out, "id", base::kJobPrefix, job.id);
  out.field("kind", job.kind).field("state", kStates[static_cast<std::size_t>(job.state)]);
  out.field("done", job.done).field("total", job.total).field("failed", job.failed);
  out.field_or_null("errors_url", job.failed > 0 ? url_of(job) + "/errors" : std::string());
  out.field_or_null("detail", job.detail);
  if (pipeline::is_export(job.kind)) {
    const auto kept_until = result_until(job);
    out.field_or_null("result_url", kept_until ? url_of(job) + "/result" : std::string());
    out.field_or_null("result_expires_at", kept_until);
  }
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

bool is_of_letters(std::string_view kind) { return kind == "replay" || kind == pipeline::kJobDiscard; }

// An app sees its own; apps and management tokens see what they have the scope for.
bool is_shown_to(const Identity& who, const store::StoredJob& job) {
  if (job.project != who.project || (who.app && job.app != who.app->id)) return false;
  const bool is_export = pipeline::is_export(job.kind);
  if (who.who == Who::App) return (who.scopes & (is_export ? kScopeRead : kScopePeople)) != 0;
  if (who.who != Who::Management) return true;
  const std::string_view needed = is_export                                 ? "read"
                                  : is_of_letters(job.kind)                 ? "dead_letters"
                                  : job.kind == pipeline::kJobWebhookReplay ? "webhooks"
                                                                            : "people";
  return std::ranges::any_of(who.key->scopes,
                             [&](const std::string& scope) { return scope == needed || scope == "admin"; });
}

// Who only looks ends what that made.
bool may_end(const Identity& who, const store::StoredJob& job) {
  if (who.who != Who::Member || (who.role && model::may(*who.role, "people", false))) return true;
  return pipeline::is_export(job.kind) && job.actor.name == who.actor();
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
  if (!may_end(call.who, job))
    co_return failed(403, "missing_scope", "as a viewer you end your own exports only");
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

// A number of the query; `fallback` when it is not there.
std::expected<std::int64_t, Failure> number_param(const Call& call, std::string_view name, std::int64_t low,
                                                  std::int64_t fallback) {
  if (!call.has_param(name)) return fallback;
  const std::string_view text = call.param(name);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number >= low) return number;
  return failed_at(fmt::format("?{}", name), "out_of_range", fmt::format("give a number from {} on", low));
}

// `offset` and `bytes`: a part of it, for who cannot take all at once.
Task<Answer> result(Call& call) {
  CARILLON_CO_TRY(const store::StoredJob job, co_await find(call));
  if (!pipeline::is_export(job.kind)) co_return std::unexpected(not_found("file that this job makes"));
  const auto kept_until = result_until(job);
  if (!kept_until) {
    co_return failed(
        409, "failed_precondition",
        fmt::format("the job is {}: it has made no file", kStates[static_cast<std::size_t>(job.state)]));
  }
  if (*kept_until <= call.now)
    co_return failed(410, "result_expired", "the file was kept until " + to_rfc3339(*kept_until));
  if (call.deps.objects == nullptr) co_return failed(503, "not_running", "the server is stopped");
  CARILLON_CO_TRY(const std::int64_t offset, number_param(call, "offset", 0, 0));
  CARILLON_CO_TRY(const std::int64_t bytes, number_param(call, "bytes", 1, INT64_MAX));
  const std::int64_t begin = std::min(offset, job.line), size = std::min(bytes, job.line - begin);
  // Before the answer begins: behind that, nothing can be said any more.
  const auto there = co_await call.deps.objects->read(pipeline::export_name(job.id), 0, 1,
                                                      base::Deadline::after(kReadTimeout));
  if (!there) {
    base::log_warn("what {} made cannot be read: {}", base::id_text(base::kJobPrefix, job.id),
                   there.error().message);
    co_return failed(503, "objects_unavailable",
                     "the file cannot be reached now; processes that share a store need one objects.url");
  }
  Reply reply;
  reply.content_type = "text/csv; charset=utf-8";
  reply.headers = {{"Content-Disposition", fmt::format("attachment; filename=\"{}-{}.csv\"", job.kind,
                                                       base::id_text(base::kJobPrefix, job.id))}};
  reply.stream =
      std::make_shared<ObjectStream>(*call.deps.objects, pipeline::export_name(job.id),
                                     static_cast<std::uint64_t>(size), static_cast<std::uint64_t>(begin));
  co_return reply;
}

constexpr Route route_of(std::string_view method, std::string_view pattern, Handler handler,
                         std::string_view summary, std::string_view response, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = allow(kScopePeople | kScopeRead, "people or dead_letters or webhooks or read"),
          .handler = handler,
          .tag = "Jobs",
          .summary = summary,
          .response = response,
          .query = query,
          .is_looking = true};  // who only looks has exports, and may end them
}

constexpr Route file_route(std::string_view pattern, Handler handler, std::string_view summary) {
  Route route = route_of("GET", pattern, handler, summary, {}, "offset bytes");
  route.content_type = "text/csv";
  return route;
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
      file_route("/v1/jobs/{id}/result", result, "The CSV file that an export made, for three days"),
      route_of("POST", "/v1/jobs/{id}/cancel", cancel, "End a job; what it did stays done", "Job"),
  };
  return kRoutes;
}

}  // namespace carillon::api
