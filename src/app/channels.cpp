// carillon integration, carillon route: through whom messages go.
#include <unistd.h>

#include <charconv>

#include "app/client.h"

namespace carillon::app {
namespace {

struct IntegrationOptions {
  std::string key, provider, reason;
  std::vector<std::string> settings;
  bool is_disabled = false, is_untested = false;
};

// The settings as JSON, with @file and @env: resolved. Errors: those of parse_assignment, resolve_value.
Result<std::vector<std::pair<std::string, std::string>>> read_settings(
    const std::vector<std::string>& given) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const auto& text : given) {
    CARILLON_TRY(Assignment parsed, parse_assignment(text, "--setting"));
    if (parsed.is_json)
      return fail(Errc::InvalidArgument, "--setting takes name=value, name=@file or name=@env:NAME");
    CARILLON_TRY(std::string value, resolve_value(parsed.value));
    settings.emplace_back(std::move(parsed.name), std::move(value));
  }
  return settings;
}

// Required secrets nobody gave are asked for, when there is a terminal; the API names the others.
Result<void> ask_missing(const net::HttpResponse& types, const std::string& provider,
                         std::vector<std::pair<std::string, std::string>>& settings) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(types.body));
  base::JsonArray list;
  if (root["data"].get(list) != simdjson::SUCCESS) return {};
  for (const auto type : list) {
    base::JsonArray declared;
    if (cell_at(type, "name") != provider || type["settings"].get(declared) != simdjson::SUCCESS) continue;
    for (const auto setting : declared) {
      const std::string name = cell_at(setting, "name");
      const bool is_given = std::ranges::any_of(settings, [&](const auto& s) { return s.first == name; });
      if (is_given || cell_at(setting, "required") != "yes" || cell_at(setting, "secret") != "yes") continue;
      CARILLON_TRY(const base::Secret secret, ask_secret(fmt::format("{} of {}", name, provider)));
      settings.emplace_back(name, std::string(secret.reveal()));
    }
  }
  return {};
}

std::string integration_body(const IntegrationOptions& o,
                             const std::vector<std::pair<std::string, std::string>>& settings) {
  base::JsonWriter body;
  body.object().field("provider", o.provider).key("settings").object();
  for (const auto& [name, value] : settings) body.field(name, value);
  body.end_object().field("enabled", !o.is_disabled).end_object();
  return body.str();
}

std::string render_test(base::JsonElement root) {
  const std::string detail = cell_at(root, "detail");
  const bool is_ok = cell_at(root, "ok") == "yes";
  return fmt::format("{}{}{}\n", is_ok ? "It works" : "It does not work", detail == "-" ? "" : ": ",
                     detail == "-" ? "." : detail);
}

// 0 when the vendor took the credentials.
int test_integration(Client& client, const std::string& key) {
  const auto answer = client.ask("POST", path_of("/v1/integrations/", key, "/test"));
  if (!answer) return answer.error();
  client.show(*answer, render_test);
  base::JsonDocument document;
  const auto root = document.parse(answer->body);
  return root && cell_at(*root, "ok") == "yes" ? kExitOk : kExitFailure;
}

int add_integration(Client& client, const IntegrationOptions& o) {
  auto settings = read_settings(o.settings);
  if (!settings) return report(settings.error());
  if (::isatty(STDIN_FILENO) == 1) {
    const auto types = client.ask("GET", "/v1/provider-types");
    if (!types) return types.error();
    if (const auto asked = ask_missing(*types, o.provider, *settings); !asked) return report(asked.error());
  }
  // The API asks the vendor before it keeps anything, unless it is told not to.
  const auto target = path_of("/v1/integrations/", o.key, o.is_untested ? "?test=false" : "");
  const int status = client.show("PUT", target, integration_body(o, *settings), render_object);
  if (status == kExitOk && !o.is_disabled && client.transport().way() == Transport::Way::Store) {
    print_error(fmt::format("No server is running, so it is not tested yet: carillon integration test {}\n",
                            printable(o.key)));
  }
  return status;
}

void add_integration_add(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<IntegrationOptions>();
  auto& add = add_verb(noun, shell, "add", "Configure an account of a provider, or replace it, and test it",
                       "carillon integration add box --provider sandbox",
                       [o](Client& client) { return add_integration(client, *o); });
  add.add_option("KEY", o->key, "Your name for it")->required();
  add.add_option("--provider", o->provider, "Its type; carillon integration providers lists them")
      ->required();
  add.add_option(
         "--setting", o->settings,
         "name=value; name=@file reads a file, name=@- standard input, name=@env:NAME a variable; may be "
         "repeated. Required secrets left out are asked for on a terminal, without echo")
      ->allow_extra_args(false);
  add.add_flag("--disabled", o->is_disabled, "Keep it without using it");
  add.add_flag("--no-test", o->is_untested, "Do not ask the vendor whether the credentials work");
}

