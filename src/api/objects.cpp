// Uploaded objects: taken once as they are, named in sends by id, fetched by whoever was given their URL.
#include <algorithm>

#include "api/object_stream.h"
#include "api/router.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "model/media_type.h"
#include "model/public_link.h"
#include "net/spool.h"
#include "objects/objects.h"
#include "pipeline/objects.h"

namespace carillon::api {
namespace {

constexpr std::size_t kFilenameMax = 255;  // bytes
constexpr auto kPutTimeout = std::chrono::minutes(10);
constexpr Millis kUploadLasts{3'600'000};  // afterwards its bytes are nobody's
constexpr auto kRetryAfter = std::chrono::seconds(5);

Failure objects_away(const Error& error) {
  base::log_error("objects cannot be used: {}", error.message);
  Failure failure(503, "objects_unavailable", "uploaded objects cannot be reached now");
  failure.retry_after = kRetryAfter;
  return failure;
}

void write_object(base::JsonWriter& out, const Call& call, const store::StoredObject& object) {
  out.object();
  write_id(out, "id", base::kObjectPrefix, object.id);
  out.field_or_null("filename", object.filename).field("type", object.type).field("size", object.size);
  out.field("sha256", object.sha256);
  write_app_name(out, call, object.app);
  out.field("created_by", object.created_by).field("created_at", to_rfc3339(object.created_at));
  out.field("expires_at", to_rfc3339(object.expires_at)).end_object();
}

// What the request's body is, wherever it was put while it came.
struct Upload {
  net::Body body;
  std::string sha256, head;
};
std::expected<Upload, Failure> read_upload(Call& call) {
  Upload upload;
  if (call.request.spooled) {
    upload.body = call.request.spooled->body();
    upload.sha256 = call.request.spooled->sha256();
  } else {
    upload.sha256 = base::hex(base::sha256(call.request.body));
    upload.body = net::Body(std::move(call.request.body));
  }
  upload.head.resize(model::kMediaHead);
  CARILLON_TRY(const std::size_t count, upload.body.read(0, upload.head));
  upload.head.resize(count);
  return upload;
}

std::expected<std::string, Failure> read_filename(const Call& call) {
  std::string name(call.param("filename"));
  const bool is_bad = name.size() > kFilenameMax || std::ranges::any_of(name, [](char c) {
                        const auto u = static_cast<unsigned char>(c);
                        return u < 0x20 || u == 0x7f || c == '/' || c == '\\';
                      });
  if (is_bad || base::to_valid_utf8(name) != name || (call.has_param("filename") && name.empty())) {
    return failed_at("?filename", "invalid_filename",
                     "a file name has 1 to 255 bytes of UTF-8, no path and no line break");
  }
  return name;
}

std::expected<Millis, Failure> read_life(const Call& call) {
  if (!call.has_param("ttl")) return call.options.objects.retention;
  const auto life = parse_duration(call.param("ttl"));
  if (!life) return failed_at("?ttl", "invalid_duration", "write a number and a unit: 24h, 90d");
  if (*life < pipeline::kObjectLifeMin || *life > pipeline::kObjectLifeMax)
    return failed_at("?ttl", "out_of_range", "an object is kept for 1h to 3650d");
  return *life;
}

Task<Answer> put(Call& call) {
  if (call.deps.objects == nullptr) co_return failed(503, "not_running", "the server is stopped");
  CARILLON_CO_TRY(std::string filename, read_filename(call));
  CARILLON_CO_TRY(const Millis life, read_life(call));
  const std::string_view encoding = call.request.header("Content-Encoding");
  if (!encoding.empty() && encoding != "identity") {
    co_return failed(415, "unsupported_media_type", "send the file without a Content-Encoding");
  }
  CARILLON_CO_TRY(Upload upload, read_upload(call));
  const auto size = static_cast<std::int64_t>(upload.body.size());
  if (size == 0) co_return failed(422, "required", "the body is the object: send its bytes");
  if (size > call.options.objects.size_max) {
    co_return failed(
        413, "object_too_large",
        fmt::format("an object has at most {} bytes, this has {}", call.options.objects.size_max, size));
  }
  auto type = model::settle_media_type(call.request.header("Content-Type"), upload.head);
  if (!type) co_return failed(415, "type_mismatch", std::move(type.error()));
  store::StoredObject object{.id = call.deps.ids.take(),
                             .project = call.who.project,
                             .app = call.who.app_id(),
                             .size = size,
                             .type = std::move(*type),
                             .filename = std::move(filename),
                             .sha256 = std::move(upload.sha256),
                             .created_by = call.who.actor(),
                             .created_at = call.now,
                             .expires_at = call.now + life};
  auto& rows = call.deps.store.objects();
  CARILLON_CO_CHECK(co_await rows.begin(object.id, call.now + kUploadLasts));
  auto content = std::make_shared<const net::Body>(std::move(upload.body));
  const auto kept = co_await call.deps.objects->put(pipeline::object_name(object.id), std::move(content),
                                                    base::Deadline::after(kPutTimeout));
  CARILLON_FAILPOINT("objects.after_put");
  if (!kept) co_return std::unexpected(objects_away(kept.error()));
  CARILLON_CO_CHECK(co_await rows.put(object));
  base::JsonWriter out;
  write_object(out, call, object);
  Reply reply = json_reply(out, 201);
  reply.headers.emplace_back("Location", "/v1/objects/" + pipeline::object_name(object.id));
  co_return reply;
}

Failure no_object(const Call& call) {
  return not_found(fmt::format("object '{}'", call.args[0].substr(0, 40)));
}

// The caller's object of the path. An app has its own.
Task<std::expected<store::StoredObject, Failure>> find(Call& call) {
  const auto id = base::parse_id(base::kObjectPrefix, call.args[0]);
  if (!id) co_return std::unexpected(no_object(call));
  std::vector<std::int64_t> ids{*id};
  CARILLON_CO_TRY(auto found, co_await call.deps.store.objects().get(std::move(ids)));
  auto& object = found.front();
  const bool is_mine =
      object && object->project == call.who.project && (!call.who.app || object->app == call.who.app->id);
  if (!is_mine) co_return std::unexpected(no_object(call));
  co_return std::move(*object);
}

Task<Answer> get(Call& call) {
  CARILLON_CO_TRY(const store::StoredObject object, co_await find(call));
  base::JsonWriter out;
  write_object(out, call, object);
  co_return json_reply(out);
}

Task<Answer> list(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.objects().list(
                                       call.who.project, call.who.app_id(), paging.by_id()));
  base::JsonWriter out(384 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& object : rows) write_object(out, call, object);
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

Answer content_of(const Call& call, const store::StoredObject& object) {
  if (call.deps.objects == nullptr) return failed(503, "not_running", "the server is stopped");
  const auto as = pipeline::shown_as(object);
  Reply reply;
  reply.content_type = as.type;
  reply.headers = {{"Content-Disposition", as.disposition},
                   // Nothing in it may run in this server's name.
                   {"Content-Security-Policy", "default-src 'none'; sandbox"},
                   {"ETag", fmt::format("\"{}\"", object.sha256)}};
  reply.stream = std::make_shared<ObjectStream>(*call.deps.objects, pipeline::object_name(object.id),
                                                static_cast<std::uint64_t>(object.size));
  return reply;
}

Task<Answer> get_content(Call& call) {
  CARILLON_CO_TRY(const store::StoredObject object, co_await find(call));
  co_return content_of(call, object);
}

Task<Answer> remove(Call& call) {
  CARILLON_CO_TRY(const store::StoredObject object, co_await find(call));
  const auto removed = co_await call.deps.store.objects().remove(object.id, call.actor(), call.now);
  if (!removed && removed.error().code == Errc::FailedPrecondition)
    co_return failed(409, "in_use", removed.error().message);
  CARILLON_CO_CHECK(removed);
  co_return no_content();
}

// A URL that left with a message.
Task<Answer> show(Call& call) {
  const auto link = model::read_object_token(call.args[0], call.deps.keys.link_key);
  if (!link) co_return std::unexpected(not_found("object behind this link"));
  if (link->expires_at <= call.now) {
    co_return failed(410, "link_expired", "the link worked for a while only, and that is over");
  }
  std::vector<std::int64_t> ids{link->object};
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.objects().get(std::move(ids)));
  if (!found.front()) co_return std::unexpected(not_found("object behind this link any more"));
  Answer answer = content_of(call, *found.front());
  if (answer) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(link->expires_at - call.now);
    answer->headers.emplace_back("Cache-Control", fmt::format("private, max-age={}", left.count()));
  }
  co_return answer;
}

