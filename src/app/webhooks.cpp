// carillon webhook: your own servers that are told what happens.
#include "app/client.h"

namespace carillon::app {
namespace {

struct WebhookOptions {
  std::string key, url, description, reason, keep_previous, id, status, from, until, limit, after;
  std::vector<std::string> events, ids;
  std::int64_t in_flight = 0;
  bool is_disabled = false, has_addresses = false, has_no_sandbox = false;
};

// The rows of a list, and how it goes on.
std::string render_rows(base::JsonElement root, const std::vector<Column>& columns,
                        const std::string& empty) {
  base::JsonElement rows;
  if (root["data"].get(rows) != simdjson::SUCCESS) return {};
  std::string text = render_list(rows, columns, empty);
  const std::string next = cell_at(root, "page.next");
  if (next != "-") text += fmt::format("There is more: add --after {}\n", next);
  return text;
}

std::string body_of(const WebhookOptions& o) {
  base::JsonWriter body;
  body.object().field("url", o.url);
  texts_if_given(body, "events", o.events);
  field_if_given(body, "description", o.description);
  body.field("enabled", !o.is_disabled).field("addresses", o.has_addresses);
  body.field("sandbox", !o.has_no_sandbox);
  if (o.in_flight > 0) body.field("max_in_flight", o.in_flight);
  body.end_object();
  return body.str();
}

std::string render_webhook(base::JsonElement root) {
  std::string text = render_object(root);
  const std::string secret = cell_at(root, "secret");
  if (secret.starts_with("whsec_")) text += "\nThe secret is shown this once: give it to the receiver.\n";
  return text;
}

void add_put(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<WebhookOptions>();
  auto& put =
      add_verb(noun, shell, "put", "Make a webhook or change it",
               "carillon webhook put shop --url https://shop.example.com/hooks --event 'delivery.*'",
               [o](Client& client) {
                 return client.show("PUT", path_of("/v1/webhooks/", o->key), body_of(*o), render_webhook);
               });
  put.add_option("KEY", o->key, "Your name for it")->required();
  put.add_option("--url", o->url, "Where it is told: https")->required();
  put.add_option(
         "--event", o->events,
         "An event type, 'delivery.*' for a kind, '*' for all; may be repeated. carillon webhook events")
      ->required()
      ->allow_extra_args(false);
  put.add_option("--description", o->description, "For people");
  put.add_option("--max-in-flight", o->in_flight, "How many events it is told of at a time; default 32");
  put.add_flag("--addresses", o->has_addresses, "Say addresses that a send names");
  put.add_flag("--no-sandbox", o->has_no_sandbox, "Nothing of the sandbox and of test keys");
  put.add_flag("--disabled", o->is_disabled, "Keep no events for it");
}

int test(Client& client, const std::string& key) {
  const auto answer = client.ask("POST", path_of("/v1/webhooks/", key, "/test"));
  if (!answer) return answer.error();
  client.show(*answer, [](base::JsonElement root) {
    const bool is_ok = cell_at(root, "ok") == "yes";
    return fmt::format("{}: {} ({} ms)\n", is_ok ? "It works" : "It does not work", cell_at(root, "detail"),
                       cell_at(root, "took_ms"));
  });
  base::JsonDocument document;
  const auto root = document.parse(answer->body);
  return root && cell_at(*root, "ok") == "yes" ? kExitOk : kExitFailure;
}

void add_actions(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<WebhookOptions>();
  const auto key_option = [o](CLI::App& verb) { verb.add_option("KEY", o->key, "The webhook")->required(); };
  const auto say = [o](Client& client, const char* action, std::string body, const char* sentence) {
    return client.say("POST", path_of("/v1/webhooks/", o->key, action), std::move(body),
                      fmt::format(fmt::runtime(sentence), printable(o->key)));
  };
  key_option(add_verb(noun, shell, "get", "Show a webhook and what waits for it", "carillon webhook get shop",
                      [o](Client& client) {
                        return client.show("GET", path_of("/v1/webhooks/", o->key), {}, render_object);
                      }));
  key_option(add_verb(noun, shell, "test", "Post a test event now and say what came back",
                      "carillon webhook test shop", [o](Client& client) { return test(client, o->key); }));
  auto& rotate = add_verb(noun, shell, "rotate", "Make another secret; the old one signs too for a day",
                          "carillon webhook rotate shop", [o](Client& client) {
                            base::JsonWriter body;
                            body.object();
                            field_if_given(body, "keep_previous", o->keep_previous);
                            body.end_object();
                            return client.show("POST", path_of("/v1/webhooks/", o->key, "/rotate"),
                                               body.str(), render_webhook);
                          });
  key_option(rotate);
  rotate.add_option("--keep-previous", o->keep_previous,
                    "How long the old one signs too: 24h; 0s: not at all");
  auto& pause =
      add_verb(noun, shell, "pause", "Keep events for it, and tell it nothing until it is resumed",
               "carillon webhook pause shop --reason 'moving to another host'", [o, say](Client& client) {
                 base::JsonWriter body;
                 body.object();
                 field_if_given(body, "reason", o->reason);
                 body.end_object();
                 return say(client, "/pause", body.str(), "Webhook {} is paused; its events wait.");
               });
  key_option(pause);
  pause.add_option("--reason", o->reason, "Why, for those who find it paused");
  key_option(add_verb(
      noun, shell, "resume", "Tell it again, also when it was switched off", "carillon webhook resume shop",
      [say](Client& client) { return say(client, "/resume", {}, "Webhook {} is told again."); }));
  key_option(add_verb(noun, shell, "delete", "Remove a webhook and what waits for it",
                      "carillon webhook delete shop", [o](Client& client) {
                        return client.say("DELETE", path_of("/v1/webhooks/", o->key), {},
                                          fmt::format("Webhook {} is removed.", printable(o->key)));
                      }));
}

// The list of one webhook: its key is part of the path, which add_list() takes as a whole.
void add_log(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<WebhookOptions>();
  auto& log = add_verb(noun, shell, "log", "What a webhook was told, newest first",
                       "carillon webhook log shop --status failed", [o](Client& client) {
                         if (!o->id.empty()) {
                           const std::string path =
                               path_of("/v1/webhooks/", o->key, path_of("/deliveries/", o->id));
                           return client.show("GET", path, {}, render_object);
                         }
                         const std::string target =
                             with_query(path_of("/v1/webhooks/", o->key, "/deliveries"),
                                        {{"status", o->status},
                                         {"type", o->events.empty() ? std::string() : o->events.front()},
                                         {"from", o->from},
                                         {"until", o->until},
                                         {"limit", o->limit},
                                         {"after", o->after}});
                         return client.show("GET", target, {}, [](base::JsonElement root) {
                           return render_rows(root,
                                              {{"EVENT", "id"},
                                               {"TYPE", "type"},
                                               {"AT", "at"},
                                               {"STATUS", "status"},
                                               {"TRIES", "tries"},
                                               {"ANSWERED", "answered"},
                                               {"NEXT TRY", "next_try_at"},
                                               {"WHY", "error"}},
                                              "It was told nothing yet.");
                         });
                       });
  log.add_option("KEY", o->key, "The webhook")->required();
  log.add_option("--id", o->id, "One event with every try, as it is posted");
  log.add_option("--status", o->status, "waiting, delivered or failed");
  log.add_option("--type", o->events, "An event type, or 'delivery.*'")->expected(1);
  log.add_option("--limit", o->limit, "Entries at a time, 1 to 200 (default 50)");
  log.add_option("--after", o->after, "Continue behind an earlier page");
  log.add_option("--from", o->from, "What happened at or after this time, RFC 3339");
  log.add_option("--until", o->until, "What happened before this time, RFC 3339");
}

int replay(Client& client, const WebhookOptions& o) {
  base::JsonWriter body;
  body.object();
  texts_if_given(body, "ids", o.ids);
  field_if_given(body, "status", o.status);
  field_if_given(body, "from", o.from);
  field_if_given(body, "until", o.until);
  body.end_object();
  auto answer = client.ask("POST", path_of("/v1/webhooks/", o.key, "/replay"), body.str());
  if (!answer) return answer.error();
  const auto done = await_job(client, std::move(*answer), "Telling it again");
  if (!done) return done.error();
  return client.show(*done, [](base::JsonElement root) {
    return fmt::format("{} events are told again.\n", cell_at(root, "done"));
  });
}

void add_replay(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<WebhookOptions>();
  auto& again = add_verb(noun, shell, "replay", "Tell a webhook of events again",
                         "carillon webhook replay shop --status failed",
                         [o](Client& client) { return replay(client, *o); });
  again.add_option("KEY", o->key, "The webhook")->required();
  again.add_option("--id", o->ids, "An event (evt_…); may be repeated")->allow_extra_args(false);
  again.add_option("--status", o->status,
                   "failed (default): those that were given up; all: whatever is kept");
  again.add_option("--from", o->from, "What happened at or after this time, RFC 3339");
  again.add_option("--until", o->until, "What happened before this time, RFC 3339");
}

}  // namespace

void add_webhooks(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "webhook", "Webhooks: your own servers that are told what happens");
  add_list(noun, shell, Paged::No, "List all webhooks", "carillon webhook list", "/v1/webhooks",
           {{"WEBHOOK", "key"},
            {"STATE", "state"},
            {"URL", "url"},
            {"EVENTS", "events"},
            {"FAILING SINCE", "failing_since"},
            {"PAUSED", "paused"}},
           "There is no webhook yet: carillon webhook put KEY --url URL --event TYPE");
  add_verb(noun, shell, "events", "List the event types there are", "carillon webhook events",
           [](Client& client) {
             return client.show("GET", "/v1/webhook-events", {}, [](base::JsonElement root) {
               return render_rows(root, {{"TYPE", "type"}, {"WHAT HAPPENED", "description"}}, "");
             });
           });
  add_put(noun, shell);
  add_actions(noun, shell);
  add_log(noun, shell);
  add_replay(noun, shell);
}

}  // namespace carillon::app
