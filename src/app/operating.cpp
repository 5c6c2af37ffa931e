// carillon dlq, carillon pause, carillon alert: what was given up on, the stop button, what is wrong.
#include "app/client.h"

namespace carillon::app {
namespace {

struct ReplayOptions {
  std::vector<std::string> ids, params;
  std::string channel, reason, from, until, address, integration, kind, rule, topic, event, record, why;
  bool is_all = false, republish = false;
};

// Which ones: by their ids, or by what they have in common.
Result<void> write_which(base::JsonWriter& body, const ReplayOptions& o, std::string_view verb) {
  const bool has_filter = !o.channel.empty() || !o.reason.empty() || !o.from.empty() || !o.until.empty() ||
                          !o.kind.empty() || !o.rule.empty() || !o.topic.empty();
  if (o.ids.empty() && !o.is_all && !has_filter) {
    return fail(Errc::InvalidArgument,
                fmt::format("say what to {}: --id, a filter such as --reason not_json, or --all", verb));
  }
  if (!o.ids.empty()) {
    texts_if_given(body, "ids", o.ids);
    return {};
  }
  body.key("filter").object();
  field_if_given(body, "channel", o.channel);
  field_if_given(body, "reason", o.reason);
  field_if_given(body, "from", o.from);
  field_if_given(body, "until", o.until);
  field_if_given(body, "kind", o.kind);
  field_if_given(body, "rule", o.rule);
  field_if_given(body, "topic", o.topic);
  body.end_object();
  return {};
}

Result<void> write_changes(base::JsonWriter& body, const ReplayOptions& o) {
  const bool is_any = !o.params.empty() || !o.address.empty() || !o.integration.empty() || !o.event.empty() ||
                      !o.record.empty();
  if (!is_any) return {};
  body.key("changes").object();
  if (!o.params.empty()) {
    CARILLON_TRY(const std::string params, object_of(o.params, "--param"));
    body.key("params").raw(params);
  }
  field_if_given(body, "address", o.address);
  field_if_given(body, "integration", o.integration);
  if (!o.event.empty()) {
    CARILLON_TRY(const std::string event, read_json(o.event));
    body.key("event").raw(event);
  }
  if (!o.record.empty()) {
    CARILLON_TRY(const std::string record, read_json(o.record));
    body.key("record").raw(record);
  }
  body.end_object();
  return {};
}

int ask(Client& client, const ReplayOptions& o, std::string_view verb, std::string_view path,
        std::string_view doing, std::string_view done_text) {
  base::JsonWriter body;
  body.object();
  if (const auto which = write_which(body, o, verb); !which) return report(which.error());
  if (const auto changes = write_changes(body, o); !changes) return report(changes.error());
  if (o.republish) body.field("republish", true);
  body.field_if("reason", o.why);
  body.end_object();
  auto answer = client.ask("POST", std::string(path), body.str());
  if (!answer) return answer.error();
  const auto done = await_job(client, std::move(*answer), std::string(doing));
  if (!done) return done.error();
  std::int64_t refused = 0;
  base::JsonDocument document;
  if (const auto root = document.parse(done->body)) refused = integer_at(*root, "failed");
  const int status = client.show(*done, [refused, done_text](base::JsonElement root) {
    std::string text =
        fmt::format("{} of {} {}.\n", cell_at(root, "done"), cell_at(root, "total"), done_text);
    base::JsonElement errors;
    if (refused > 0 && root["errors"].get(errors) == simdjson::SUCCESS) {
      text += render_list(errors, {{"ID", "id"}, {"WHY NOT", "detail"}}, "");
    }
    return text;
  });
  return refused > 0 ? kExitFailure : status;
}

void add_which(CLI::App& verb, const std::shared_ptr<ReplayOptions>& o) {
  verb.add_option("--id", o->ids, "A dead letter (dl_…) or delivery (dlv_…); may be repeated")
      ->allow_extra_args(false);
  verb.add_flag("--all", o->is_all, "Every dead letter");
  verb.add_option("--reason", o->reason, "Those with this reason");
  verb.add_option("--channel", o->channel, "Those of this channel");
  verb.add_option("--kind", o->kind, "Only delivery, only event, or only record");
  verb.add_option("--rule", o->rule, "Events of this rule");
  verb.add_option("--topic", o->topic, "Records of this topic");
  verb.add_option("--from", o->from, "Those given up at or after this time, RFC 3339");
  verb.add_option("--until", o->until, "Those given up before this time, RFC 3339");
}

void add_replay(CLI::App& dlq, Shell& shell) {
  auto o = std::make_shared<ReplayOptions>();
  auto& again =
      add_verb(dlq, shell, "replay", "Send again, also what failed or is unknown",
               "carillon dlq replay --id dlv_9f2c --param name=Kim", [o](Client& client) {
                 return ask(client, *o, "replay", "/v1/dead-letters/replay", "Replaying", "go out again");
               });
  add_which(again, o);
  again.add_option("--param", o->params, "Change a parameter: name=text or name:=JSON; may be repeated")
      ->allow_extra_args(false);
  again.add_option("--address", o->address, "To this address instead");
  again.add_option("--integration", o->integration, "Through this integration");
  again.add_option(
      "--event", o->event,
      "Change the event, or what the record stands for, by this JSON file: members replace, objects "
      "merge, null removes");
  again.add_option("--record", o->record, "Take this JSON file instead of the record's value");
  again.add_flag("--republish", o->republish, "Write records to their topic again instead of taking them");
}

void add_dlq(CLI::App& root, Shell& shell) {
  auto& dlq = add_noun(
      root, "dlq",
      "Dead letters: deliveries given up on, events no rule could send, records of topics that could not be "
      "taken");
  add_list(dlq, shell, Paged::Yes, "List dead letters", "carillon dlq list", "/v1/dead-letters",
           {{"ID", "id"},
            {"KIND", "kind"},
            {"DELIVERY", "delivery_id"},
            {"RULE", "rule"},
            {"EVENT", "event.id"},
            {"TOPIC", "record.topic"},
            {"CHANNEL", "channel"},
            {"USER", "user_id"},
            {"STATUS", "status"},
            {"REASON", "reason"},
            {"ATTEMPTS", "attempts"},
            {"SINCE", "at"},
            {"WHY", "detail"}},
           "There is no dead letter.",
           {{"kind", "delivery, event or record"},
            {"reason", "With this reason"},
            {"rule", "Events of this rule"},
            {"topic", "Records of this topic"},
            {"channel", "Deliveries of this channel"},
            {"integration", "Deliveries that this integration was asked for last"},
            {"from", "Given up at or after this time, RFC 3339"},
            {"until", "Given up before this time, RFC 3339"},
            {"closed", "false: those that are open, true: those that were sent again or discarded"}});
  auto id = std::make_shared<std::string>();
  auto& show =
      add_verb(dlq, shell, "show", "Show one with all its attempts", "carillon dlq show dlv_9f2c",
               [id](Client& client) {
                 const bool is_letter = id->starts_with("dl_");
                 return client.show("GET", path_of(is_letter ? "/v1/dead-letters/" : "/v1/deliveries/", *id),
                                    {}, render_object);
               });
  show.add_option("ID", *id, "dl_… or dlv_…")->required();
  add_replay(dlq, shell);
  auto o = std::make_shared<ReplayOptions>();
  auto& discard =
      add_verb(dlq, shell, "discard", "Give up what nobody needs any more, and say why",
               "carillon dlq discard --id dl_9f2c --why 'the offer is over'", [o](Client& client) {
                 return ask(client, *o, "discard", "/v1/dead-letters/discard", "Discarding", "are given up");
               });
  add_which(discard, o);
  discard.add_option("--why", o->why, "Why nobody needs it, for whoever asks later")->required();
}

struct PauseOptions {
  std::string id, reason;
  std::string app, category, template_key, channel, priority;
};

void add_pause(CLI::App& root, Shell& shell) {
  auto& pause = add_noun(root, "pause", "The stop button: what it names waits until the pause is removed");
  auto o = std::make_shared<PauseOptions>();
  auto& create =
      add_verb(pause, shell, "create", "Stop sending, all of it or a part",
               "carillon pause create --channel sms --reason 'wrong price in the text'", [o](Client& client) {
                 base::JsonWriter body;
                 body.object().key("scope").object();
                 field_if_given(body, "app", o->app);
                 field_if_given(body, "category", o->category);
                 field_if_given(body, "template", o->template_key);
                 field_if_given(body, "channel", o->channel);
                 field_if_given(body, "priority", o->priority);
                 body.end_object();
                 field_if_given(body, "reason", o->reason);
                 body.end_object();
                 return client.show("POST", "/v1/pauses", body.str(), render_object);
               });
  create.add_option("--app", o->app, "Only sends of this app");
  create.add_option("--category", o->category, "Only this category");
  create.add_option("--template", o->template_key, "Only this template");
  create.add_option("--channel", o->channel, "Only this channel");
  create.add_option("--priority", o->priority, "Only this priority");
  create.add_option("--reason", o->reason, "Why, for those who find it");
  add_list(pause, shell, Paged::No, "List what is paused", "carillon pause list", "/v1/pauses",
           {{"PAUSE", "id"}, {"SCOPE", "scope"}, {"REASON", "reason"}, {"BY", "by"}, {"SINCE", "at"}},
           "Nothing is paused.");
  auto& remove =
      add_verb(pause, shell, "remove", "Go on; what waited is sent", "carillon pause remove pau_9f2c",
               [o](Client& client) {
                 return client.say("DELETE", path_of("/v1/pauses/", o->id), {}, "What waited goes on.");
               });
  remove.add_option("ID", o->id, "The pause")->required();
}

void add_alert(CLI::App& root, Shell& shell) {
  auto& alert = add_noun(root, "alert", "What is wrong with the sending itself, and who was told");
  add_list(
      alert, shell, Paged::Yes, "List alerts, newest first", "carillon alert list --state open", "/v1/alerts",
      {{"ALERT", "id"},
       {"KIND", "kind"},
       {"SUBJECT", "subject"},
       {"STATE", "state"},
       {"COUNT", "count"},
       {"SINCE", "first_at"},
       {"WHAT", "detail"}},
      "There is no alert.",
      {{"state", "Only open, or only resolved"}, {"kind", "Only this kind, such as integration_paused"}});
  auto id = std::make_shared<std::string>();
  const auto id_option = [id](CLI::App& verb) { verb.add_option("ID", *id, "alr_…")->required(); };
  id_option(add_verb(
      alert, shell, "show", "Show one: what to do, and who was told of it", "carillon alert show alr_9f2c",
      [id](Client& client) { return client.show("GET", path_of("/v1/alerts/", *id), {}, render_object); }));
  id_option(add_verb(alert, shell, "acknowledge", "Say that you look into it",
                     "carillon alert acknowledge alr_9f2c", [id](Client& client) {
                       return client.say("POST", path_of("/v1/alerts/", *id, "/acknowledge"), {},
                                         "It is noted that you look into it.");
                     }));
  add_verb(alert, shell, "test", "Send a test message to where alerts go", "carillon alert test",
           [](Client& client) { return client.show("POST", "/v1/alerts/test", {}, render_object); });
}

}  // namespace

void add_operating(CLI::App& root, Shell& shell) {
  add_dlq(root, shell);
  add_pause(root, shell);
  add_alert(root, shell);
}

}  // namespace carillon::app
