#include "model/schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/decision.h"
#include "model/notification.h"
#include "model/record.h"

namespace carillon::model {
namespace {

using base::JsonElement;
using base::JsonWriter;
using base::ObjectReader;
using base::Problems;

constexpr std::size_t kZoneMax = 64;     // bytes
constexpr std::size_t kActorMax = 200;   // bytes
constexpr std::size_t kDetailMax = 600;  // bytes of an error that is kept

// Only answers have these.
constexpr std::string_view kAnswered[] = {
    "app", "sandbox", "next_run", "last_run", "last_notification", "last_error", "updated_at"};

void read_time_ms(ObjectReader& reader, std::string_view key, std::optional<Time>& into) {
  std::int64_t ms = 0;
  if (reader.integer(key, ms, 0, INT64_MAX)) into = from_ms(ms);
}

void read_missed(ObjectReader& reader, MissedRuns& into) {
  std::size_t index = 0;
  if (reader.one_of("missed", index, {"run_once", "skip"})) into = static_cast<MissedRuns>(index);
}

void read_notification(ObjectReader& reader, Schedule& into, Problems& problems) {
  const auto body = reader.element("notification");
  if (!body) return;
  static const std::string kPointer = "/notification";
  static_cast<void>(read_send_request(*body, std::nullopt, kPointer, problems));
  const auto refuse = [&](std::string_view field, std::string detail) {
    JsonElement given;
    if (!body->is_object() || (*body)[field].get(given) != simdjson::SUCCESS || given.is_null()) return;
    problems.push_back({fmt::format("{}/{}", kPointer, field), "read_only", std::move(detail)});
  };
  refuse("event_id", "each run has an event id of its own, schedule/KEY/TIME; leave it out");
  refuse("send_at", "the schedule says when; leave it out");
  refuse("draft", "a schedule sends; leave it out");
  into.notification = base::to_json(*body);
}

}  // namespace

std::string_view name(MissedRuns missed) noexcept { return missed == MissedRuns::Skip ? "skip" : "run_once"; }

std::string encode(const Schedule& schedule) {
  JsonWriter out(schedule.notification.size() + 256);
  out.object()
      .field("cron", schedule.cron)
      .field("time_zone", schedule.time_zone)
      .field("missed", name(schedule.missed))
      .field("enabled", schedule.enabled)
      .field("app", schedule.app)
      .field("test", schedule.is_test)
      .field("actor", schedule.actor)
      .field("since", to_ms(schedule.since))
      .key("notification")
      .raw(schedule.notification)
      .end_object();
  return out.str();
}

Result<Schedule> decode_schedule(std::string_view json) {
  return decode_record<Schedule>(json, "schedule", [](ObjectReader& reader, Schedule& s, Problems&) {
    reader.text("cron", s.cron, kCronMax);
    reader.text("time_zone", s.time_zone, kZoneMax);
    read_missed(reader, s.missed);
    reader.boolean("enabled", s.enabled);
    reader.integer("app", s.app, 0, INT64_MAX);
    reader.boolean("test", s.is_test);
    reader.text("actor", s.actor, kActorMax);
    std::optional<Time> since;
    read_time_ms(reader, "since", since);
    s.since = since.value_or(Time{});
    reader.json_object("notification", s.notification, kBatchBytesMax);
  });
}

void read_schedule(JsonElement body, Schedule& into, Problems& problems) {
  ObjectReader reader(body, "", problems);
  std::string key;
  if (reader.text("key", key, kCronMax) && key != into.key) {
    reader.problem("key", "key_mismatch", "the key is the one in the address; leave it out here");
  }
  if (into.cron.empty()) reader.require("cron");
  if (reader.text("cron", into.cron, kCronMax)) {
    if (const auto cron = Cron::parse(into.cron); !cron) {
      reader.problem("cron", "invalid_cron", cron.error().message);
    }
  }
  if (reader.text("time_zone", into.time_zone, kZoneMax) && !is_time_zone(into.time_zone)) {
    reader.problem("time_zone", "invalid_time_zone",
                   "use a name of the IANA time zone database, such as Asia/Seoul");
  }
  read_missed(reader, into.missed);
  reader.boolean("enabled", into.enabled);
  if (into.notification.empty()) reader.require("notification");
  read_notification(reader, into, problems);
  for (const std::string_view field : kAnswered) static_cast<void>(reader.element(field));
  reader.done();
}

std::string encode(const ScheduleState& state) {
  JsonWriter out;
  out.object().field("schedule", state.schedule);
  if (state.handled) out.field("handled", to_ms(*state.handled));
  if (state.last_run) out.field("last_run", to_ms(*state.last_run));
  out.field("last_notification", state.last_notification);
  if (state.last_error) {
    const auto& error = *state.last_error;
    out.key("last_error").object().field("at", to_ms(error.at)).field("code", error.code);
    out.field("detail", std::string_view(error.detail).substr(0, kDetailMax)).end_object();
  }
  out.end_object();
  return out.str();
}

Result<ScheduleState> decode_schedule_state(std::string_view json) {
  return decode_record<ScheduleState>(
      json, "schedule's state", [](ObjectReader& reader, ScheduleState& state, Problems& problems) {
        reader.integer("schedule", state.schedule, 0, INT64_MAX);
        read_time_ms(reader, "handled", state.handled);
        read_time_ms(reader, "last_run", state.last_run);
        reader.integer("last_notification", state.last_notification, 0, INT64_MAX);
        const auto error = reader.element("last_error");
        if (!error) return;
        ObjectReader inner(*error, "/last_error", problems);
        auto& into = state.last_error.emplace();
        std::optional<Time> at;
        read_time_ms(inner, "at", at);
        into.at = at.value_or(Time{});
        inner.text("code", into.code, kDetailMax);
        // Cut in the middle of a character it was stored with U+FFFD, which is
        // longer.
        inner.text("detail", into.detail, 2 * kDetailMax);
      });
}

Time counts_from(const Schedule& schedule, const ScheduleState& state) {
  return std::max(schedule.since, state.handled.value_or(schedule.since));
}

std::optional<Time> next_run(const Schedule& schedule, const ScheduleState& state) {
  if (!schedule.enabled) return std::nullopt;
  const auto cron = Cron::parse(schedule.cron);
  return cron ? cron->next(schedule.time_zone, counts_from(schedule, state)) : std::nullopt;
}

std::string schedule_event_id(std::string_view key, Time at) {
  return fmt::format("schedule/{}/{}", key, to_rfc3339(at));
}

}  // namespace carillon::model
