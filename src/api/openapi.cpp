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

void write_parameter(base::JsonWriter& out, std::string_view name, std::string_view in, bool is_required) {
  out.object().field("name", name).field("in", in).field("required", is_required);
  out.key("schema").object().field("type", "string").end_object().end_object();
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
    write_parameter(out, rest.substr(0, end), "query", false);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (route.kind != RouteKind::Plain) write_parameter(out, "Idempotency-Key", "header", false);
  out.end_array();
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

void write_responses(base::JsonWriter& out, const Route& route) {
  out.key("responses").object().key(std::to_string(route.status)).object().field("description", "Success");
  if (route.status != 204) write_content(out, route.content_type, route.response, {});
  out.end_object().key("default").object().field("description", "A problem (RFC 9457)");
  write_content(out, "application/problem+json", "Problem", {});
  out.end_object().end_object();
}

void write_security(base::JsonWriter& out, const Route& route) {
  out.key("security").array();
  if (route.access.is_any) {
    for (const std::string_view each : {"app", "management", "client", "publishable"}) {
      out.object().key(each).array().end_array().end_object();
    }
  } else if (route.access.client_scopes != 0) {
    out.object().key("client").array().end_array().end_object();
  } else if (!route.access.is_open) {
    if (route.access.is_publishable) out.object().key("publishable").array().end_array().end_object();
    if (route.access.app_scopes != 0) out.object().key("app").array().end_array().end_object();
    out.object().key("management").array().end_array().end_object();
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
    out.key("requestBody").object().field("required", true);
    write_content(out, route.request_types, route.request,
                  schema != nullptr ? schema->example : std::string_view{});
    out.end_object();
  }
  write_responses(out, route);
  write_security(out, route);
  out.end_object();
}

void write_components(base::JsonWriter& out) {
  out.key("components").object().key("schemas").object();
  for (const Schema& schema : schemas()) out.key(schema.name).raw(schema.json);
  std::set<std::string_view> lists;
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
