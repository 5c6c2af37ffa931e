#include "model/admin.h"

#include <algorithm>

#include "model/address.h"
#include "model/record.h"
#include "model/web_address.h"

namespace carillon::model {
namespace {

using base::JsonElement;
using base::JsonWriter;
using base::ObjectReader;
using base::Problems;

constexpr std::size_t kNameMax = 64;
constexpr std::size_t kReasonMax = 300;
constexpr std::size_t kBrandMax = 64;        // variables
constexpr std::size_t kBrandTextMax = 1024;  // bytes of one

void write_texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.key(key).array();
  for (const auto& text : texts) out.value(text);
  out.end_array();
}

void write_channels(JsonWriter& out, const std::vector<Channel>& channels) {
  out.key("channels").array();
  for (const Channel channel : channels) out.value(name(channel));
  out.end_array();
}

void read_channels(ObjectReader& reader, std::vector<Channel>& into) {
  std::vector<std::string> texts;
  if (!reader.texts("channels", texts, kChannelCount, kNameMax)) return;
  into.clear();
  for (const auto& text : texts) {
    if (const auto channel = parse_channel(text)) {
      into.push_back(*channel);
    } else {
      reader.problem("channels", "invalid_choice", fmt::format("'{}' is no channel", text));
    }
  }
}

void read_priority(ObjectReader& reader, std::string_view key, Priority& into) {
  std::size_t index = 0;
  if (reader.one_of(key, index, {"critical", "high", "normal", "bulk"})) into = static_cast<Priority>(index);
}

void read_time_ms(ObjectReader& reader, std::string_view key, Time& into) {
  std::int64_t ms = 0;
  if (reader.integer(key, ms, 0, INT64_MAX)) into = from_ms(ms);
}

constexpr std::pair<Scope, std::string_view> kScopes[] = {
    {Scope::Send, "send"}, {Scope::Read, "read"}, {Scope::People, "people"}};

void read_policy(ObjectReader& reader, App& into) {
  reader.boolean("disabled", into.is_disabled);
  read_channels(reader, into.channels);
  reader.texts("categories", into.categories, 100, kNameMax);
  read_priority(reader, "max_priority", into.max_priority);
  reader.integer("rate_limit", into.rate_limit, 0, 1'000'000);
  reader.integer("critical_limit", into.critical_limit, 0, 1'000'000);
}

void write_policy(JsonWriter& out, const App& app) {
  out.field("name", app.name).field("disabled", app.is_disabled);
  write_channels(out, app.channels);
  write_texts(out, "categories", app.categories);
  out.field("max_priority", name(app.max_priority))
      .field("rate_limit", app.rate_limit)
      .field("critical_limit", app.critical_limit);
}

}  // namespace

bool App::may_use(Channel channel) const noexcept {
  return channels.empty() || std::ranges::find(channels, channel) != channels.end();
}
bool App::may_use_category(std::string_view category) const noexcept {
  return categories.empty() || std::ranges::find(categories, category) != categories.end();
}

std::string encode(const App& app) {
  JsonWriter out;
  out.object();
  write_policy(out, app);
  out.key("keys").array();
  for (const AppKey& key : app.keys) {
    out.object()
        .field("key", key.key)
        .field("hash", key.secret_hash)
        .field("scopes", key.scopes)
        .field("created", to_ms(key.created_at))
        .field("revoked", key.is_revoked)
        .end_object();
  }
  out.end_array().end_object();
  return out.str();
}

Result<App> decode_app(std::string_view json) {
  return decode_record<App>(json, "app", [](ObjectReader& reader, App& app, Problems& problems) {
    reader.text("name", app.name, kNameMax);
    read_policy(reader, app);
    reader.array("keys", 100, [&](JsonElement element, const std::string& pointer) {
      ObjectReader item(element, pointer, problems);
      AppKey& key = app.keys.emplace_back();
      std::int64_t scopes = 7;
      item.text("key", key.key, 128);
      item.text("hash", key.secret_hash, 128);
      item.integer("scopes", scopes, 0, 7);
      key.scopes = static_cast<unsigned>(scopes);
      read_time_ms(item, "created", key.created_at);
      item.boolean("revoked", key.is_revoked);
    });
  });
}

void read_app(JsonElement body, App& into, Problems& problems) {
  ObjectReader reader(body, "", problems);
  read_policy(reader, into);
  reader.done();
}

