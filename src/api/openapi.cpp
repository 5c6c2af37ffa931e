// The OpenAPI document, made from the table of routes.
#include <algorithm>
#include <set>

#include "api/router.h"
#include "api/schemas.h"

namespace carillon::api {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// Query parameters and parts of paths that are more than any text. In a URL all is text, so a number is a
// pattern here, and code that sends "50" stays right.
struct Shape {
  std::string_view name, schema;
};
constexpr std::string_view kTimeShape = R"({"type":"string","format":"date-time"})";
constexpr std::string_view kFlagShape = R"({"type":"string","pattern":"^(true|false|1|0)?$"})";
constexpr std::string_view kVersionShape = R"({"type":"string","pattern":"^[1-9][0-9]{0,8}$"})";
constexpr Shape kShapes[] = {
    {"limit", R"({"type":"string","pattern":"^([1-9][0-9]?|1[0-9][0-9]|200)$","default":"50"})"},
    {"from", kTimeShape},
    {"until", kTimeShape},
    {"publish", kFlagShape},
    {"force", kFlagShape},
    {"installation", kFlagShape},
    {"closed", kFlagShape},
    {"kind", R"({"type":"string","pattern":"^(delivery|event|record)$"})"},
    {"n", kVersionShape},
    {"against", kVersionShape},
    {"interval", R"({"type":"string","pattern":"^(hour|day)$"})"},
    {"channel", R"({"type":"string","pattern":"^(push|sms|email|voice|chat|webhook|inbox)$"})"},
    {"Idempotency-Key", R"({"type":"string","maxLength":256})"},
};

void write_parameter(base::JsonWriter& out, std::string_view name, std::string_view in, bool is_required) {
  const auto* const shape = std::ranges::find(kShapes, name, &Shape::name);
  out.object().field("name", name).field("in", in).field("required", is_required);
  out.key("schema").raw(shape == std::end(kShapes) ? R"({"type":"string"})" : shape->schema).end_object();
}

void write_parameters(base::JsonWriter& out, const Route& route) {
  out.key("parameters").array();
  for (std::string_view rest = route.pattern; rest.find('{') != std::string_view::npos;) {
    const std::size_t begin = rest.find('{') + 1, end = rest.find('}');
    write_parameter(out, rest.substr(begin, end - begin), "path", true);
    rest.remove_prefix(end + 1);
  }
  for (std::string_view rest = route.query == kAnyQuery ? std::string_view() : route.query; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view name = rest.substr(0, end);
    write_parameter(out, name, "query", route.needed_query.contains(name));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (route.kind != RouteKind::Plain) write_parameter(out, "Idempotency-Key", "header", false);
  out.end_array();
}

constexpr std::string_view kRequired = R"({"type":"object","required":[)";

// A merge patch need not name what the whole cannot do without: it has a schema of its own then.
std::string request_schema(const Route& route) {
  const Schema* const schema = find_schema(route.request);
  const bool is_other = route.method == "PATCH" && schema != nullptr && schema->json.starts_with(kRequired);
  return fmt::format("{}{}", route.request, is_other ? "Patch" : "");
}

// `json`: of a schema that begins with kRequired.
std::string without_required(std::string_view json) {
  return fmt::format(R"({{"type":"object",{})", json.substr(json.find("],") + 2));
}

// `types`: separated by spaces.
void write_content(base::JsonWriter& out, std::string_view types, std::string_view schema,
                   std::string_view example) {
  out.key("content").object();
  while (!types.empty()) {
    const std::size_t end = std::min(types.find(' '), types.size());
    out.key(types.substr(0, end)).object();
    if (!schema.empty()) {
      out.key("schema").object().field("$ref", fmt::format("#/components/schemas/{}", schema)).end_object();
    }
    if (!example.empty()) out.key("example").raw(example);
    out.end_object();
    types.remove_prefix(std::min(end + 1, types.size()));
  }
  out.end_object();
}

void write_response(base::JsonWriter& out, std::string_view status, std::string_view description) {
  out.key(status).object().field("description", description);
}

// A PUT of a path that ends in a name makes what was not there.
bool makes_by_name(const Route& route) { return route.method == "PUT" && route.pattern.ends_with('}'); }

void write_responses(base::JsonWriter& out, const Route& route) {
  out.key("responses").object();
  write_response(out, std::to_string(route.status), "Success");
  if (route.status != 204) write_content(out, route.content_type, route.response, {});
  out.end_object();
  if (makes_by_name(route)) {
    write_response(out, "201", "It was not there and is now");
    write_content(out, route.content_type, route.response, {});
    out.end_object();
  }
  if (route.kind == RouteKind::Sends && route.response == "SendAnswer") {
    write_response(out, "200", "It was accepted before, by its event_id");
    write_content(out, route.content_type, route.response, {});
    out.end_object();
  }
  if (route.other_status != 0) {
    write_response(out, std::to_string(route.other_status), "Success; Location says where it goes on");
    out.end_object();
  }
  // People who followed a link are told in words; what goes wrong before that is a problem for them too.
  const bool is_page = route.content_type.starts_with("text/html");
  for (const std::string_view status : {"4XX", "5XX"}) {
    write_response(out, status, "A problem (RFC 9457)");
    out.key("content").object();
    out.key("application/problem+json").object();
    out.key("schema").object().field("$ref", "#/components/schemas/Problem").end_object().end_object();
    if (is_page) out.key("text/html").object().end_object();
    out.end_object().end_object();
  }
  out.end_object();
}

void write_security(base::JsonWriter& out, const Route& route) {
  const auto schemes = [&](std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) out.object().key(name).array().end_array().end_object();
  };
  out.key("security").array();
  if (route.access.is_session) {
    schemes({"session"});
  } else if (route.access.is_any) {
    schemes({"app", "management", "session", "client", "publishable"});
  } else if (route.access.client_scopes != 0) {
    schemes({"client"});
  } else if (!route.access.is_open) {
    if (route.access.is_publishable) schemes({"publishable"});
    if (route.access.app_scopes != 0) schemes({"app"});
    schemes({"management", "session"});
  }
  out.end_array();
}

void write_operation(base::JsonWriter& out, const Route& route) {
  out.key(lower(route.method)).object().field("summary", route.summary);
  out.field("operationId", fmt::format("{} {}", lower(route.method), route.pattern));
  out.key("tags").array().value(route.tag).end_array();
  write_parameters(out, route);
  if (!route.request.empty()) {
    const Schema* const schema = find_schema(route.request);
    out.key("requestBody").object().field("required", !route.is_body_optional);
    write_content(out, route.request_types, request_schema(route),
                  schema != nullptr ? schema->example : std::string_view{});
    out.end_object();
  }
  write_responses(out, route);
  write_security(out, route);
  out.end_object();
}

constexpr std::string_view kSessionText =
    "The cookie of a signed-in member (POST /v1/session), __Host-carillon by https; what changes something "
    "needs the session's csrf as X-CSRF-Token";

void write_components(base::JsonWriter& out) {
  out.key("components").object().key("schemas").object();
  for (const Schema& schema : schemas()) out.key(schema.name).raw(schema.json);
  std::set<std::string_view> patched, lists;
  for (const Route* route : Router::get().routes()) {
    const std::string name = request_schema(*route);
    if (name != route->request && patched.insert(route->request).second)
      out.key(name).raw(without_required(find_schema(route->request)->json));
  }
  for (const Route* route : Router::get().routes()) {
    if (!route->response.empty() && find_schema(route->response) == nullptr) lists.insert(route->response);
  }
  for (const auto name : lists) {
    const std::string json = schema_json(name);
    CARILLON_ASSERT(!json.empty());
    out.key(name).raw(json);
  }
  out.end_object().key("securitySchemes").object();
  out.key("app")
      .object()
      .field("type", "http")
      .field("scheme", "basic")
      .field("description", "app_key as the user name, app_secret as the password")
      .end_object();
  out.key("management")
      .object()
      .field("type", "http")
      .field("scheme", "bearer")
      .field("description", "A management token, mt_…")
      .end_object();
  out.key("client").object().field("type", "http").field("scheme", "bearer");
  out.field("description", "A client's token, ct_…, or a JWT the customer signed").end_object();
  out.key("publishable").object().field("type", "http").field("scheme", "bearer");
  out.field("description", "A publishable key, pk_…").end_object();
  out.key("session").object().field("type", "apiKey").field("in", "cookie");
  out.field("name", "carillon_session").field("description", kSessionText).end_object();
  out.end_object().end_object();
}

}  // namespace

std::string Api::openapi_json() {
  base::JsonWriter out(128 * 1024);
  out.object()
      .field("openapi", "3.1.0")
      .key("info")
      .object()
      .field("title", "Carillon")
      .field("version", "1");
  out.field(
      "description",
      "Notifications by push, SMS, e-mail, voice, chat and webhook. Errors are listed at /docs/errors.");
  out.end_object().key("paths").object();
  for (const auto& path : Router::get().paths()) {
    out.key(path.pattern).object();
    for (const Route* route : path.routes) write_operation(out, *route);
    out.end_object();
  }
  out.end_object();
  write_components(out);
  out.end_object();
  return out.str();
}

std::string Api::errors_markdown() { return problems_markdown(); }

}  // namespace carillon::api