void add_integration_actions(CLI::App& noun, Shell& shell) {
  auto o = std::make_shared<IntegrationOptions>();
  const auto key_option = [o](CLI::App& verb) {
    verb.add_option("KEY", o->key, "The integration")->required();
  };
  key_option(add_verb(noun, shell, "show", "Show one; secrets are never shown",
                      "carillon integration show box", [o](Client& client) {
                        return client.show("GET", path_of("/v1/integrations/", o->key), {}, render_object);
                      }));
  key_option(add_verb(noun, shell, "test", "Ask the vendor something harmless that proves the credentials",
                      "carillon integration test box",
                      [o](Client& client) { return test_integration(client, o->key); }));
  auto& pause =
      add_verb(noun, shell, "pause", "Send nothing through it; deliveries take another route or wait",
               "carillon integration pause box --reason 'maintenance until 10:00'", [o](Client& client) {
                 base::JsonWriter body;
                 body.object();
                 field_if_given(body, "reason", o->reason);
                 body.end_object();
                 return client.say("POST", path_of("/v1/integrations/", o->key, "/pause"), body.str(),
                                   fmt::format("Integration {} is paused.", printable(o->key)));
               });
  key_option(pause);
  pause.add_option("--reason", o->reason, "Why, for those who find it paused");
  key_option(add_verb(noun, shell, "resume", "Use it again; what waited for it goes on",
                      "carillon integration resume box", [o](Client& client) {
                        return client.say("POST", path_of("/v1/integrations/", o->key, "/resume"), {},
                                          fmt::format("Integration {} is in use.", printable(o->key)));
                      }));
  key_option(add_verb(noun, shell, "remove", "Forget it and its credentials",
                      "carillon integration remove box", [o](Client& client) {
                        return client.say("DELETE", path_of("/v1/integrations/", o->key), {},
                                          fmt::format("Integration {} is removed.", printable(o->key)));
                      }));
}

std::string render_providers(base::JsonElement root) {
  base::JsonElement data;
  if (root["data"].get(data) != simdjson::SUCCESS) return "There is no provider.\n";
  std::string text = render_list(
      data,
      {{"PROVIDER", "name"}, {"CHANNEL", "channel"}, {"PLATFORMS", "platforms"}, {"RECEIPTS", "receipts"}},
      "");
  for (const auto type : data.get_array().value_unsafe()) {
    base::JsonElement settings;
    if (type["settings"].get(settings) != simdjson::SUCCESS) continue;
    text += fmt::format("\n{}:\n", cell_at(type, "name"));
    text += render_list(settings,
                        {{"SETTING", "name"},
                         {"TYPE", "type"},
                         {"UNIT", "unit"},
                         {"REQUIRED", "required"},
                         {"SECRET", "secret"},
                         {"DEFAULT", "default"},
                         {"MEANING", "help"}},
                        "no settings");
  }
  return text;
}

Result<std::int64_t> read_weight(const std::string& text) {
  std::int64_t weight = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (ec != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::InvalidArgument,
                "--chain takes an integration, or integration=weight, for example first=3");
  }
  return weight;
}

