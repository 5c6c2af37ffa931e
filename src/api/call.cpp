#include "api/call.h"

#include <algorithm>
#include <charconv>

#include "model/address.h"

namespace carillon::api {
namespace {

// Everything a cursor depends on besides the row: list, caller, filters.
std::string cursor_scope(const Call& call) {
  std::string scope = fmt::format("{}\n{}\n{}\n{}\n", call.request.path(), call.who.project,
                                  call.who.app_id(), call.who.user_id);
  for (const auto& [name, value] : call.query) {
    if (name != "after" && name != "limit") scope += fmt::format("{}:{}={}\n", name.size(), name, value);
  }
  return scope;
}

}  // namespace

std::string_view Call::param(std::string_view name) const noexcept {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

bool Call::has_param(std::string_view name) const noexcept {
  return std::ranges::find(query, name, &std::pair<std::string, std::string>::first) != query.end();
}

pipeline::Caller Call::caller() const {
  return pipeline::Caller{who.project, who.app, who.is_test, who.actor(), who.user_id};
}

std::string Call::source() const {
  return who.who == Who::Client || who.who == Who::Publishable ? "client" : "api";
}

std::expected<base::JsonElement, Failure> parse_body(std::string_view body) {
  static thread_local base::JsonDocument document;
  auto root = document.parse(body);
  if (!root) return failed_at("", "not_json", root.error().message);
  return *root;
}

std::expected<Paging, Failure> read_paging(const Call& call) {
  Paging paging;
  paging.scope = cursor_scope(call);
  if (call.has_param("limit")) {
    const std::string_view text = call.param("limit");
    std::size_t limit = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc{} || end != text.data() + text.size() || limit < 1 || limit > kPageMax) {
      return failed_at("?limit", "out_of_range", fmt::format("give a number from 1 to {}", kPageMax));
    }
    paging.limit = limit;
  }
  if (const auto text = call.param("after"); !text.empty()) {
    auto cursor = read_cursor(text, paging.scope, call.deps.keys.link_key);
    if (!cursor) {
      return failed_at("?after", "invalid_cursor",
                       "give page.next of the page before, with the same filters and credential");
    }
    paging.after = std::move(*cursor);
  }
  return paging;
}

void write_page(base::JsonWriter& out, const Call& call, const Paging& paging,
                const std::optional<Cursor>& next) {
  out.key("page").object().key("next");
  if (next) {
    out.value(write_cursor(*next, paging.scope, call.deps.keys.link_key));
  } else {
    out.null();
  }
  out.end_object().end_object();
}

std::expected<Time, Failure> read_time(std::string_view text, std::string pointer) {
  const auto time = parse_rfc3339(text);
  if (!time) {
    return failed_at(std::move(pointer), "invalid_time",
                     "write RFC 3339 with an offset: 2026-12-01T09:00:00Z");
  }
  return *time;
}

std::expected<model::Channel, Failure> read_channel(std::string_view text, std::string pointer) {
  const auto channel = model::parse_channel(text);
  if (!channel) {
    return failed_at(std::move(pointer), "invalid_channel",
                     "use push, sms, email, voice, chat, webhook or inbox");
  }
  return *channel;
}

std::expected<std::optional<Time>, Failure> time_param(const Call& call, std::string_view name) {
  if (!call.has_param(name)) return std::nullopt;
  return read_time(call.param(name), fmt::format("?{}", name));
}

std::expected<std::optional<model::Channel>, Failure> channel_param(const Call& call, std::string_view name) {
  if (!call.has_param(name)) return std::nullopt;
  return read_channel(call.param(name), fmt::format("?{}", name));
}

std::expected<bool, Failure> flag_param(const Call& call, std::string_view name, bool fallback) {
  if (!call.has_param(name)) return fallback;
  const std::string_view text = call.param(name);
  if (text == "true" || text == "1" || text.empty()) return true;
  if (text == "false" || text == "0") return false;
  return failed_at(fmt::format("?{}", name), "invalid_choice", "use true or false");
}

Reply json_reply(base::JsonWriter& out, int status) {
  Reply reply;
  reply.status = status;
  reply.body = out.str();
  return reply;
}

void write_id(base::JsonWriter& out, std::string_view key, std::string_view prefix, std::int64_t id) {
  out.key(key).value(base::id_text(prefix, id));
}

void write_app_name(base::JsonWriter& out, const Call& call, std::int64_t app) {
  const auto it = call.snapshot->apps.find(app);
  out.field_or_null("app", it == call.snapshot->apps.end() ? std::string_view{} : it->second->name);
}

std::expected<std::int64_t, Failure> path_id(const Call& call, std::string_view prefix, std::size_t index) {
  const auto id = base::parse_id(prefix, call.args[index]);
  if (!id) return std::unexpected(not_found(fmt::format("id '{}'", call.args[index].substr(0, 40))));
  return *id;
}

Failure not_found(std::string what) { return Failure(404, "not_found", "there is no " + std::move(what)); }

std::optional<Failure> check_key(std::string_view key) {
  if (model::is_key(key)) return std::nullopt;
  return Failure(422, "invalid_key", "a key has 1 to 64 of a-z 0-9 _ . - and begins with a letter or digit");
}

void configuration_changed(const Call& call) {
  if (call.deps.pipeline != nullptr) call.deps.pipeline->configuration_changed();
}

}  // namespace carillon::api
