// POST /v1/notifications and its like: from a body to the pipeline and back.
#include "api/sending.h"

#include <utility>

#include "api/drafts.h"
#include "api/rate.h"
#include "api/router.h"
#include "api/send_answer.h"
#include "api/slices.h"

namespace carillon::api {
namespace {

using model::Channel;
using model::DeliveryStatus;

constexpr std::string_view kNotJsonItem = "an item must be an object";

// The Idempotency-Key of a send; quotes (RFC 8941 strings) are taken off.
std::string_view event_id_header(const Call& call) {
  std::string_view text = call.request.header("Idempotency-Key");
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
    text = text.substr(1, text.size() - 2);
  return text;
}

void apply_event_id(model::SendRequest& request, std::string_view key, base::Problems& problems) {
  if (key.empty()) return;
  if (key.size() > model::kEventIdMax) {
    problems.push_back({"/event_id", "too_long", "an Idempotency-Key has at most 256 bytes"});
  } else if (request.event_id.empty()) {
    request.event_id = key;
  } else if (request.event_id != key) {
    problems.push_back(
        {"/event_id", "conflicting_fields", "event_id and Idempotency-Key differ; give one of them"});
  }
}

// The stored request is read again after a restart, when nobody knows any more where it came in: what
// the address said about the channel is written into it.
std::string with_channel(base::JsonElement element, std::string body, Channel channel) {
  if (element.at_key("channels").error() == simdjson::SUCCESS) return body;
  const auto open = body.find('{');
  if (open == std::string::npos) return body;
  return body.insert(open + 1, fmt::format("\"channels\":[\"{}\"],", model::name(channel)));
}

}  // namespace

std::expected<pipeline::SendItem, Failure> read_item(base::JsonElement element, std::string body,
                                                     std::optional<Channel> fixed_channel,
                                                     std::string_view event_id, Time now) {
  static const std::string kNoPrefix;
  base::Problems problems;
  auto request = std::make_shared<model::SendRequest>(
      model::read_send_request(element, fixed_channel, kNoPrefix, problems));
  apply_event_id(*request, event_id, problems);
  if (problems.empty()) model::check_send_time(*request, now, kNoPrefix, problems);
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  pipeline::SendItem item;
  if (!request->event_id.empty()) item.fingerprint = model::fingerprint(body);
  item.body = fixed_channel ? with_channel(element, std::move(body), *fixed_channel) : std::move(body);
  item.request = std::move(request);
  return item;
}

namespace {

Failure too_large() {
  return Failure(413, "body_too_large", fmt::format("one send has at most {} bytes", model::kRequestMax));
}

std::expected<pipeline::SendItem, Failure> read_single(Call& call, std::optional<Channel> fixed_channel) {
  if (call.request.body.size() > model::kRequestMax) { return std::unexpected(too_large()); }
  const auto root = parse_body(call.request.body);
  if (!root) return std::unexpected(root.error());
  return read_item(*root, std::move(call.request.body), fixed_channel, event_id_header(call), call.now);
}

void write_counts(base::JsonWriter& out, const pipeline::SendAnswer& answer) {
  out.key("recipients").object().field("total", answer.recipients);
  if (!answer.has_counts) {
    out.key("reached").null().key("suppressed").null().end_object().key("deliveries").null();
    return;
  }
  out.field("reached", answer.reached).field("suppressed", answer.suppressed).end_object();
  std::int64_t counts[model::kDeliveryStatusCount] = {};
  for (const auto& [status, n] : answer.deliveries) counts[static_cast<std::size_t>(status)] = n;
  out.key("deliveries").object();
  for (std::size_t i = 0; i < model::kDeliveryStatusCount; ++i) {
    const auto status = static_cast<DeliveryStatus>(i);
    const bool is_always_there = status == DeliveryStatus::Pending || status == DeliveryStatus::Held ||
                                 status == DeliveryStatus::Suppressed;
    if (is_always_there || counts[i] != 0) out.field(model::name(status), counts[i]);
  }
  out.end_object();
}

void write_warnings(base::JsonWriter& out, const pipeline::SendAnswer& answer) {
  out.key("warnings").array();
  for (const auto& warning : answer.warnings) {
    out.object().field("code", warning.code);
    if (warning.channel) out.field("channel", model::name(*warning.channel));
    out.field_if("detail", warning.detail).end_object();
  }
  out.end_array();
}

}  // namespace

void write_answer(base::JsonWriter& out, const pipeline::SendAnswer& answer) {
  out.object();
  write_id(out, "id", base::kNotificationPrefix, answer.id);
  out.field_or_null("event_id", answer.event_id);
  out.field("status", model::name(answer.status)).field("duplicate", answer.is_duplicate);
  if (answer.approval != 0) write_id(out, "approval_id", base::kApprovalPrefix, answer.approval);
  out.field_or_null("dedup_until", answer.dedup_until);
  write_counts(out, answer);
  write_warnings(out, answer);
  out.end_object();
}

Failure not_running() {
  Failure failure(503, "not_running", "the server is stopped: it can be administered, but nothing is sent");
  failure.retry_after = Millis(5000);
  return failure;
}

namespace {

Task<Answer> send_one(Call& call, std::optional<Channel> fixed_channel) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  if (may_take_over(call.request.body)) {
    CARILLON_CO_TRY(call.request.body, co_await taken_over(call, std::move(call.request.body)));
  }
  auto item = read_single(call, fixed_channel);
  if (!item) co_return std::unexpected(std::move(item.error()));
  if (rate_limit_of(call) > 0) {
    if (auto failure = co_await take_rate(call, 1)) co_return std::unexpected(std::move(*failure));
  }
  std::vector<pipeline::SendItem> items;
  items.push_back(std::move(*item));
  auto results = co_await call.deps.pipeline->send(call.caller(), std::move(items));
  auto& result = results.front();
  if (!result) co_return std::unexpected(Failure(std::move(result.error())));
  base::JsonWriter out(384);
  write_answer(out, *result);
  co_return json_reply(out, result->is_duplicate ? 200 : 202);
}

}  // namespace

