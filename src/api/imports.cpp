// Imports: a file of users or of a group's members becomes a job.
#include <algorithm>
#include <cctype>

#include "api/jobs.h"
#include "api/router.h"
#include "model/import_rows.h"

namespace carillon::api {
namespace {

using model::ImportFormat;
using model::ImportKind;

constexpr std::string_view kTypes = "text/csv application/x-ndjson";

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\""), text.size());
  const std::size_t end = text.find_last_not_of(" \t\"");
  return end == std::string_view::npos ? std::string() : std::string(text.substr(begin, end + 1 - begin));
}

// Content-Type: text/csv; header=present; charset=utf-8. Failures: 415.
std::expected<ImportFormat, Failure> read_format(const Call& call) {
  std::string given = lower(call.request.header("Content-Type"));
  std::string_view rest = given;
  const auto take = [&rest] {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string part = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
  };
  const std::string type = take();
  const bool is_csv = type == "text/csv";
  if (!is_csv && type != "application/x-ndjson" && type != "application/ndjson") {
    return failed(415, "unsupported_media_type",
                  "send the file itself with Content-Type text/csv or application/x-ndjson");
  }
  while (!rest.empty()) {
    const std::string part = take();
    const std::size_t equals = part.find('=');
    const bool is_charset = equals != std::string::npos && part.substr(0, equals) == "charset";
    const std::string value = is_charset ? trimmed(std::string_view(part).substr(equals + 1)) : "utf-8";
    if (value != "utf-8" && value != "utf8" && value != "us-ascii") {
      return failed(415, "unsupported_media_type", "write the file in UTF-8");
    }
  }
  const std::string encoding = lower(call.request.header("Content-Encoding"));
  if (!encoding.empty() && encoding != "identity") {
    return failed(415, "unsupported_media_type", "send the file without a Content-Encoding");
  }
  return is_csv ? ImportFormat::Csv : ImportFormat::Ndjson;
}

Task<Answer> begin(Call& call, ImportKind kind, std::string group) {
  CARILLON_CO_TRY(const ImportFormat format, read_format(call));
  if (call.deps.jobs == nullptr)
    co_return failed(503, "not_running", "the server is stopped: nothing is imported");
  if (call.request.body.empty()) { co_return failed(422, "required", "the body is the file: send its rows"); }
  if (const auto rows = model::ImportRows::open(call.request.body, format, kind); !rows) {
    co_return std::unexpected(Failure(rows.error()));
  }
  pipeline::JobOwner owner{call.who.project, call.who.app_id(), call.actor()};
  pipeline::ImportSpec spec{format, std::move(group)};
  CARILLON_CO_TRY(const auto job, co_await call.deps.jobs->add_import(std::move(owner), kind, std::move(spec),
                                                                      std::move(call.request.body)));
  const std::vector<store::JobError> none;
  co_return job_reply(job, none);
}

Task<Answer> import_users(Call& call) { co_return co_await begin(call, ImportKind::Users, {}); }

Task<Answer> import_members(Call& call) {
  std::string key(call.param("group"));
  if (key.empty()) co_return failed_at("?group", "required", "name the group the users are added to");
  std::vector<std::string> keys{key};
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.groups(call.who.project, std::move(keys)));
  if (found.front().id == 0) {
    co_return failed_at("?group", "unknown_group",
                        "there is no such group; make it with PUT /v1/groups/{key}");
  }
  co_return co_await begin(call, ImportKind::Members, std::move(key));
}

constexpr Route route_of(std::string_view pattern, Handler handler, std::string_view summary,
                         std::string_view request, std::string_view query = {}) {
  return {.method = "POST",
          .pattern = pattern,
          .access = allow(kScopePeople, "people"),
          .handler = handler,
          .tag = "Imports",
          .summary = summary,
          .request = request,
          .response = "Job",
          .status = 202,
          .query = query,
          .needed_query = query,
          .kind = RouteKind::Creates,
          .body_max = pipeline::kImportMax,
          .request_types = kTypes};
}

}  // namespace

std::span<const Route> import_routes() {
  static const Route kRoutes[] = {
      route_of("/v1/imports/users", import_users, "Register or change the users of a file", "UsersFile"),
      route_of("/v1/imports/members", import_members, "Add the users of a file to a group", "MembersFile",
               "group"),
  };
  return kRoutes;
}

}  // namespace carillon::api