void write_app(JsonWriter& out, const App& app) {
  out.object();
  write_policy(out, app);
  out.key("keys").array();
  for (const AppKey& key : app.keys) {
    out.object().field("key", key.key).key("scopes").array();
    for (const auto& [scope, text] : kScopes) {
      if (key.scopes & static_cast<unsigned>(scope)) out.value(text);
    }
    out.end_array()
        .field("created_at", to_rfc3339(key.created_at))
        .field("revoked", key.is_revoked)
        .end_object();
  }
  out.end_array().end_object();
}

std::string encode(const ManagementKey& key) {
  JsonWriter out;
  out.object().field("name", key.name).field("hash", key.token_hash);
  write_texts(out, "scopes", key.scopes);
  if (!key.projects.empty()) write_texts(out, "projects", key.projects);
  out.field("revoked", key.is_revoked).field("created", to_ms(key.created_at)).end_object();
  return out.str();
}

Result<ManagementKey> decode_management_key(std::string_view json) {
  return decode_record<ManagementKey>(json, "key", [](ObjectReader& reader, ManagementKey& key, Problems&) {
    reader.text("name", key.name, kNameMax);
    reader.text("hash", key.token_hash, 128);
    reader.texts("scopes", key.scopes, 50, kNameMax);
    reader.texts("projects", key.projects, 100, kNameMax);
    reader.boolean("revoked", key.is_revoked);
    read_time_ms(reader, "created", key.created_at);
  });
}

std::string encode(const Integration& integration) {
  JsonWriter out;
  out.object()
      .field("provider", integration.provider)
      .key("settings")
      .raw(integration.settings)
      .field("enabled", integration.enabled)
      .field("paused", integration.paused)
      .field_if("paused_by", integration.paused_by);
  if (integration.paused_at) out.field("paused_at", to_ms(*integration.paused_at));
  out.end_object();
  return out.str();
}

Result<Integration> decode_integration(std::string_view json) {
  return decode_record<Integration>(json, "integration", [](ObjectReader& reader, Integration& i, Problems&) {
    reader.text("provider", i.provider, kNameMax);
    reader.json_object("settings", i.settings, 64 * 1024);
    reader.boolean("enabled", i.enabled);
    reader.text("paused", i.paused, 1000);
    reader.text("paused_by", i.paused_by, 200);
    std::int64_t at = 0;
    if (reader.integer("paused_at", at, 0, INT64_MAX)) i.paused_at = from_ms(at);
  });
}

std::string encode(const Route& route) {
  JsonWriter out;
  write_route(out, route);
  return out.str();
}

Result<Route> decode_route(std::string_view json) {
  base::JsonDocument document;
  CARILLON_TRY(const JsonElement root, document.parse(json));
  Problems problems;
  Route route;
  read_route(root, route, problems);
  if (!problems.empty()) return fail(Errc::Corruption, "a stored route does not read back");
  return route;
}

void read_route(JsonElement body, Route& into, Problems& problems) {
  ObjectReader reader(body, "", problems);
  std::string key;
  reader.text("key", key, kNameMax);  // an echo of the address; the address wins
  reader.integer("position", into.position, 0, 1'000'000);
  if (const auto match = reader.element("match")) {
    ObjectReader m(*match, "/match", problems);
    std::string channel;
    if (m.text("channel", channel, kNameMax)) {
      into.channel = parse_channel(channel);
      if (!into.channel) m.problem("channel", "invalid_choice", fmt::format("'{}' is no channel", channel));
    }
    m.text("platform", into.platform, kNameMax);
    if (!into.platform.empty() && !parse_platform(into.platform)) {
      m.problem("platform", "invalid_choice", fmt::format("'{}' is no platform", into.platform));
    }
    m.text("country", into.country, 2);
    if (!into.country.empty() && !is_country_code(into.country)) {
      m.problem("country", "invalid_country", "give an ISO 3166 alpha-2 code such as KR");
    }
    m.text("app", into.app, kNameMax);
    m.text("category", into.category, kNameMax);
    m.done();
  }
  reader.require("chain");
  into.chain.clear();
  reader.array("chain", 16, [&](JsonElement element, const std::string& pointer) {
    ObjectReader item(element, pointer, problems);
    Route::Step step{.integration = {}, .weight = 0};  // 0: not given
    item.require("integration");
    item.text("integration", step.integration, kNameMax);
    item.integer("weight", step.weight, 1, 1000);
    item.done();
    into.chain.push_back(std::move(step));
  });
  reader.done();
}

