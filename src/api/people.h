// Changing users, for their service (/v1/users) and for themselves (/v1/me): one way of doing it.
//
// The handlers take the user from args[0] and the device from args[1], whoever put them there.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/call.h"
#include "api/router.h"

namespace carillon::api {

using ProfilePtr = std::shared_ptr<const model::Profile>;

// The user named by args[0]; null when there is none.
Task<Result<ProfilePtr>> load_user(Call& call);
[[nodiscard]] Failure no_user(const Call& call);

struct ChangeOptions {
  bool may_create = false;
  bool is_preference = false;
  bool has_body = true;
  bool is_anonymous = false;  // of a user that is made or changed
  std::string claims{};       // store::ProfileChange::claims
  std::string source{};       // of the preference log; empty: Call::source()
};
struct Changed {
  model::Profile profile;
  bool is_new = false;
};
// Says what becomes of the profile; what is wrong goes to the problems.
using Change = std::function<void(const Call&, base::JsonElement, model::Profile&, base::Problems&)>;
// Reads, changes, writes; again when somebody else was faster. Failures: 404 · 412 precondition_failed ·
// those of the body · 409 conflict.
Task<std::expected<Changed, Failure>> change_profile(Call& call, ChangeOptions options, Change change);

// The user id that stands for a device nobody has claimed: the same for the same device.
[[nodiscard]] std::string anonymous_user(const Call& call, std::string_view device_id);
[[nodiscard]] std::optional<Failure> check_device_id(std::string_view id);
// Reads the body into the device args[1] of the profile; what `claimed` (may be null) knows of it is kept
// where the body is silent.
void put_device_into(const Call& call, base::JsonElement body, const model::Device* claimed,
                     model::Profile& profile, base::Problems& problems);
[[nodiscard]] Reply device_reply(const model::Profile& profile, std::string_view id, int status);
void check_categories(const Call& call, base::JsonElement body, base::Problems& problems);
[[nodiscard]] std::string etag(std::int64_t version);

Task<Answer> put_device(Call& call);
Task<Answer> get_device(Call& call);
Task<Answer> delete_device(Call& call);
Task<Answer> list_devices(Call& call);

// Whether the user of a client is still there and the client's token was not called back since it was made.
// Failures: 401.
Task<std::optional<Failure>> refuse_client(Call& call);

}  // namespace carillon::api
