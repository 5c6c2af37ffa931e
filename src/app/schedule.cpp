// carillon schedule: sends that repeat, and when a cron expression fires.
#include "app/client.h"
#include "model/cron.h"
#include "model/decision.h"
#include "model/local_time.h"

namespace carillon::app {
namespace {

constexpr std::int64_t kCountMax = 10'000;

struct ScheduleOptions {
  std::string key, file, cron, zone, missed, notification;
  std::vector<std::string> users, emails, phones, channels, params;
  std::string template_key, title, body;
  bool is_enabled = false, is_disabled = false;
};

// The send that options describe; empty: none of them was given.
Result<std::string> notification_of(const ScheduleOptions& o) {
  if (!o.notification.empty()) return read_json(o.notification);
  if (o.users.empty() && o.emails.empty() && o.phones.empty()) return std::string();
  base::JsonWriter out;
  out.object().key("to").array();
  for (const auto& [field, values] :
       {std::pair{"user_id", &o.users}, {"email", &o.emails}, {"phone", &o.phones}}) {
    for (const auto& value : *values) out.object().field(field, value).end_object();
  }
  out.end_array();
  texts_if_given(out, "channels", o.channels);
  field_if_given(out, "template", o.template_key);
  field_if_given(out, "title", o.title);
  field_if_given(out, "body", o.body);
  if (!o.params.empty()) {
    CARILLON_TRY(const std::string params, object_of(o.params, "--param"));
    out.key("params").raw(params);
  }
  out.end_object();
  return out.str();
}

Result<std::string> schedule_body(const ScheduleOptions& o) {
  if (!o.file.empty()) return read_json(o.file);
  CARILLON_TRY(const std::string notification, notification_of(o));
  base::JsonWriter out;
  out.object();
  field_if_given(out, "cron", o.cron);
  field_if_given(out, "time_zone", o.zone);
  field_if_given(out, "missed", o.missed);
  if (!notification.empty()) out.key("notification").raw(notification);
  if (o.is_enabled || o.is_disabled) out.field("enabled", o.is_enabled);
  out.end_object();
  return out.str();
}

void add_write(CLI::App& noun, Shell& shell, std::string verb_name, std::string method, std::string help,
               std::string example) {
  auto o = std::make_shared<ScheduleOptions>();
  auto& verb = add_verb(noun, shell, std::move(verb_name), std::move(help), std::move(example),
                        [o, method = std::move(method)](Client& client) {
                          const auto body = schedule_body(*o);
                          if (!body) return report(body.error());
                          return client.show(method, path_of("/v1/schedules/", o->key), *body, render_object);
                        });
  verb.add_option("KEY", o->key, "Your name for it")->required();
  verb.add_option("--file", o->file, "The whole schedule as JSON; - reads standard input");
  verb.add_option("--cron", o->cron,
                  "Minute hour day-of-month month day-of-week, or @daily; carillon schedule next shows when");
  verb.add_option("--zone", o->zone, "IANA time zone (default: the project's)");
  verb.add_option("--missed", o->missed,
                  "When its time passed while nothing ran: run_once (default) or skip");
  verb.add_flag("--enabled", o->is_enabled, "Switch it on");
  verb.add_flag("--disabled", o->is_disabled, "Keep it without running it");
  verb.add_option("--notification", o->notification,
                  "What to send as JSON, as POST /v1/notifications takes it");
  verb.add_option("--user", o->users, "Or: to a user; may be repeated")->allow_extra_args(false);
  verb.add_option("--email", o->emails, "To an e-mail address; may be repeated")->allow_extra_args(false);
  verb.add_option("--phone", o->phones, "To a phone number; may be repeated")->allow_extra_args(false);
  verb.add_option("--channel", o->channels, "On this channel; may be repeated")->allow_extra_args(false);
  verb.add_option("--template", o->template_key, "Say what this template says");
  verb.add_option("--param", o->params, "Its parameters: name=text or name:=JSON; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--title", o->title, "Title");
  verb.add_option("--body", o->body, "Text");
}

// ---- next
struct NextOptions {
  std::string cron, zone = "UTC", from;
  std::int64_t count = 5;
};

int show_next(const Client& client, const NextOptions& o) {
  const auto cron = model::Cron::parse(o.cron);
  if (!cron) return report(cron.error());
  if (!model::is_time_zone(o.zone)) {
    return report({Errc::InvalidArgument, "--zone takes a name of the IANA database, such as Asia/Seoul"});
  }
  const auto from = o.from.empty() ? std::optional(base::SystemClock().now()) : parse_rfc3339(o.from);
  if (!from)
    return report({Errc::InvalidArgument, "--from takes RFC 3339, such as 2026-12-01T09:00:00+09:00"});
  base::JsonWriter json;
  json.object().field("cron", o.cron).field("time_zone", o.zone).field("from", to_rfc3339(*from));
  json.key("data").array();
  Table table({"AT", "THERE"});
  auto at = cron->next(o.zone, *from);
  for (std::int64_t i = 0; at && i < o.count; ++i, at = cron->next(o.zone, *at)) {
    const std::string local = model::to_local_text(o.zone, *at);
    json.object().field("at", to_rfc3339(*at)).field("local", local).end_object();
    table.add({to_rfc3339(*at), local});
  }
  json.end_array().end_object();
  print(client.is_json() ? json.str() + "\n" : table.text());
  return kExitOk;
}

void add_next(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<NextOptions>();
  auto& next = add_verb(noun, shell, "next", "Show when a cron expression fires; asks no server",
                        "carillon schedule next '0 9 * * mon-fri' --zone Asia/Seoul --count 3",
                        [o](Client& client) { return show_next(client, *o); });
  next.add_option("CRON", o->cron, "The expression, in quotes")->required();
  next.add_option("--zone", o->zone, "IANA time zone (default UTC)");
  next.add_option("--from", o->from, "After this time, RFC 3339 (default: now)");
  next.add_option("--count", o->count, "How many (default 5)")->check(CLI::Range(std::int64_t{1}, kCountMax));
}

std::string render_sent(base::JsonElement root) {
  return fmt::format("{}  {}\n", cell_at(root, "id"), cell_at(root, "status"));
}

}  // namespace

void add_schedule(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "schedule", "Schedules: sends that repeat by a cron expression");
  add_list(noun, shell, Paged::Yes, "List all schedules", "carillon schedule list", "/v1/schedules",
           {{"SCHEDULE", "key"},
            {"CRON", "cron"},
            {"ZONE", "time_zone"},
            {"ENABLED", "enabled"},
            {"NEXT", "next_run"},
            {"LAST", "last_run"},
            {"SENT", "last_notification"},
            {"ERROR", "last_error.code"}},
           "There is no schedule yet: carillon schedule put KEY --cron …");
  auto key = std::make_shared<std::string>();
  const auto key_option = [key](CLI::App& verb) { verb.add_option("KEY", *key, "The schedule")->required(); };
  key_option(add_verb(noun, shell, "get", "Show one: its next run, and what became of the last",
                      "carillon schedule get weekly", [key](Client& client) {
                        return client.show("GET", path_of("/v1/schedules/", *key), {}, render_object);
                      }));
  add_write(noun, shell, "put", "PUT", "Make or replace a schedule",
            "carillon schedule put weekly --cron '0 9 * * mon' --zone Asia/Seoul --email "
            "ok@sandbox.carillon.test --channel email --title 'A new week' --body 'Good morning.'");
  add_write(noun, shell, "change", "PATCH", "Change what the options name",
            "carillon schedule change weekly --disabled");
  key_option(add_verb(noun, shell, "delete", "Remove a schedule", "carillon schedule delete weekly",
                      [key](Client& client) {
                        return client.say("DELETE", path_of("/v1/schedules/", *key), {},
                                          fmt::format("Schedule {} is removed.", printable(*key)));
                      }));
  key_option(add_verb(noun, shell, "run", "Fire it now, besides its times", "carillon schedule run weekly",
                      [key](Client& client) {
                        return client.show("POST", path_of("/v1/schedules/", *key, "/run"), {}, render_sent);
                      }));
  add_next(noun, shell);
}

}  // namespace carillon::app