void write_route(JsonWriter& out, const Route& route) {
  out.object().field_if("key", route.key).field("position", route.position).key("match").object();
  if (route.channel) out.field("channel", name(*route.channel));
  out.field_if("platform", route.platform)
      .field_if("country", route.country)
      .field_if("app", route.app)
      .field_if("category", route.category)
      .end_object()
      .key("chain")
      .array();
  for (const auto& step : route.chain) {
    out.object().field("integration", step.integration);
    if (step.weight > 0) out.field("weight", step.weight);
    out.end_object();
  }
  out.end_array().end_object();
}

bool Pause::matches(std::string_view app_name, std::string_view category_key, std::string_view template_name,
                    Channel channel_of_delivery, Priority delivery_priority) const noexcept {
  const auto fits = [](const std::string& wanted, std::string_view value) {
    return wanted.empty() || wanted == value;
  };
  return fits(app, app_name) && fits(category, category_key) && fits(template_key, template_name) &&
         fits(channel, name(channel_of_delivery)) && fits(priority, name(delivery_priority));
}

namespace {
// What the stored form and the API's form share; the object stays open.
void write_pause_fields(JsonWriter& out, const Pause& pause) {
  out.key("scope").object();
  out.field_if("app", pause.app)
      .field_if("category", pause.category)
      .field_if("template", pause.template_key)
      .field_if("channel", pause.channel)
      .field_if("priority", pause.priority)
      .end_object()
      .field("reason", pause.reason)
      .field("by", pause.by);
}
}  // namespace

std::string encode(const Pause& pause) {
  JsonWriter out;
  out.object();
  write_pause_fields(out, pause);
  out.field("at", to_ms(pause.at)).end_object();
  return out.str();
}

namespace {
void read_pause_fields(ObjectReader& reader, Pause& into, Problems& problems) {
  if (const auto scope = reader.element("scope")) {
    ObjectReader s(*scope, reader.pointer("scope"), problems);
    s.text("app", into.app, kNameMax);
    s.text("category", into.category, kNameMax);
    s.text("template", into.template_key, kNameMax);
    s.text("channel", into.channel, kNameMax);
    if (!into.channel.empty() && !parse_channel(into.channel)) {
      s.problem("channel", "invalid_choice", fmt::format("'{}' is no channel", into.channel));
    }
    s.text("priority", into.priority, kNameMax);
    if (!into.priority.empty() && !parse_priority(into.priority)) {
      s.problem("priority", "invalid_choice", "give one of critical, high, normal, bulk");
    }
    s.done();
  }
  reader.text("reason", into.reason, kReasonMax);
}
}  // namespace

Result<Pause> decode_pause(std::string_view json) {
  return decode_record<Pause>(json, "pause", [](ObjectReader& reader, Pause& pause, Problems& problems) {
    read_pause_fields(reader, pause, problems);
    reader.text("by", pause.by, 200);
    read_time_ms(reader, "at", pause.at);
  });
}

void read_pause(JsonElement body, Pause& into, Problems& problems) {
  ObjectReader reader(body, "", problems);
  reader.require("scope");
  read_pause_fields(reader, into, problems);
  reader.done();
}

void write_pause(JsonWriter& out, const Pause& pause) {
  out.object().field("id", pause.id);
  write_pause_fields(out, pause);
  out.field("at", to_rfc3339(pause.at)).end_object();
}

namespace {
std::string clock_text(int minutes) { return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60); }

std::optional<int> parse_clock(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4))
    return std::nullopt;
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  return hours * 60 + minutes;
}

void read_brand(ObjectReader& reader, ProjectSettings& into, Problems& problems) {
  const auto brand = reader.element("brand");
  if (!brand) return;
  into.brand.clear();
  base::JsonObject object;
  if (brand->get(object) != simdjson::SUCCESS)
    return reader.problem("brand", "wrong_type", "must be an object of texts by name");
  if (object.size() > kBrandMax)
    return reader.problem("brand", "too_many", fmt::format("at most {} variables are allowed", kBrandMax));
  ObjectReader inner(*brand, reader.pointer("brand"), problems);
  for (const auto member : object) {
    std::string text;
    if (!is_variable_name(member.key)) {
      inner.problem(member.key, "invalid_key", "a name is letters, digits and '_' and begins with no digit");
    } else if (inner.text(member.key, text, kBrandTextMax) && text.find('\0') != std::string::npos) {
      inner.problem(member.key, "invalid_text", "remove the NUL character");
    } else if (member.value.is_string()) {
      into.brand.insert_or_assign(std::string(member.key), std::move(text));
    }
  }
}

