// Schedules: sends that repeat by a cron expression.
#include <utility>

#include "api/router.h"
#include "api/send_answer.h"
#include "pipeline/schedule.h"

namespace carillon::api {
namespace {

using pipeline::StoredSchedule;

constexpr std::size_t kSchedulesMax = 1000;  // of a project
constexpr std::size_t kCountPage = 200;

Failure no_schedule(const Call& call) {
  return not_found(fmt::format("schedule '{}'", call.args[0].substr(0, 64)));
}

// An app sees what it wrote, with the kind of key it was written with; who acts as an app sees what is that
// app's; whoever manages sees all.
bool may_see(const Call& call, const model::Schedule& schedule) {
  if (!call.who.app) return true;
  return schedule.app == call.who.app_id() &&
         (call.who.who != Who::App || schedule.is_test == call.who.is_test);
}

// nullopt: there is none of that key, whoever may see it.
Task<std::expected<std::optional<StoredSchedule>, Failure>> find_any(Call& call) {
  auto stored = co_await pipeline::load_schedule(call.deps.store, call.who.project, call.args[0]);
  if (stored) co_return std::move(*stored);
  if (stored.error().code == Errc::NotFound) co_return std::nullopt;
  co_return std::unexpected(Failure(stored.error()));
}

Task<std::expected<StoredSchedule, Failure>> find_own(Call& call) {
  CARILLON_CO_TRY(auto stored, co_await find_any(call));
  if (!stored || !may_see(call, stored->schedule)) co_return std::unexpected(no_schedule(call));
  co_return std::move(*stored);
}

void write_schedule(base::JsonWriter& out, const Call& call, const StoredSchedule& stored) {
  const model::Schedule& schedule = stored.schedule;
  const model::ScheduleState& state = stored.state;
  out.object().field("key", schedule.key).field("cron", schedule.cron).field("time_zone", schedule.time_zone);
  out.field("missed", model::name(schedule.missed)).field("enabled", schedule.enabled);
  out.key("notification").raw(schedule.notification);
  write_app_name(out, call, schedule.app);
  out.field("sandbox", schedule.is_test);
  out.field_or_null("next_run", model::next_run(schedule, state));
  out.field_or_null("last_run", state.last_run);
  out.key("last_notification");
  if (state.last_notification != 0) {
    out.value(base::id_text(base::kNotificationPrefix, state.last_notification));
  } else {
    out.null();
  }
  out.key("last_error");
  if (state.last_error) {
    const auto& error = *state.last_error;
    out.object().field("at", to_rfc3339(error.at)).field("code", error.code);
    out.field("detail", error.detail).end_object();
  } else {
    out.null();
  }
  out.field("updated_at", to_rfc3339(stored.record.updated_at)).end_object();
}

Reply schedule_reply(const Call& call, const StoredSchedule& stored, int status) {
  base::JsonWriter out(1024);
  write_schedule(out, call, stored);
  return json_reply(out, status);
}

void schedule_changed(const Call& call) {
  if (call.deps.pipeline != nullptr) call.deps.pipeline->schedule_changed(call.who.project, call.args[0]);
}

// What would be refused if it were sent at this moment is refused as it is written; without a pipeline (a
// stopped store) the first run tells.
Task<std::optional<Failure>> check_send(Call& call, const model::Schedule& schedule) {
  if (call.deps.pipeline == nullptr) co_return std::nullopt;
  auto caller = pipeline::schedule_caller(*call.snapshot, call.who.project, schedule);
  if (!caller) co_return Failure(std::move(caller.error()));
  auto item = pipeline::schedule_item(schedule, {});
  if (!item) co_return Failure(item.error());
  auto explained = co_await call.deps.pipeline->explain(std::move(*caller), std::move(*item));
  if (explained) co_return std::nullopt;
  pipeline::Refusal refusal = std::move(explained.error());
  for (auto& problem : refusal.problems) problem.pointer.insert(0, "/notification");
  co_return Failure(std::move(refusal));
}

Task<std::optional<Failure>> check_room(Call& call) {
  std::size_t count = 0;
  store::ListPage page;
  page.limit = kCountPage;
  while (true) {
    const auto rows =
        co_await call.deps.store.list_records(std::string(pipeline::kKindSchedule), call.who.project, page);
    if (!rows) co_return Failure(rows.error());
    count += rows->size();
    if (count >= kSchedulesMax) {
      co_return Failure(422, "limit_reached",
                        fmt::format("a project has at most {} schedules; delete one first", kSchedulesMax));
    }
    if (rows->size() < kCountPage) co_return std::nullopt;
    page.after_key = rows->back().key.key;
  }
}

// Checks and stores `next`, over `before` where there is one.
Task<Answer> store_schedule(Call& call, model::Schedule next, const std::optional<StoredSchedule>& before) {
  if (auto failure = co_await check_send(call, next)) co_return std::unexpected(std::move(*failure));
  if (!before) {
    if (auto failure = co_await check_room(call)) co_return std::unexpected(std::move(*failure));
  }
  // The same times go on: a run that is due this very moment is not lost by a repeated PUT.
  const bool goes_on = before && before->schedule.cron == next.cron &&
                       before->schedule.time_zone == next.time_zone &&
                       before->schedule.enabled == next.enabled;
  next.since = goes_on ? before->schedule.since : call.now;
  store::Record record;
  record.key = {std::string(pipeline::kKindSchedule), call.who.project, next.key};
  record.data = model::encode(next);
  const std::int64_t version = before ? before->record.version : 0;
  StoredSchedule stored;
  CARILLON_CO_TRY(stored.record,
                  co_await call.deps.store.put_record(std::move(record), version, call.actor(), call.now));
  schedule_changed(call);
  stored.schedule = std::move(next);
  if (before) stored.state = before->state;
  co_return schedule_reply(call, stored, before ? 200 : 201);
}

Task<Answer> put_schedule(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const auto before, co_await find_any(call));
  if (before && !may_see(call, before->schedule)) {
    co_return failed(409, "already_exists", "somebody else has a schedule with this key; use another");
  }
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  model::Schedule next;
  next.key = call.args[0];
  next.time_zone = call.view().settings.time_zone;
  next.app = call.who.app_id();
  next.is_test = call.who.is_test;
  next.actor = call.who.actor();
  model::read_schedule(root, next, problems);
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  co_return co_await store_schedule(call, std::move(next), before);
}

Task<Answer> patch_schedule(Call& call) {
  CARILLON_CO_TRY(auto own, co_await find_own(call));
  const std::optional<StoredSchedule> before(std::move(own));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  model::Schedule next = before->schedule;
  model::read_schedule(root, next, problems);
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  co_return co_await store_schedule(call, std::move(next), before);
}

Task<Answer> get_schedule(Call& call) {
  CARILLON_CO_TRY(const auto stored, co_await find_own(call));
  co_return schedule_reply(call, stored, 200);
}

Task<Answer> list_schedules(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  store::ListPage page;
  page.limit = paging.limit;
  page.after_key = paging.after.key;
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_records(std::string(pipeline::kKindSchedule),
                                                                         call.who.project, page));
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& row : rows) {
    auto stored = co_await pipeline::load_schedule(call.deps.store, call.who.project, row.key.key);
    if (!stored && stored.error().code == Errc::NotFound) continue;  // removed meanwhile
    if (!stored) co_return std::unexpected(Failure(stored.error()));
    if (may_see(call, stored->schedule)) write_schedule(out, call, *stored);
  }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.key.key; });
  co_return json_reply(out);
}