void add_route(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "route", "Routes: which integrations serve what, in which order");
  struct Options {
    std::string key, channel, platform, country, app, category;
    std::int64_t position = 0;
    std::vector<std::string> chain;
  };
  auto o = std::make_shared<Options>();
  auto& put = add_verb(
      noun, shell, "put", "Make or replace a route",
      "carillon route put korea --position 10 --channel sms --country KR --chain first=3 --chain second",
      [o](Client& client) {
        base::JsonWriter body;
        body.object().field("position", o->position).key("match").object();
        for (const auto& [name, value] : {std::pair{"channel", o->channel},
                                          {"platform", o->platform},
                                          {"country", o->country},
                                          {"app", o->app},
                                          {"category", o->category}}) {
          field_if_given(body, name, value);
        }
        body.end_object().key("chain").array();
        for (const auto& step : o->chain) {
          const auto equals = step.find('=');
          body.object().field("integration", step.substr(0, equals));
          if (equals != std::string::npos) {
            const auto weight = read_weight(step.substr(equals + 1));
            if (!weight) return report(weight.error());
            body.field("weight", *weight);
          }
          body.end_object();
        }
        body.end_array().end_object();
        return client.show("PUT", path_of("/v1/routes/", o->key), body.str(), render_object);
      });
  put.add_option("KEY", o->key, "Your name for it")->required();
  put.add_option("--position", o->position, "Routes are tried in this order (default 0)");
  put.add_option("--channel", o->channel, "Only this channel");
  put.add_option("--platform", o->platform, "Only this platform of push");
  put.add_option("--country", o->country, "Only phone numbers of this country");
  put.add_option("--app", o->app, "Only sends of this app");
  put.add_option("--category", o->category, "Only this category");
  put.add_option("--chain", o->chain, "An integration, or integration=weight; in order, may be repeated")
      ->required()
      ->allow_extra_args(false);
  add_list(noun, shell, Paged::No, "List all routes", "carillon route list", "/v1/routes",
           {{"ROUTE", "key"}, {"POSITION", "position"}, {"MATCH", "match"}, {"CHAIN", "chain"}},
           "There is no route: enabled integrations serve their channel in order of creation.");
  auto& remove =
      add_verb(noun, shell, "remove", "Remove a route", "carillon route remove korea", [o](Client& client) {
        return client.say("DELETE", path_of("/v1/routes/", o->key), {},
                          fmt::format("Route {} is removed.", printable(o->key)));
      });
  remove.add_option("KEY", o->key, "The route")->required();
}

void add_sender(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "sender", "Senders: what may stand as from in a message");
  struct Options {
    std::string key, name, email, domain, phone, alphanumeric;
    std::vector<std::string> integrations;
  };
  auto o = std::make_shared<Options>();
  auto& put =
      add_verb(noun, shell, "put", "Allow an address, a domain, a number or an SMS sender id",
               "carillon sender put shop --domain example.com --name \"The shop\"", [o](Client& client) {
                 base::JsonWriter body;
                 body.object();
                 for (const auto& [name, value] : {std::pair{"name", o->name},
                                                   {"email", o->email},
                                                   {"domain", o->domain},
                                                   {"phone", o->phone},
                                                   {"alphanumeric", o->alphanumeric}}) {
                   field_if_given(body, name, value);
                 }
                 body.key("integrations").array();
                 for (const auto& integration : o->integrations) body.value(integration);
                 body.end_array().end_object();
                 return client.show("PUT", path_of("/v1/senders/", o->key), body.str(), render_object);
               });
  put.add_option("KEY", o->key, "Your name for it")->required();
  put.add_option("--name", o->name, "Shown with an e-mail address");
  put.add_option("--email", o->email, "One e-mail address");
  put.add_option("--domain", o->domain, "Every address of this domain");
  put.add_option("--phone", o->phone, "A number, for SMS and calls");
  put.add_option("--alphanumeric", o->alphanumeric, "An SMS sender id of at most 11 characters");
  put.add_option("--integration", o->integrations, "Only this integration carries it; may be repeated")
      ->allow_extra_args(false);
  add_list(noun, shell, Paged::No, "List all senders", "carillon sender list", "/v1/senders",
           {{"SENDER", "key"},
            {"NAME", "name"},
            {"EMAIL", "email"},
            {"DOMAIN", "domain"},
            {"PHONE", "phone"},
            {"ID", "alphanumeric"}},
           "There is no sender: a send cannot say whom it is from.");
  auto& remove =
      add_verb(noun, shell, "remove", "Allow it no more", "carillon sender remove shop", [o](Client& client) {
        return client.say("DELETE", path_of("/v1/senders/", o->key), {},
                          fmt::format("Sender {} is removed.", printable(o->key)));
      });
  remove.add_option("KEY", o->key, "The sender")->required();
}

}  // namespace

void add_channels(CLI::App& root, Shell& shell) {
  auto& integration = add_noun(root, "integration", "Integrations: configured accounts of providers");
  add_integration_add(integration, shell);
  add_list(
      integration, shell, Paged::No, "List all integrations", "carillon integration list", "/v1/integrations",
      {{"INTEGRATION", "key"},
       {"PROVIDER", "provider"},
       {"CHANNEL", "channel"},
       {"ENABLED", "enabled"},
       {"PAUSED", "paused"},
       {"STATE", "state"}},
      fmt::format("There is no integration: {}. carillon integration add KEY --provider …", kNoIntegration));
  add_integration_actions(integration, shell);
  add_verb(integration, shell, "providers", "List the types of integrations and their settings",
           "carillon integration providers",
           [](Client& client) { return client.show("GET", "/v1/provider-types", {}, render_providers); });
  add_route(root, shell);
  add_sender(root, shell);
}

}  // namespace carillon::app