Task<Answer> send_any(Call& call) { return send_one(call, std::nullopt); }

namespace {
template <Channel channel>
Task<Answer> send_on(Call& call) {
  return send_one(call, channel);
}

// ---- batches
struct Batch {
  std::vector<std::expected<pipeline::SendItem, Failure>> read;
  // Those made from other notifications, which have to be asked for first.
  struct Remake {
    std::size_t index = 0;
    std::string body, event_id;  // event_id: of the batch's key
  };
  std::vector<Remake> remakes;
};

std::expected<base::JsonArray, Failure> batch_array(base::JsonElement root) {
  base::JsonArray array;
  if (root.get_array().get(array) == simdjson::SUCCESS) return array;
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  reader.require("notifications");
  const auto element = reader.element("notifications");
  if (element && element->get_array().get(array) != simdjson::SUCCESS) {
    reader.problem("notifications", "wrong_type", "must be an array of sends");
  }
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return array;
}

std::expected<Batch, Failure> read_batch(Call& call) {
  const auto root = parse_body(call.request.body);
  if (!root) return std::unexpected(root.error());
  const auto array = batch_array(*root);
  if (!array) return std::unexpected(array.error());
  const std::size_t count = array->size();
  if (count == 0) return failed_at("/notifications", "required", "a batch has at least one send");
  if (count > model::kBatchItemsMax) {
    return failed_at("/notifications", "too_many",
                     fmt::format("a batch has at most {} sends", model::kBatchItemsMax));
  }
  const auto slices = batch_slices(call.request.body);
  const std::string_view batch_key = event_id_header(call);
  Batch batch;
  batch.read.reserve(count);
  std::size_t i = 0;
  for (const base::JsonElement element : *array) {
    // A key written with escapes is not found by the scanner; its items are written anew.
    std::string body = slices.size() == count ? std::string(slices[i]) : base::to_json(element);
    if (body.size() > model::kRequestMax) {
      batch.read.emplace_back(std::unexpected(too_large()));
    } else if (!element.is_object()) {
      batch.read.push_back(failed_at("", "wrong_type", std::string(kNotJsonItem)));
    } else {
      // The key of a batch stands for each item without an event id of its own.
      base::JsonElement own;
      const bool has_own = element["event_id"].get(own) == simdjson::SUCCESS && !own.is_null();
      std::string key = batch_key.empty() || has_own ? std::string() : fmt::format("{}#{}", batch_key, i);
      if (may_take_over(body)) {
        batch.read.emplace_back(pipeline::SendItem{});
        batch.remakes.push_back({i, std::move(body), std::move(key)});
        ++i;
        continue;
      }
      batch.read.push_back(read_item(element, std::move(body), std::nullopt, key, call.now));
    }
    ++i;
  }
  return batch;
}

Task<std::expected<pipeline::SendItem, Failure>> remade(Call& call, Batch::Remake remake) {
  CARILLON_CO_TRY(std::string body, co_await taken_over(call, std::move(remake.body)));
  if (body.size() > model::kRequestMax) co_return std::unexpected(too_large());
  CARILLON_CO_TRY(const auto root, parse_body(body));
  co_return read_item(root, std::move(body), std::nullopt, remake.event_id, call.now);
}

void write_result(base::JsonWriter& out, std::size_t index, const pipeline::SendAnswer& answer) {
  out.object().field("index", static_cast<std::int64_t>(index));
  out.field("status", answer.is_duplicate ? "duplicate" : "accepted");
  write_id(out, "id", base::kNotificationPrefix, answer.id);
  out.end_object();
}

void write_result(base::JsonWriter& out, std::size_t index, const Failure& failure) {
  out.object().field("index", static_cast<std::int64_t>(index)).field("status", "refused").key("error");
  write_problem(out, failure, {});
  out.end_object();
}

Task<Answer> send_batch(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  auto batch = read_batch(call);
  if (!batch) co_return std::unexpected(std::move(batch.error()));
  for (auto& remake : batch->remakes) {
    const std::size_t index = remake.index;
    batch->read[index] = co_await remade(call, std::move(remake));
  }
  if (rate_limit_of(call) > 0) {
    const auto cost = static_cast<std::int64_t>(batch->read.size());
    if (auto failure = co_await take_rate(call, cost)) co_return std::unexpected(std::move(*failure));
  }
  std::vector<pipeline::SendItem> items;
  items.reserve(batch->read.size());
  for (auto& item : batch->read) {
    if (item) items.push_back(std::move(*item));
  }
  std::vector<pipeline::SendResult> results;
  if (!items.empty()) results = co_await call.deps.pipeline->send(call.caller(), std::move(items));
  std::int64_t accepted = 0, duplicate = 0, refused = 0;
  base::JsonWriter list(results.size() * 64 + 64);
  list.array();
  std::size_t next = 0;
  for (std::size_t i = 0; i < batch->read.size(); ++i) {
    if (!batch->read[i]) {
      ++refused;
      write_result(list, i, batch->read[i].error());
      continue;
    }
    auto& result = results[next++];
    if (!result) {
      ++refused;
      write_result(list, i, Failure(std::move(result.error())));
    } else {
      ++(result->is_duplicate ? duplicate : accepted);
      write_result(list, i, *result);
    }
  }
  list.end_array();
  base::JsonWriter out(list.size() + 128);
  out.object().key("summary").object().field("accepted", accepted).field("duplicate", duplicate);
  out.field("refused", refused).end_object().key("results").raw(list.str()).end_object();
  co_return json_reply(out, 202);
}

Task<Answer> explain(Call& call) {
  if (call.deps.pipeline == nullptr) co_return std::unexpected(not_running());
  if (may_take_over(call.request.body)) {
    CARILLON_CO_TRY(call.request.body, co_await taken_over(call, std::move(call.request.body)));
  }
  auto item = read_single(call, std::nullopt);
  if (!item) co_return std::unexpected(std::move(item.error()));
  auto explained = co_await call.deps.pipeline->explain(call.caller(), std::move(*item));
  if (!explained) co_return std::unexpected(Failure(std::move(explained.error())));
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& e : explained->decisions) model::write_explain(out, e);
  out.end_array().key("audience").object().field("total", explained->recipients);
  out.field("shown", explained->shown).field("complete", explained->shown == explained->recipients);
  out.end_object().end_object();
  co_return json_reply(out);
}

