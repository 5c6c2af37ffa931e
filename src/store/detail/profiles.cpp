// Users and devices: reading them, removing them, and forgetting dead addresses.
#include <algorithm>

#include "store/detail/lists.h"
#include "store/detail/overwriting.h"
#include "store/detail/profile_rows.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

// Rows of user_id, version, data.
Result<Profiles> read_listed(Statement& s, std::int32_t project) {
  Profiles profiles;
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return profiles;
    auto profile = std::make_shared<model::Profile>();
    CARILLON_CHECK(model::decode_profile(s.text(2), *profile));
    profile->project = project;
    profile->user_id = s.string(0);
    profile->version = s.integer(1);
    profiles.push_back(std::move(profile));
  }
}

}  // namespace

void SqlStore::keep_written(const UserKey& key, std::shared_ptr<const model::Profile> profile) {
  profile_cache_->put_written(profile_id(key.project, key.user_id), std::move(profile));
}

Task<Result<Profiles>> SqlStore::list_profiles(std::int32_t project, ListPage page) {
  co_return co_await read_people([project, page = std::move(page)](Db& db) -> Result<Profiles> {
    Statement s = db.statement(
        "SELECT user_id, version, data FROM profile WHERE project = ?1 AND user_id > ?2 "
        "ORDER BY user_id LIMIT ?3");
    s.bind(1, std::int64_t{project}).bind(2, page.after_key).bind(3, rows_of(page));
    return read_listed(s, project);
  });
}

Task<Result<Profiles>> SqlStore::profiles_by_address(AddressQuery query) {
  co_return co_await read_people([query = std::move(query)](Db& db) -> Result<Profiles> {
    if (query.is_phone) {
      CARILLON_TRY(const bool is_incomplete, has_unfilled_phones(db));
      if (is_incomplete) {
        return fail(Errc::Unavailable,
                    "phone numbers that an earlier version stored are still being indexed; try again in a "
                    "minute");
      }
    }
    // From a place in the index to its end: what others have the same address is not gone through again.
    Statement s = query.is_phone
                      ? db.statement(
                            "SELECT user_id, version, data FROM profile INDEXED BY profile_phone WHERE "
                            "project = ?1 AND phone IS NOT NULL AND (phone, user_id) > (?2, ?3) AND phone "
                            "<= ?4 ORDER BY phone, user_id LIMIT ?5")
                      : db.statement(
                            "SELECT user_id, version, data FROM profile INDEXED BY profile_email WHERE "
                            "project = ?1 AND email IS NOT NULL AND (email, user_id) > (?2, ?3) AND email "
                            "<= ?4 ORDER BY email, user_id LIMIT ?5");
    const bool is_next = !query.after_address.empty();
    s.bind(1, std::int64_t{query.project}).bind(2, is_next ? query.after_address : query.first);
    s.bind(3, is_next ? query.after_user : std::string_view()).bind(4, query.last);
    s.bind(5, static_cast<std::int64_t>(std::clamp<std::size_t>(query.limit, 1, kPageMax)));
    return read_listed(s, query.project);
  });
}

namespace {

// The users that may hold a device of that id or a token of that text: candidates, to be verified.
Result<std::vector<std::string>> holders_of(Db& db, const base::KeyedHash& hash, std::int32_t project,
                                            const std::string& device_id) {
  constexpr std::int64_t kHoldersMax = 100;
  std::vector<std::string> users;
  Statement by_id =
      db.statement("SELECT user_id FROM device_owner WHERE project = ?1 AND device_id = ?2 LIMIT ?3");
  by_id.bind(1, std::int64_t{project}).bind(2, device_id).bind(3, kHoldersMax);
  for (;;) {
    CARILLON_TRY(const bool has_row, by_id.next());
    if (!has_row) break;
    users.push_back(by_id.string(0));
  }
  if (!users.empty()) return users;
  const auto [first, last] = token_range(hash, device_id);
  Statement by_token = db.statement(
      "SELECT user_id FROM endpoint_owner WHERE project = ?1 AND hash >= ?2 "
      "AND hash <= ?3 LIMIT ?4");
  by_token.bind(1, std::int64_t{project}).bind(2, first).bind(3, last).bind(4, kHoldersMax);
  for (;;) {
    CARILLON_TRY(const bool has_row, by_token.next());
    if (!has_row) return users;
    users.push_back(by_token.string(0));
  }
}

bool is_named(const model::Device& device, const std::string& id) {
  return device.device_id == id ||
         std::ranges::any_of(device.endpoints, [&](const model::Endpoint& e) { return e.token == id; });
}

}  // namespace

Task<Result<TokenOwner>> SqlStore::find_device(std::int32_t project, std::string device_id) {
  co_return co_await look_people([&](Db& db) -> Result<TokenOwner> {
    CARILLON_TRY(const auto users, holders_of(db, keys_.address_hash, project, device_id));
    std::optional<TokenOwner> best;
    for (const std::string& user : users) {
      CARILLON_TRY(const auto profile, load_profile(db, UserKey{project, user}));
      if (!profile) continue;
      for (const model::Device& device : profile->devices) {
        if (!is_named(device, device_id)) continue;
        // Several users may know an installation by that id: the one who used it last has it now.
        if (best && best->device.last_logged_in_at >= device.last_logged_in_at) continue;
        best = TokenOwner{user, device};
      }
    }
    if (!best) return fail(Errc::NotFound, "no such device");
    return std::move(*best);
  });
}

