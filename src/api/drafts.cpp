// What has not begun is changed and submitted; what has, is paused and resumed; what was, is sent again.
#include "api/drafts.h"

#include "api/history.h"
#include "api/router.h"
#include "api/send_answer.h"
#include "api/sending.h"
#include "model/event.h"
#include "pipeline/sensitive.h"

namespace carillon::api {
namespace {

// What a send made from another does not take over.
constexpr std::string_view kOfItsOwn = R"({"event_id":null,"send_at":null,"draft":null})";
constexpr std::string_view kFromMember = "from_notification";

std::expected<std::string, Failure> merged(std::string_view target, std::string_view patch) {
  base::JsonDocument a, b;
  const auto into = a.parse(target);
  const auto what = b.parse(patch);
  if (!into || !what) return failed(400, "not_json", "the body is not JSON");
  return model::merge_patch(*into, *what);
}

Reply answer_of(const pipeline::SendAnswer& answer) {
  base::JsonWriter out(384);
  write_answer(out, answer);
  return json_reply(out);
}

// The caller with the request, which the audit names.
pipeline::Caller known_caller(const Call& call) {
  auto caller = call.caller();
  caller.actor = call.actor();
  return caller;
}

Task<Answer> submit(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kNotificationPrefix));
  CARILLON_CO_TRY(auto n, co_await changeable_notification(call, id));
  auto result = co_await call.deps.pipeline->submit(known_caller(call), std::move(n));
  if (!result) co_return std::unexpected(Failure(std::move(result.error())));
  co_return answer_of(*result);
}

Task<Answer> edit(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kNotificationPrefix));
  CARILLON_CO_TRY(auto n, co_await changeable_notification(call, id));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  if (!root.is_object()) co_return failed(400, "wrong_type", "the body must be an object");
  if (root.at_key("draft").error() == simdjson::SUCCESS)
    co_return failed_at("/draft", "read_only", "a draft is sent with POST …/submit; leave draft out");
  CARILLON_CO_TRY(const auto before, co_await pipeline::opened(call.deps.store, call.deps.keys, n));
  if (!before) co_return failed(409, "already_begun", "it has begun, or ended, meanwhile");
  CARILLON_CO_TRY(std::string body, merged(before->body, call.request.body));
  if (body.size() > model::kRequestMax)
    co_return failed(413, "body_too_large", fmt::format("one send has at most {} bytes", model::kRequestMax));
  CARILLON_CO_TRY(const auto whole, parse_body(body));
  CARILLON_CO_TRY(auto item, read_item(whole, std::move(body), std::nullopt, {}, call.now));
  // It may have come as an Idempotency-Key.
  if (item.request->event_id.empty()) item.request->event_id = n->event_id;
  auto result = co_await call.deps.pipeline->edit(known_caller(call), std::move(n), std::move(item));
  if (!result) co_return std::unexpected(Failure(std::move(result.error())));
  co_return answer_of(*result);
}

template <bool is_pause>
Task<Answer> hold_or_go(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kNotificationPrefix));
  CARILLON_CO_TRY(const auto n, co_await changeable_notification(call, id));
  const auto done = is_pause ? co_await call.deps.pipeline->pause(id, call.actor())
                             : co_await call.deps.pipeline->resume(id, call.actor());
  if (!done && done.error().code == Errc::Conflict)
    co_return failed(409, is_pause ? "not_pausable" : "not_paused", done.error().message);
  if (!done) co_return std::unexpected(Failure(done.error()));
  co_return co_await get_notification(call);
}

constexpr Route action_route(std::string_view method, std::string_view pattern, Handler handler,
                             std::string_view summary, std::string_view request, std::string_view response) {
  return {.method = method,
          .pattern = pattern,
          .access = allow(kScopeSend, "send"),
          .handler = handler,
          .tag = "Sending",
          .summary = summary,
          .request = request,
          .response = response};
}

}  // namespace

bool may_take_over(std::string_view body) noexcept {
  return body.find(kFromMember) != std::string_view::npos;
}

Task<std::expected<std::string, Failure>> taken_over(Call& call, std::string body) {
  std::int64_t id = 0;
  {
    CARILLON_CO_TRY(const auto root, parse_body(body));
    const auto from = root.at_key(kFromMember);
    if (from.error() != simdjson::SUCCESS) co_return body;
    std::string_view text;
    const auto found = from.get(text) == simdjson::SUCCESS ? base::parse_id(base::kNotificationPrefix, text)
                                                           : std::optional<std::int64_t>{};
    if (!found)
      co_return failed_at("/from_notification", "invalid_value", "must be the id of a notification: ntf_…");
    id = *found;
  }
  auto n = co_await visible_notification(call, id);
  if (!n || (*n)->body.empty()) {  // past the retention of what was said
    if (!n && n.error().status != 404) co_return std::unexpected(std::move(n.error()));
    co_return failed_at("/from_notification", "unknown_notification",
                        "there is no such notification any more; give its content");
  }
  if ((*n)->is_sensitive || (*n)->is_erased) {
    co_return failed_at("/from_notification", (*n)->is_erased ? "unknown_notification" : "sensitive_wiped",
                        "what it said is not handed on: it is sensitive, or erased; give it anew");
  }
  CARILLON_CO_TRY(const std::string bare, merged((*n)->body, kOfItsOwn));
  CARILLON_CO_TRY(const std::string whole, merged(bare, body));
  co_return merged(whole, R"({"from_notification":null})");
}

std::span<const Route> draft_routes() {
  static const Route kRoutes[] = {
      action_route("PATCH", "/v1/notifications/{id}", edit,
                   "Change what has not begun; what was approved has to be approved again", "SendPatch",
                   "SendAnswer"),
      action_route("POST", "/v1/notifications/{id}/submit", submit, "Send a draft, or ask for its approval",
                   {}, "SendAnswer"),
      action_route("POST", "/v1/notifications/{id}/pause", hold_or_go<true>, "Hold what is not sent yet", {},
                   "Notification"),
      action_route("POST", "/v1/notifications/{id}/resume", hold_or_go<false>, "Go on with what was paused",
                   {}, "Notification"),
  };
  return kRoutes;
}

}  // namespace carillon::api