Task<Answer> delete_schedule(Call& call) {
  CARILLON_CO_TRY(const auto stored, co_await find_own(call));
  store::RecordKey key{std::string(pipeline::kKindSchedule), call.who.project, call.args[0]};
  CARILLON_CO_CHECK(co_await call.deps.store.delete_record(std::move(key), call.actor(), call.now));
  schedule_changed(call);
  // Left behind by a crash it does no harm: it names the schedule it is of.
  store::RecordKey state{std::string(pipeline::kKindScheduleState), call.who.project, call.args[0]};
  const auto removed = co_await call.deps.store.delete_record(std::move(state), std::string(), call.now);
  if (!removed && removed.error().code != Errc::NotFound) co_return std::unexpected(Failure(removed.error()));
  co_return no_content();
}

// Now, as its writer, besides its own times. Switched off it can be tried out too.
Task<Answer> run_schedule(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  CARILLON_CO_TRY(const auto stored, co_await find_own(call));
  auto caller = pipeline::schedule_caller(*call.snapshot, call.who.project, stored.schedule);
  if (!caller) co_return std::unexpected(Failure(std::move(caller.error())));
  CARILLON_CO_TRY(auto item,
                  pipeline::schedule_item(stored.schedule, model::schedule_event_id(call.args[0], call.now)));
  std::vector<pipeline::SendItem> items;
  items.push_back(std::move(item));
  auto results = co_await call.deps.pipeline->send(std::move(*caller), std::move(items));
  auto& result = results.front();
  pipeline::ScheduleRun run;
  if (result) {
    run.at = call.now;
    run.notification = result->id;
  } else if (result.error().status < 500 && result.error().status != 429) {
    run = pipeline::refused_run(call.now, result.error());
  }
  run.is_of_plan = false;
  if (run.at != Time{}) {
    CARILLON_CO_CHECK(co_await pipeline::note_schedule_run(call.deps.store, call.who.project, call.args[0],
                                                           std::move(run), call.now));
  }
  if (!result) co_return std::unexpected(Failure(std::move(result.error())));
  base::JsonWriter out(384);
  write_answer(out, *result);
  co_return json_reply(out, 202);
}

constexpr Route schedule_route(std::string_view method, std::string_view pattern, Handler handler,
                               std::string_view summary, std::string_view request, std::string_view response,
                               int status = 200, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = allow(kScopeSend, "schedules"),
          .handler = handler,
          .tag = "Schedules",
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .query = query,
          .kind = method == "POST" ? RouteKind::Creates : RouteKind::Plain};
}

}  // namespace

std::span<const Route> schedule_routes() {
  static const Route kRoutes[] = {
      schedule_route("GET", "/v1/schedules", list_schedules, "List schedules by key", {}, "ScheduleList", 200,
                     "limit after"),
      schedule_route("PUT", "/v1/schedules/{key}", put_schedule,
                     "Make or replace a schedule; whoever writes it is the sender", "Schedule", "Schedule"),
      schedule_route("GET", "/v1/schedules/{key}", get_schedule,
                     "One schedule: its next run, and what became of the last", {}, "Schedule"),
      schedule_route("PATCH", "/v1/schedules/{key}", patch_schedule,
                     "Change what the body names; the sender stays", "Schedule", "Schedule"),
      schedule_route("DELETE", "/v1/schedules/{key}", delete_schedule, "Remove a schedule", {}, {}, 204),
      schedule_route("POST", "/v1/schedules/{key}/run", run_schedule, "Fire it now, besides its times", {},
                     "SendAnswer", 202),
  };
  return kRoutes;
}

}  // namespace carillon::api