constexpr Route route_of(std::string_view method, std::string_view pattern, unsigned scopes, Handler handler,
                         std::string_view summary, std::string_view response, int status = 200,
                         std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = allow(scopes, "objects"),
          .handler = handler,
          .tag = "Objects",
          .summary = summary,
          .response = response,
          .status = status,
          .query = query};
}

constexpr Route upload_route() {
  Route route = route_of("POST", "/v1/objects", kScopeSend, put, "Upload an object: the body is its bytes",
                         "Object", 201, "filename ttl");
  route.request = "File";
  route.kind = RouteKind::Creates;
  route.body_max = static_cast<std::size_t>(pipeline::kObjectMax);
  route.request_types = "application/octet-stream";
  route.is_spooled = true;
  return route;
}

constexpr Route file_route(std::string_view pattern, Access access, Handler handler,
                           std::string_view summary) {
  Route route = route_of("GET", pattern, kScopeSend | kScopeRead, handler, summary, {});
  route.access = access;
  route.content_type = "*/*";  // what it is
  return route;
}

}  // namespace

std::span<const Route> object_routes() {
  static const Route kRoutes[] = {
      upload_route(),
      route_of("GET", "/v1/objects", kScopeSend | kScopeRead, list, "List objects, newest first",
               "ObjectList", 200, "limit after"),
      route_of("GET", "/v1/objects/{id}", kScopeSend | kScopeRead, get, "What is known of an object",
               "Object"),
      file_route("/v1/objects/{id}/content", allow(kScopeSend | kScopeRead, "objects"), get_content,
                 "The bytes of an object"),
      route_of("DELETE", "/v1/objects/{id}", kScopeSend, remove,
               "Remove an object that no notification under way needs", {}, 204),
      file_route("/o/{token}", kOpen, show, "An image of a message, for as long as its link works"),
  };
  return kRoutes;
}

}  // namespace carillon::api
