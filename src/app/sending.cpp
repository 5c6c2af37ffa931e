// carillon send, carillon status: one notification from the command line, and what became of it.
#include <map>

#include "app/client.h"

namespace carillon::app {
namespace {

constexpr std::size_t kFollowedMax = 20;  // deliveries whose timelines are shown
constexpr Millis kLookAgainFirst{100};
constexpr Millis kLookAgainLast{1'000};

struct SendOptions {
  std::vector<std::string> users, groups, devices, emails, phones, channels, params, metadata, tags;
  std::string device_token, platform, file, event;
  std::string event_id, category, template_key, title, body, subject, html, url, image, locale, priority, ttl;
  std::string collapse_key, send_at, zone, if_past, on_unknown;
  std::string patience = "2m";
  bool is_draft = false, is_dry_run = false, is_waiting = false;
};

void write_recipients(base::JsonWriter& out, const SendOptions& o) {
  out.key("to").array();
  const auto each = [&out](const char* field, const std::vector<std::string>& values) {
    for (const auto& value : values) out.object().field(field, value).end_object();
  };
  each("user_id", o.users);
  each("group", o.groups);
  each("device_id", o.devices);
  each("email", o.emails);
  each("phone", o.phones);
  if (!o.device_token.empty()) {
    out.object().field("device_token", o.device_token);
    field_if_given(out, "platform", o.platform);
    out.end_object();
  }
  out.end_array();
}

Result<std::string> send_body(const SendOptions& o) {
  if (!o.file.empty()) return read_json(o.file);
  base::JsonWriter out;
  out.object();
  write_recipients(out, o);
  for (const auto& [name, value] : {std::pair<const char*, const std::string&>{"event_id", o.event_id},
                                    {"category", o.category},
                                    {"template", o.template_key},
                                    {"title", o.title},
                                    {"body", o.body},
                                    {"subject", o.subject},
                                    {"url", o.url},
                                    {"image", o.image},
                                    {"locale", o.locale},
                                    {"priority", o.priority},
                                    {"ttl", o.ttl},
                                    {"collapse_key", o.collapse_key},
                                    {"on_unknown", o.on_unknown}}) {
    field_if_given(out, name, value);
  }
  if (o.zone.empty() && o.if_past.empty()) {
    field_if_given(out, "send_at", o.send_at);
  } else {
    out.key("send_at").object();
    field_if_given(out, "local", o.send_at);
    field_if_given(out, "zone", o.zone);
    field_if_given(out, "if_past", o.if_past);
    out.end_object();
  }
  if (o.is_draft) out.field("draft", true);
  texts_if_given(out, "channels", o.channels);
  texts_if_given(out, "tags", o.tags);
  if (!o.html.empty()) out.key("email").object().field("html", o.html).end_object();
  if (!o.params.empty()) {
    CARILLON_TRY(const std::string params, object_of(o.params, "--param"));
    out.key("params").raw(params);
  }
  if (!o.metadata.empty()) {
    CARILLON_TRY(const std::string metadata, object_of(o.metadata, "--metadata"));
    out.key("metadata").raw(metadata);
  }
  out.end_object();
  return out.str();
}

bool is_final(std::string_view status) noexcept {
  return status == "completed" || status == "cancelled" || status == "rejected" ||
         status == "approval_expired";
}

std::string counts_text(base::JsonElement counts) {
  base::JsonObject object;
  std::string text;
  if (counts.get(object) != simdjson::SUCCESS) return text;
  for (const auto field : object) {
    if (const auto n = cell(field.value); n != "0")
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", n, field.key);
  }
  return text;
}

std::string render_sent(base::JsonElement root) {
  std::string text = fmt::format("{}  {}", cell_at(root, "id"), cell_at(root, "status"));
  if (cell_at(root, "duplicate") == "yes")
    text += "  (this event id was accepted before: nothing new is sent)";
  text += '\n';
  base::JsonElement part;
  if (root["deliveries"].get(part) == simdjson::SUCCESS) {
    if (const auto counts = counts_text(part); !counts.empty())
      text += fmt::format("Deliveries: {}\n", counts);
  }
  base::JsonArray warnings;
  if (root["warnings"].get(warnings) == simdjson::SUCCESS) {
    for (const auto warning : warnings) text += fmt::format("Warning: {}\n", cell(warning));
  }
  return text;
}

std::string timeline_line(base::JsonElement delivery, base::JsonElement step) {
  const std::string detail = cell_at(step, "detail");
  return fmt::format("{}  {}  {:<7} {:<10} {}\n", cell_at(step, "at"), cell_at(delivery, "id"),
                     cell_at(delivery, "channel"), cell_at(step, "event"), detail == "-" ? "" : detail);
}

// The ids of a notification's deliveries, at most kFollowedMax. The error is an exit status.
std::expected<std::vector<std::string>, int> delivery_ids(Client& client, const std::string& notification) {
  const auto target = with_query(path_of("/v1/notifications/", notification, "/deliveries"),
                                 {{"limit", std::to_string(kFollowedMax)}});
  const auto answer = client.ask("GET", target);
  if (!answer) return std::unexpected(answer.error());
  base::JsonDocument document;
  const auto root = document.parse(answer->body);
  base::JsonArray data;
  std::vector<std::string> ids;
  if (!root || (*root)["data"].get(data) != simdjson::SUCCESS) return ids;
  for (const auto delivery : data) ids.push_back(cell_at(delivery, "id"));
  return ids;
}

// Prints timelines as they grow.
class Timelines {
 public:
  explicit Timelines(Client& client) : client_(client) {}

  // What is new of one delivery. 0, or the exit status of the call that failed.
  int show(const std::string& id) {
    const auto answer = client_.ask("GET", path_of("/v1/deliveries/", id));
    if (!answer) return answer.error();
    base::JsonDocument document;
    const auto root = document.parse(answer->body);
    base::JsonArray steps;
    if (!root || (*root)["timeline"].get(steps) != simdjson::SUCCESS) return kExitOk;
    std::size_t& shown = shown_[id];
    std::size_t index = 0;
    for (const auto step : steps) {
      if (index++ >= shown) print(timeline_line(*root, step));
    }
    shown = std::max(shown, index);
    return kExitOk;
  }

 private:
  Client& client_;
  std::map<std::string, std::size_t> shown_;
};

// What of a notification goes on, with how far it is; total 0: nothing that can be told.
struct Stage {
  std::string_view what;
  std::int64_t done = 0, total = 0;
};
Stage stage_of(base::JsonElement root) {
  const Stage expanding{"Expanding", integer_at(root, "progress.recipients.expanded"),
                        integer_at(root, "progress.recipients.estimated")};
  const std::string state = cell_at(root, "progress.state");
  if (state == "expanding" || (state == "paused" && expanding.done < expanding.total)) return expanding;
  if (state != "sending" && state != "paused") return {};
  return {"Sending", integer_at(root, "progress.deliveries.ended"),
          integer_at(root, "progress.deliveries.total")};
}

// More than anybody wants to read the timelines of.
bool is_large(base::JsonElement root) {
  return cell_at(root, "progress.recipients") != "-" ||
         integer_at(root, "progress.deliveries.total") > static_cast<std::int64_t>(kFollowedMax);
}

std::string render_end(base::JsonElement root) {
  const std::string outcome = cell_at(root, "outcome");
  std::string text = cell_at(root, "status");
  if (outcome != "-") text += ": " + outcome;
  base::JsonElement counts;
  if (is_large(root) && root["counts"].get(counts) == simdjson::SUCCESS)
    text += "\nDeliveries: " + counts_text(counts);
  return text + "\n";
}

int show_timelines(Client& client, const std::string& notification, Timelines& timelines) {
  const auto ids = delivery_ids(client, notification);
  if (!ids) return ids.error();
  for (const auto& delivery : *ids) {
    if (const int failed = timelines.show(delivery); failed != kExitOk) return failed;
  }
  return kExitOk;
}

// Prints timelines (of a large one, how far it is) until the notification is final or `patience` is over. The
// exit status: 0 unless it failed altogether or is not final.
int follow(Client& client, const std::string& id, Millis patience) {
  const auto deadline = base::Deadline::after(patience);
  Timelines timelines(client);
  ProgressBar bar("Sending");
  Millis pause = kLookAgainFirst;
  while (true) {
    const auto answer = client.ask("GET", path_of("/v1/notifications/", id));
    if (!answer) return answer.error();
    base::JsonDocument document;
    const auto root = document.parse(answer->body);
    const std::string status = root ? cell_at(*root, "status") : "-";
    const std::string outcome = root ? cell_at(*root, "outcome") : "-";
    if (root && is_large(*root)) {
      if (const Stage stage = stage_of(*root); stage.total > 0) bar.show(stage.what, stage.done, stage.total);
    } else if (!client.is_json()) {
      if (const int failed = show_timelines(client, id, timelines); failed != kExitOk) return failed;
    }
    if (is_final(status)) {
      bar.clear();
      client.show(*answer, render_end);
      return outcome == "failed" ? kExitFailure : kExitOk;
    }
    if (deadline.passed()) {
      bar.clear();
      client.show(*answer, [](base::JsonElement) { return std::string(); });
      print_error(fmt::format("It is still {}; look again: carillon status {}\n", status, id));
      return kExitFailure;
    }
    pause_before_next_look(pause);
    pause = std::min(pause * 2, kLookAgainLast);
  }
}

std::string render_matched(base::JsonElement root) {
  const auto list = [](base::JsonElement matched) {
    return render_list(matched,
                       {{"RULE", "rule"},
                        {"STATUS", "status"},
                        {"NOTIFICATION", "notification_id"},
                        {"DEAD LETTER", "dead_letter_id"},
                        {"WHY", "error.detail"}},
                       "No rule is for it.");
  };
  base::JsonElement part;
  if (root["matched"].get(part) == simdjson::SUCCESS) return list(part);
  std::string text;
  base::JsonArray results;
  if (root["results"].get(results) != simdjson::SUCCESS) return render_object(root);
  for (const auto result : results) {
    text += fmt::format("Event {}: {}\n", cell_at(result, "id"), cell_at(result, "status"));
    if (result["matched"].get(part) == simdjson::SUCCESS) {
      text += list(part);
    } else {
      text += cell_at(result, "error.detail") + "\n";
    }
  }
  return text;
}

// 0 when every event was taken and nothing of it became a dead letter.
int send_event(Client& client, const std::string& file) {
  const auto body = read_json(file);
  if (!body) return report(body.error());
  const auto answer = client.ask("POST", "/v1/events", *body);
  if (!answer) return answer.error();
  const int status = client.show(*answer, render_matched);
  return answer->body.find("\"status\":\"refused\"") == std::string::npos ? status : kExitFailure;
}

int send(Client& client, const SendOptions& o) {
  if (!o.event.empty()) return send_event(client, o.event);
  const auto body = send_body(o);
  if (!body) return report(body.error());
  const auto patience = parse_duration(o.patience);
  if (!patience) return report(Error{Errc::InvalidArgument, "--patience takes a duration such as 30s or 2m"});
  if (o.is_dry_run) {
    return client.show("POST", "/v1/notifications/explain", *body, [](base::JsonElement root) {
      base::JsonElement data = root;
      if (root.is_object() && root["data"].get(data) != simdjson::SUCCESS) return render_object(root);
      std::string text = render_list(data,
                                     {{"RECIPIENT", "recipient"},
                                      {"CHANNEL", "channel"},
                                      {"DEVICE", "device_id"},
                                      {"DECISION", "decision"},
                                      {"REASON", "reason"},
                                      {"THROUGH", "route.chosen"}},
                                     "Nobody would be reached.");
      if (cell_at(root, "audience.complete") == "no")
        text += fmt::format("These are {} of {} recipients.\n", cell_at(root, "audience.shown"),
                            cell_at(root, "audience.total"));
      return text;
    });
  }
  const auto answer = client.ask("POST", "/v1/notifications", *body);
  if (!answer) return answer.error();
  if (!o.is_waiting) return client.show(*answer, render_sent);
  base::JsonDocument document;
  const auto root = document.parse(answer->body);
  if (!root) return client.show(*answer, render_sent);
  const std::string id = cell_at(*root, "id");
  if (!client.is_json()) client.show(*answer, render_sent);
  return follow(client, id, *patience);
}

void add_content_options(CLI::App& verb, SendOptions& o) {
  verb.add_option("--template", o.template_key, "Say what this template says");
  verb.add_option("--param", o.params, "Its parameters: name=text or name:=JSON; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--title", o.title, "Title");
  verb.add_option("--body", o.body, "Text");
  verb.add_option("--subject", o.subject, "Subject of an e-mail (default: the title)");
  verb.add_option("--html", o.html, "HTML of an e-mail");
  verb.add_option("--url", o.url, "Link");
  verb.add_option("--image", o.image, "Image, an https URL");
  verb.add_option("--file", o.file, "The whole request as JSON; - reads standard input");
  verb.add_option("--event", o.event,
                  "Post this business event (CloudEvents JSON, or an array of them) for the rules instead; - "
                  "reads standard input");
}

void add_policy_options(CLI::App& verb, SendOptions& o) {
  verb.add_option("--channel", o.channels, "push, sms, email, voice, chat, webhook or inbox; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--category", o.category, "What it is about (default general)");
  verb.add_option("--priority", o.priority, "critical, high, normal or bulk");
  verb.add_option("--locale", o.locale, "Language");
  verb.add_option("--ttl", o.ttl, "Not later than that: 10m");
  verb.add_option("--send-at", o.send_at,
                  "Not before: RFC 3339, such as 2026-12-01T09:00:00+09:00; or, with --zone, local");
  verb.add_option("--zone", o.zone, "Zone of a --send-at like 2026-12-01T09:00: recipient, or an IANA name");
  verb.add_option("--if-past", o.if_past, "Where that time has passed: now (default), next_day or skip");
  verb.add_option("--event-id", o.event_id, "Your id of what happened: the same one is accepted once");
  verb.add_option("--collapse-key", o.collapse_key, "Replaces an earlier push with the same key");
  verb.add_option("--on-unknown", o.on_unknown, "refuse (default) or skip users nobody knows");
  verb.add_option("--metadata", o.metadata, "name=text, echoed and searchable; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--tag", o.tags, "Tag; may be repeated")->allow_extra_args(false);
}

void add_send(CLI::App& root, Shell& shell) {
  auto o = std::make_shared<SendOptions>();
  auto& verb = add_verb(
      root, shell, "send", "Send a notification",
      "carillon send --email ok@sandbox.carillon.test --channel email --title Hello --body 'The bells "
      "ring.' --wait",
      [o](Client& client) { return send(client, *o); });
  verb.add_option("--user", o->users, "To a user; may be repeated")->allow_extra_args(false);
  verb.add_option("--group", o->groups, "To the members of a group; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--email", o->emails, "To an e-mail address; may be repeated")->allow_extra_args(false);
  verb.add_option("--phone", o->phones, "To a phone number, E.164; may be repeated")->allow_extra_args(false);
  verb.add_option("--device", o->devices, "To one registered device; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--device-token", o->device_token, "To a push token; with --platform");
  verb.add_option("--platform", o->platform, "Platform of --device-token: ios, android …");
  add_content_options(verb, *o);
  add_policy_options(verb, *o);
  verb.add_flag("--draft", o->is_draft, "Only keep it; it goes with POST /v1/notifications/{id}/submit");
  verb.add_flag("--dry-run", o->is_dry_run, "Say what would happen, and send nothing");
  verb.add_flag("--wait", o->is_waiting,
                "Print the timeline (of a large one, how far it is) until it is final; fails when nobody was "
                "reached");
  verb.add_option("--patience", o->patience, "How long --wait waits (default 2m)");
}

std::string render_accountability(base::JsonElement root) {
  std::string text;
  for (const char* part : {"live", "sandbox"}) {
    base::JsonElement counts, states;
    if (root[part].get(counts) != simdjson::SUCCESS) continue;
    const std::string shown = counts["states"].get(states) == simdjson::SUCCESS ? counts_text(states) : "";
    text += fmt::format("{:<8} accepted {}{}{}  {}\n", part, cell_at(counts, "accepted"),
                        shown.empty() ? "" : ": ", shown,
                        cell_at(counts, "exact") == "yes" ? "(adds up)" : "(DOES NOT ADD UP)");
  }
  return text.empty() ? render_object(root) : text;
}

std::string render_queues(base::JsonElement root) {
  base::JsonElement data;
  if (root["data"].get(data) != simdjson::SUCCESS) return {};
  Table table({"QUEUE", "PRIORITY", "READY", "IN FLIGHT", "RETRYING", "HELD", "DEAD", "OLDEST (s)"});
  for (const auto lane : data.get_array().value_unsafe()) {
    std::vector<std::string> row{cell_at(lane, "queue"), cell_at(lane, "priority")};
    std::int64_t sum = 0;
    for (const char* field : {"ready", "in_flight", "retrying", "held", "dead"}) {
      sum += integer_at(lane, field);
      row.push_back(cell_at(lane, field));
    }
    row.push_back(cell_at(lane, "oldest_age"));
    if (sum > 0) table.add(std::move(row));
  }
  return table.empty() ? "All queues are empty.\n" : table.text();
}

int show_overview(Client& client) {
  const auto account = client.ask("GET", "/v1/accountability");
  if (!account) return account.error();
  const auto queues = client.ask("GET", "/v1/queues");
  if (!queues) return queues.error();
  const auto integrations = client.ask("GET", "/v1/integrations");
  if (!integrations) return integrations.error();
  if (client.is_json()) {
    base::JsonWriter out;
    out.object().key("accountability").raw(account->body).key("queues").raw(queues->body);
    out.key("integrations").raw(integrations->body).end_object();
    print(out.str() + "\n");
    return kExitOk;
  }
  client.show(*account, render_accountability);
  print("\n");
  client.show(*queues, render_queues);
  print("\n");
  return client.show(*integrations, [](base::JsonElement root) {
    base::JsonElement data;
    if (root["data"].get(data) != simdjson::SUCCESS) return std::string();
    return render_list(data,
                       {{"INTEGRATION", "key"},
                        {"PROVIDER", "provider"},
                        {"ENABLED", "enabled"},
                        {"PAUSED", "paused"},
                        {"STATE", "state"}},
                       fmt::format("No integration is configured: {}.", kNoIntegration));
  });
}

int show_notification(Client& client, const std::string& id) {
  const auto answer = client.ask("GET", path_of("/v1/notifications/", id));
  if (!answer) return answer.error();
  const int status = client.show(*answer, render_object);
  if (client.is_json() || status != kExitOk) return status;
  base::JsonDocument document;
  const auto root = document.parse(answer->body);
  if (const Stage stage = root ? stage_of(*root) : Stage{}; stage.total > 0)
    print("\n" + progress_line(stage.what, stage.done, stage.total) + "\n");
  const auto ids = delivery_ids(client, id);
  if (!ids) return ids.error();
  print(ids->empty() ? "\nNo deliveries yet.\n" : "\n");
  Timelines timelines(client);
  for (const auto& delivery : *ids) {
    if (const int failed = timelines.show(delivery); failed != kExitOk) return failed;
  }
  return kExitOk;
}

int show_delivery(Client& client, const std::string& id) {
  return client.show("GET", path_of("/v1/deliveries/", id), {}, render_object);
}

void add_status(CLI::App& root, Shell& shell) {
  auto id = std::make_shared<std::string>();
  auto& verb =
      add_verb(root, shell, "status", "Show what became of a notification or delivery, or how all is going",
               "carillon status ntf_9f2c", [id](Client& client) {
                 if (id->empty()) return show_overview(client);
                 return id->starts_with("dlv_") ? show_delivery(client, *id) : show_notification(client, *id);
               });
  verb.add_option("ID", *id, "ntf_… or dlv_…; without it queues, accountability and integrations");
}

}  // namespace

void add_sending(CLI::App& root, Shell& shell) {
  add_send(root, shell);
  add_status(root, shell);
}

}  // namespace carillon::app