Task<Result<void>> SqlStore::delete_profile(UserKey key, Actor actor, Time now) {
  const auto call = [this, key = std::move(key), actor = std::move(actor), now](Txn& txn) -> Result<void> {
    CARILLON_TRY(const auto profile, take_profile(txn, key));
    if (!profile) return fail(Errc::NotFound, "no such user");
    CARILLON_CHECK(write_owners(txn, keys_.address_hash, &*profile, nullptr));
    CARILLON_CHECK(tell_devices(txn, &*profile, nullptr, "user_deleted", now));
    CARILLON_CHECK(remove_profile(txn, key));
    CARILLON_CHECK(insert_audit(txn, AuditEntry{.project = key.project,
                                                .at = now,
                                                .actor = actor,
                                                .action = "user.delete",
                                                .object = key.user_id,
                                                .detail = {}}));
    txn.after_commit([this, key] { keep_written(key, nullptr); });
    return {};
  };
  co_return co_await write(call);
}

Task<Result<void>> SqlStore::erase_user(UserKey key, Actor actor, Time now) {
  const auto call = [this, key = std::move(key), actor = std::move(actor), now](Txn& txn) -> Result<void> {
    const Overwriting overwriting(txn.db);
    CARILLON_TRY(const auto profile, take_profile(txn, key));
    if (profile) CARILLON_CHECK(write_owners(txn, keys_.address_hash, &*profile, nullptr));
    CARILLON_CHECK(remove_profile(txn, key));
    CARILLON_CHECK(forget_events(txn, key));
    // By group, which is what the members are found by; the counts first, while it can be seen who is in.
    for (const char* sql :
         {"UPDATE user_group SET n = n - 1 WHERE project = ?1 AND EXISTS (SELECT 1 FROM member m WHERE "
          "m.user_group = user_group.id AND m.user_id = ?2 AND m.removed IS NULL)",
          "DELETE FROM member WHERE user_group IN (SELECT id FROM user_group WHERE project = ?1) AND user_id "
          "= ?2",
          "DELETE FROM preference_log WHERE project = ?1 AND user_id = ?2"}) {
      CARILLON_CHECK(txn.db.statement(sql).bind(1, std::int64_t{key.project}).bind(2, key.user_id).run());
    }
    CARILLON_CHECK(insert_audit(txn, AuditEntry{.project = key.project,
                                                .at = now,
                                                .actor = actor,
                                                .action = "user.erase",
                                                .object = key.user_id,
                                                .detail = {}}));
    txn.after_commit([this, key] { keep_written(key, nullptr); });
    return {};
  };
  co_return co_await write(call);
}

Result<bool> SqlStore::forget_endpoint(Txn& txn, const UserKey& user, const std::string& device_id,
                                       const DeadAddress& address, Time now) {
  if (user.user_id.empty()) return false;
  CARILLON_TRY(const auto before, take_profile(txn, user));
  if (!before) return false;
  model::Profile after = *before;
  std::size_t removed = 0;
  for (model::Device& device : after.devices) {
    if (!device_id.empty() && device.device_id != device_id) continue;
    removed += std::erase_if(device.endpoints, [&](const model::Endpoint& e) {
      // One registered after the vendor's verdict is a new life of the same token.
      const bool is_newer = address.invalid_since && e.registered_at > *address.invalid_since;
      return e.service == address.service && e.token == address.token && !is_newer;
    });
  }
  if (removed == 0) return false;
  // Nothing is left to reach such a device by.
  std::erase_if(after.devices, [&](const model::Device& d) {
    const bool is_meant = device_id.empty() || d.device_id == device_id;
    return is_meant && d.endpoints.empty();
  });
  ++after.version;
  CARILLON_CHECK(write_profile(txn, after));
  CARILLON_CHECK(write_owners(txn, keys_.address_hash, &*before, &after));
  CARILLON_CHECK(tell_devices(txn, &*before, &after, "invalid_token", now));
  txn.after_commit([this, user, shared = std::make_shared<const model::Profile>(std::move(after))] {
    keep_written(user, shared);
  });
  return true;
}

Task<Result<std::vector<PreferenceChange>>> SqlStore::preference_log(UserKey key, ListPage page) {
  using Changes = std::vector<PreferenceChange>;
  co_return co_await read_people([key = std::move(key), page](Db& db) -> Result<Changes> {
    Changes changes;
    Statement s = db.statement(
        "SELECT id, at, actor, source, change FROM preference_log WHERE project = ?1 "
        "AND user_id = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4");
    s.bind(1, std::int64_t{key.project}).bind(2, key.user_id).bind(3, below(page)).bind(4, rows_of(page));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return changes;
      changes.push_back({s.time(1), s.string(2), s.string(3), s.string(4), s.integer(0)});
    }
  });
}

}  // namespace carillon::store::detail
