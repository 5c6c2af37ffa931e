// Senders: what may stand as `from`.
#include <algorithm>

#include "api/router.h"
#include "model/sender.h"

namespace carillon::api {
namespace {

Failure no_sender(const Call& call) {
  return not_found(fmt::format("sender '{}'", call.args[0].substr(0, 64)));
}

const model::Sender* find_sender(const Call& call) {
  const auto it = std::ranges::find(call.view().senders, call.args[0], &model::Sender::key);
  return it == call.view().senders.end() ? nullptr : &*it;
}

Task<Answer> put(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  model::Sender sender;
  model::read_sender(root, sender, problems);
  for (std::size_t i = 0; problems.empty() && i < sender.integrations.size(); ++i) {
    if (call.view().find_integration(sender.integrations[i]) != nullptr) continue;
    problems.push_back({fmt::format("/integrations/{}", i), "unknown_integration",
                        fmt::format("there is no integration '{}'", sender.integrations[i])});
  }
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  sender.key = call.args[0];
  const bool is_known = find_sender(call) != nullptr;
  store::Record record;
  record.key = {std::string(pipeline::kKindSender), call.who.project, sender.key};
  record.data = model::encode(sender);
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), std::nullopt, call.actor()));
  configuration_changed(call);
  base::JsonWriter out;
  model::write_sender(out, sender);
  co_return json_reply(out, is_known ? 200 : 201);
}

Task<Answer> get(Call& call) {
  const model::Sender* const sender = find_sender(call);
  if (sender == nullptr) co_return std::unexpected(no_sender(call));
  base::JsonWriter out;
  model::write_sender(out, *sender);
  co_return json_reply(out);
}

Task<Answer> list(Call& call) {
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& sender : call.view().senders) model::write_sender(out, sender);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

// What was accepted with it goes out all the same.
Task<Answer> remove(Call& call) {
  if (find_sender(call) == nullptr) co_return std::unexpected(no_sender(call));
  store::RecordKey key{std::string(pipeline::kKindSender), call.who.project, call.args[0]};
  CARILLON_CO_CHECK(co_await call.deps.directory.remove(std::move(key), call.actor()));
  configuration_changed(call);
  co_return no_content();
}

constexpr Route sender_route(std::string_view method, std::string_view pattern, Handler handler,
                             std::string_view summary, std::string_view request, std::string_view response,
                             int status = 200) {
  return administering_route(method, pattern, manage("integrations"), handler, "Senders", summary, request,
                             response, status);
}

}  // namespace

std::span<const Route> sender_routes() {
  static const Route kRoutes[] = {
      sender_route("GET", "/v1/senders", list, "List senders", {}, "SenderList"),
      sender_route("PUT", "/v1/senders/{key}", put, "Allow a from", "Sender", "Sender"),
      sender_route("GET", "/v1/senders/{key}", get, "One sender", {}, "Sender"),
      sender_route("DELETE", "/v1/senders/{key}", remove, "Allow it no more", {}, {}, 204),
  };
  return kRoutes;
}

}  // namespace carillon::api
