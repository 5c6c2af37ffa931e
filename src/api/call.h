// One request on its way through a handler, and what handlers share.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/api.h"
#include "api/auth.h"
#include "api/cursor.h"
#include "api/failure.h"
#include "base/ids.h"

namespace carillon::api {

struct Route;
class Live;

inline constexpr std::size_t kPathArgsMax = 3;
inline constexpr std::size_t kPageDefault = 50;
inline constexpr std::size_t kPageMax = 200;

// Lives in the frame of Api::handle() for as long as its handler runs.
struct Call {
  const Deps& deps;
  const Options& options;
  net::HttpRequest request;
  const Route* route = nullptr;
  std::array<std::string, kPathArgsMax> args{};  // of the path, decoded, in order
  Identity who{};
  std::shared_ptr<const pipeline::Snapshot> snapshot{};
  std::string request_id{};
  std::string peer{};  // IP address of whoever sent it; empty: this machine
  std::vector<std::pair<std::string, std::string>> query{};
  net::Headers extra{};  // headers the answer gets whatever becomes of it
  Accounts* accounts = nullptr;
  Live* live = nullptr;
  bool is_secure = false;                   // the browser came by https, as far as is known
  std::string session_token{};              // of the cookie, made here; empty: none
  std::optional<store::Session> session{};  // of that token, whether it still stands or not
  Time now{};

  // The project the caller acts on. Valid while `snapshot` is held.
  [[nodiscard]] const pipeline::ProjectView& view() const { return *snapshot->project(who.project); }
  // The value of a query parameter; empty when absent.
  [[nodiscard]] std::string_view param(std::string_view name) const noexcept;
  [[nodiscard]] bool has_param(std::string_view name) const noexcept;
  [[nodiscard]] pipeline::Caller caller() const;
  // Whom a change is put down to, with this request.
  [[nodiscard]] store::Actor actor() const { return {who.actor(), request_id, peer}; }
  // For the logs of what people changed: "client" for their own phones and browsers, else "api".
  [[nodiscard]] std::string source() const;
};

// Parses the body with this thread's document: the element is gone after the next parse() on this thread,
// so nothing of it may be used after a suspension. Failures: 400 not_json.
[[nodiscard]] std::expected<base::JsonElement, Failure> parse_body(std::string_view body);

// ---- pages of lists
struct Paging {
  std::size_t limit = kPageDefault;
  Cursor after;
  std::string scope;
  // For lists ordered by id.
  [[nodiscard]] store::ListPage by_id() const {
    store::ListPage page;
    page.after = after.id;
    page.limit = limit;
    return page;
  }
};
// Reads `limit` and `after`. The cursor is bound to the path, the caller's project and app, and the
// other query parameters. Failures: 422 out_of_range, invalid_cursor.
[[nodiscard]] std::expected<Paging, Failure> read_paging(const Call& call);
// Writes ,"page":{"next":…} and closes the object. Null when there is no more.
void write_page(base::JsonWriter& out, const Call& call, const Paging& paging,
                const std::optional<Cursor>& next);
// The same where the store says at which id it goes on; 0: there is no more.
inline void write_page(base::JsonWriter& out, const Call& call, const Paging& paging, std::int64_t next) {
  write_page(out, call, paging, next == 0 ? std::nullopt : std::optional(Cursor{next, {}}));
}
// The same after a whole page of rows: behind the last of them, named by its id or its key.
template <class Rows, class Place>
void write_page(base::JsonWriter& out, const Call& call, const Paging& paging, const Rows& rows,
                Place place) {
  std::optional<Cursor> next;
  if (rows.size() == paging.limit) {
    if constexpr (std::is_integral_v<decltype(place(rows.back()))>) {
      next = Cursor{place(rows.back()), {}};
    } else {
      next = Cursor{0, place(rows.back())};
    }
  }
  write_page(out, call, paging, next);
}

// ---- what is written as text, in a query or a body; failures: 422 with that pointer
[[nodiscard]] std::expected<Time, Failure> read_time(std::string_view text, std::string pointer);
[[nodiscard]] std::expected<model::Channel, Failure> read_channel(std::string_view text, std::string pointer);
// ---- query parameters; failures: 422 with the pointer "?name"
[[nodiscard]] std::expected<std::optional<Time>, Failure> time_param(const Call& call, std::string_view name);
[[nodiscard]] std::expected<std::optional<model::Channel>, Failure> channel_param(const Call& call,
                                                                                  std::string_view name);
// true, false, 1, 0 or absent (`fallback`).
[[nodiscard]] std::expected<bool, Failure> flag_param(const Call& call, std::string_view name, bool fallback);

// ---- answers
[[nodiscard]] Reply json_reply(base::JsonWriter& out, int status = 200);
[[nodiscard]] inline Reply no_content() { return Reply{204, {}, {}}; }
void write_id(base::JsonWriter& out, std::string_view key, std::string_view prefix, std::int64_t id);
// The app's name, or null for sends of a management key.
void write_app_name(base::JsonWriter& out, const Call& call, std::int64_t app);

// An id of the path. Failures: 404 (a malformed id names nothing).
[[nodiscard]] std::expected<std::int64_t, Failure> path_id(const Call& call, std::string_view prefix,
                                                           std::size_t index = 0);
[[nodiscard]] Failure not_found(std::string what);
// A key of the path in its own words. Failures: 422 invalid_key.
[[nodiscard]] std::optional<Failure> check_key(std::string_view key);
using model::is_user_id;
using model::user_id_rule;
// The pipeline sees what changed in the configuration.
void configuration_changed(const Call& call);

}  // namespace carillon::api