void read_settings_fields(ObjectReader& reader, ProjectSettings& into, Problems& problems) {
  reader.text("locale", into.locale, 35);
  reader.text("time_zone", into.time_zone, 64);
  reader.boolean("unique_email", into.unique_email);
  reader.texts("cors_origins", into.cors_origins, kOriginsMax, kOriginMax);
  read_brand(reader, into, problems);
  if (const auto quiet = reader.element("quiet_hours")) {
    ObjectReader q(*quiet, reader.pointer("quiet_hours"), problems);
    std::string from, to;
    q.require("from");
    q.require("to");
    const bool has_from = q.text("from", from, 5), has_to = q.text("to", to, 5);
    const auto a = parse_clock(from), b = parse_clock(to);
    constexpr const char* kForm = "write a local time as HH:MM, for example 22:00";
    if (has_from && !a) q.problem("from", "invalid_time", kForm);
    if (has_to && !b) q.problem("to", "invalid_time", kForm);
    q.done();
    if (a && b) into.quiet_hours = QuietHours{*a, *b};
  }
}
}  // namespace

namespace {
// The object stays open.
void write_settings_fields(JsonWriter& out, const ProjectSettings& settings) {
  out.field("locale", settings.locale)
      .field("time_zone", settings.time_zone)
      .field("unique_email", settings.unique_email);
  if (!settings.brand.empty()) {
    out.key("brand").object();
    for (const auto& [name, text] : settings.brand) out.field(name, text);
    out.end_object();
  }
  if (settings.quiet_hours) {
    out.key("quiet_hours")
        .object()
        .field("from", clock_text(settings.quiet_hours->from_min))
        .field("to", clock_text(settings.quiet_hours->to_min))
        .end_object();
  }
  write_texts(out, "cors_origins", settings.cors_origins);
}

bool names_null(JsonElement body, std::string_view key) {
  JsonElement value;
  return body.is_object() && body.at_key(key).get(value) == simdjson::SUCCESS && value.is_null();
}
}  // namespace

std::string encode(const ProjectSettings& settings) {
  JsonWriter out;
  out.object();
  write_settings_fields(out, settings);
  if (settings.client_jwt) write_client_jwt(out.key("client_jwt"), *settings.client_jwt, true);
  if (settings.alerts) write_alert_settings(out.key("alerts"), *settings.alerts, true);
  out.end_object();
  return out.str();
}

void write_project_settings(JsonWriter& out, const ProjectSettings& settings) {
  out.object();
  write_settings_fields(out, settings);
  if (settings.client_jwt) write_client_jwt(out.key("client_jwt"), *settings.client_jwt, false);
  if (settings.alerts) write_alert_settings(out.key("alerts"), *settings.alerts, false);
  out.end_object();
}

Result<ProjectSettings> decode_project_settings(std::string_view json) {
  return decode_record<ProjectSettings>(json, "settings",
                                        [](ObjectReader& r, ProjectSettings& s, Problems& problems) {
                                          read_settings_fields(r, s, problems);
                                          if (const auto jwt = r.element("client_jwt"))
                                            s.client_jwt = decode_client_jwt(*jwt, problems);
                                          if (const auto alerts = r.element("alerts"))
                                            s.alerts = decode_alert_settings(*alerts, problems);
                                        });
}

void read_project_settings(JsonElement body, ProjectSettings& into, const ProjectSettings& before,
                           Problems& problems) {
  ObjectReader reader(body, "", problems);
  read_settings_fields(reader, into, problems);
  if (names_null(body, "quiet_hours")) into.quiet_hours.reset();
  if (into.quiet_hours && into.quiet_hours->from_min == into.quiet_hours->to_min)
    problems.push_back({"/quiet_hours/to", "invalid_value", "the end must differ from the beginning"});
  for (std::size_t i = 0; i < into.cors_origins.size(); ++i) {
    if (is_web_origin(into.cors_origins[i])) continue;
    problems.push_back({fmt::format("/cors_origins/{}", i), "invalid_origin",
                        "write the origin as browsers send it, such as https://shop.example.com"});
  }
  if (names_null(body, "client_jwt")) into.client_jwt.reset();
  if (const auto jwt = reader.element("client_jwt")) {
    into.client_jwt =
        read_client_jwt(*jwt, "/client_jwt", before.client_jwt ? &*before.client_jwt : nullptr, problems);
  }
  if (names_null(body, "alerts")) into.alerts.reset();
  if (const auto alerts = reader.element("alerts")) {
    into.alerts =
        read_alert_settings(*alerts, "/alerts", before.alerts ? &*before.alerts : nullptr, problems);
  }
  reader.done();
}

}  // namespace carillon::model