constexpr Route send_route(std::string_view pattern, Handler handler, std::string_view summary) {
  return {.method = "POST",
          .pattern = pattern,
          .access = allow(kScopeSend, "send"),
          .handler = handler,
          .tag = "Sending",
          .summary = summary,
          .request = "SendRequest",
          .response = "SendAnswer",
          .status = 202,
          .kind = RouteKind::Sends};
}

}  // namespace

std::span<const Route> sending_routes() {
  static const Route kRoutes[] = {
      send_route("/v1/notifications", send_any, "Send a notification"),
      {.method = "POST",
       .pattern = "/v1/notifications/batch",
       .access = allow(kScopeSend, "send"),
       .handler = send_batch,
       .tag = "Sending",
       .summary = "Send up to 1,000 notifications; each stands for itself",
       .request = "BatchRequest",
       .response = "BatchAnswer",
       .status = 202,
       .kind = RouteKind::Sends,
       .body_max = model::kBatchBytesMax},
      send_route("/v1/push/send", send_on<Channel::Push>, "Send by push only"),
      send_route("/v1/sms/send", send_on<Channel::Sms>, "Send by SMS only"),
      send_route("/v1/email/send", send_on<Channel::Email>, "Send by e-mail only"),
      send_route("/v1/voice/send", send_on<Channel::Voice>, "Send by voice call only"),
      {.method = "POST",
       .pattern = "/v1/notifications/explain",
       .access = allow(kScopeSend, "send"),
       .handler = explain,
       .tag = "Sending",
       .summary = "Say what a send would do, without doing it",
       .request = "SendRequest",
       .response = "ExplainList",
       .kind = RouteKind::Sends},
  };
  return kRoutes;
}

}  // namespace carillon::api
