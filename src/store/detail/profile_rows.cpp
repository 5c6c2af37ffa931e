#include "store/detail/profile_rows.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace carillon::store::detail {
namespace {

constexpr std::size_t kTokenBytes = 8;  // of an endpoint's hash

std::set<std::string_view> device_ids_of(const model::Profile* profile) {
  std::set<std::string_view> ids;
  if (profile == nullptr) return ids;
  for (const model::Device& d : profile->devices) ids.insert(d.device_id);
  return ids;
}

Result<void> write_device_owners(Txn& txn, const model::Profile& who,
                                 const std::set<std::string_view>& before,
                                 const std::set<std::string_view>& after) {
  for (const std::string_view id : before) {
    if (after.contains(id)) continue;
    Statement s =
        txn.db.statement("DELETE FROM device_owner WHERE project = ?1 AND device_id = ?2 AND user_id = ?3");
    CARILLON_CHECK(s.bind(1, std::int64_t{who.project}).bind(2, id).bind(3, who.user_id).run());
  }
  for (const std::string_view id : after) {
    if (before.contains(id)) continue;
    Statement s = txn.db.statement(
        "INSERT INTO device_owner(project, device_id, user_id) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING");
    CARILLON_CHECK(s.bind(1, std::int64_t{who.project}).bind(2, id).bind(3, who.user_id).run());
  }
  return {};
}

}  // namespace

std::int64_t profile_id(std::int32_t project, std::string_view user_id) {
  // The key is no secret: two users made to meet cost the later one a second look-up, nothing else.
  static const base::KeyedHash kHash("carillon.profile");
  const std::string_view project_bytes(reinterpret_cast<const char*>(&project), sizeof project);
  return kHash.low63({project_bytes, user_id});
}

namespace {

Result<std::shared_ptr<model::Profile>> read_profile(const Statement& s, const UserKey& key) {
  auto profile = std::make_shared<model::Profile>();
  CARILLON_CHECK(model::decode_profile(s.text(1), *profile));
  profile->project = key.project;
  profile->user_id = key.user_id;
  profile->version = s.integer(0);
  return profile;
}

}  // namespace

Result<std::shared_ptr<model::Profile>> take_profile(Txn& txn, const UserKey& key) {
  if (!txn.db.is_server()) return load_profile(txn.db, key);
  Statement s =
      txn.db.statement("SELECT version, data FROM profile WHERE project = ?1 AND user_id = ?2 FOR UPDATE");
  CARILLON_TRY(const bool has_row, s.bind(1, std::int64_t{key.project}).bind(2, key.user_id).next());
  if (!has_row) return nullptr;
  return read_profile(s, key);
}

Result<std::shared_ptr<model::Profile>> load_profile(Db& db, const UserKey& key, std::int64_t id) {
  if (!db.is_server()) {
    Statement by_id = db.statement("SELECT version, data, user_id, project FROM profile WHERE id = ?1");
    CARILLON_TRY(const bool is_there, by_id.bind(1, id).next());
    if (is_there && by_id.text(2) == key.user_id && by_id.integer(3) == key.project)
      return read_profile(by_id, key);
  }
  Statement s = db.statement("SELECT version, data FROM profile WHERE project = ?1 AND user_id = ?2");
  CARILLON_TRY(const bool has_row, s.bind(1, std::int64_t{key.project}).bind(2, key.user_id).next());
  if (!has_row) return nullptr;
  return read_profile(s, key);
}

Result<void> write_profile(Txn& txn, const model::Profile& profile) {
  const std::string data = model::encode(profile);
  if (txn.db.is_server()) {
    Statement s = txn.db.statement(
        "INSERT INTO profile(project, user_id, version, email, data, phone) VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
        "ON CONFLICT(project, user_id) DO UPDATE SET version = excluded.version, email = excluded.email, "
        "data = excluded.data, phone = excluded.phone");
    s.bind(1, std::int64_t{profile.project}).bind(2, profile.user_id).bind(3, profile.version);
    return s.bind_or_null(4, profile.email).bind(5, data).bind_or_null(6, profile.phone_number).run();
  }
  const auto write = [&](std::optional<std::int64_t> id) {
    Statement s = txn.db.statement(
        "INSERT INTO profile(id, project, user_id, version, email, data, phone) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) "
        "ON CONFLICT(project, user_id) DO UPDATE SET version = excluded.version, email = excluded.email, "
        "data = excluded.data, phone = excluded.phone");
    if (id)
      s.bind(1, *id);
    else
      s.bind_null(1);
    s.bind(2, std::int64_t{profile.project}).bind(3, profile.user_id).bind(4, profile.version);
    return s.bind_or_null(5, profile.email).bind(6, data).bind_or_null(7, profile.phone_number).run();
  };
  const Result<void> done = write(profile_id(profile.project, profile.user_id));
  // Another user has that id: this one takes a free one and is found by its name.
  if (!done && done.error().code == Errc::AlreadyExists) return write(std::nullopt);
  return done;
}

Result<void> remove_profile(Txn& txn, const UserKey& key) {
  Statement s = txn.db.statement("DELETE FROM profile WHERE project = ?1 AND user_id = ?2");
  return s.bind(1, std::int64_t{key.project}).bind(2, key.user_id).run();
}

Result<bool> has_unfilled_phones(Db& db) {
  Statement s = db.statement("SELECT 1 FROM profile_fill WHERE id = 1");
  return s.next();
}

Result<bool> fill_phones(Txn& txn) {
  constexpr std::int64_t kPieceRows = 1'000;
  UserKey last;
  {
    Statement s = txn.db.statement("SELECT project, user_id FROM profile_fill WHERE id = 1");
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return false;
    last = {s.as<std::int32_t>(0), s.string(1)};
  }
  std::vector<std::pair<UserKey, std::string>> found;
  std::int64_t rows = 0;
  {
    Statement s = txn.db.statement(
        "SELECT project, user_id, data FROM profile WHERE (project, user_id) > (?1, ?2) "
        "ORDER BY project, user_id LIMIT ?3");
    s.bind(1, std::int64_t{last.project}).bind(2, std::string_view(last.user_id)).bind(3, kPieceRows);
    UserKey next = last;
    for (;; ++rows) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      next = {s.as<std::int32_t>(0), s.string(1)};
      model::Profile profile;
      // What cannot be read is told where it is asked for.
      if (!model::decode_profile(s.text(2), profile) || profile.phone_number.empty()) continue;
      found.emplace_back(next, std::move(profile.phone_number));
    }
    last = std::move(next);
  }
  for (const auto& [key, phone] : found) {
    Statement s = txn.db.statement(
        "UPDATE profile SET phone = ?3 WHERE project = ?1 AND user_id = ?2 AND phone IS NULL");
    CARILLON_CHECK(s.bind(1, std::int64_t{key.project}).bind(2, key.user_id).bind(3, phone).run());
  }
  if (rows < kPieceRows) {
    CARILLON_CHECK(txn.db.statement("DELETE FROM profile_fill WHERE id = 1").run());
    return false;
  }
  Statement s = txn.db.statement("UPDATE profile_fill SET project = ?1, user_id = ?2 WHERE id = 1");
  CARILLON_CHECK(s.bind(1, std::int64_t{last.project}).bind(2, last.user_id).run());
  return true;
}

base::Hash128 endpoint_hash(const base::KeyedHash& hash, std::string_view service, std::string_view bundle,
                            std::string_view token) {
  base::Hash128 place = hash({"token", token});
  const base::Hash128 whole = hash({"endpoint", service, bundle, token});
  std::copy_n(whole.begin(), place.size() - kTokenBytes, place.begin() + kTokenBytes);
  return place;
}

std::pair<base::Hash128, base::Hash128> token_range(const base::KeyedHash& hash, std::string_view token) {
  base::Hash128 first = hash({"token", token});
  base::Hash128 last = first;
  std::fill(first.begin() + kTokenBytes, first.end(), std::uint8_t{0});
  std::fill(last.begin() + kTokenBytes, last.end(), std::uint8_t{0xff});
  return {first, last};
}

std::vector<OwnedEndpoint> endpoints_of(const model::Profile& profile, const base::KeyedHash& hash) {
  std::vector<OwnedEndpoint> all;
  for (const model::Device& d : profile.devices) {
    for (const model::Endpoint& e : d.endpoints) {
      all.push_back({endpoint_hash(hash, e.service, d.bundle, e.token), d.device_id});
    }
  }
  std::ranges::sort(all, [](const auto& a, const auto& b) {
    return std::tie(a.hash, a.device_id) < std::tie(b.hash, b.device_id);
  });
  return all;
}

Result<void> write_owners(Txn& txn, const base::KeyedHash& hash, const model::Profile* before,
                          const model::Profile* after) {
  const model::Profile& who = after != nullptr ? *after : *before;
  const auto old_ones = before != nullptr ? endpoints_of(*before, hash) : std::vector<OwnedEndpoint>{};
  const auto new_ones = after != nullptr ? endpoints_of(*after, hash) : std::vector<OwnedEndpoint>{};
  for (const OwnedEndpoint& e : old_ones) {
    const auto is_kept = std::ranges::binary_search(new_ones, e.hash, {}, &OwnedEndpoint::hash);
    if (is_kept) continue;
    Statement s =
        txn.db.statement("DELETE FROM endpoint_owner WHERE project = ?1 AND hash = ?2 AND user_id = ?3");
    CARILLON_CHECK(s.bind(1, std::int64_t{who.project}).bind(2, e.hash).bind(3, who.user_id).run());
  }
  for (const OwnedEndpoint& e : new_ones) {
    if (std::ranges::find(old_ones, e) != old_ones.end()) continue;
    Statement s = txn.db.statement(
        "INSERT INTO endpoint_owner(project, hash, user_id, device_id) VALUES(?1, ?2, ?3, ?4) "
        "ON CONFLICT(project, hash) DO UPDATE SET user_id = excluded.user_id, device_id = "
        "excluded.device_id");
    s.bind(1, std::int64_t{who.project}).bind(2, e.hash).bind(3, who.user_id).bind(4, e.device_id);
    CARILLON_CHECK(s.run());
  }
  return write_device_owners(txn, who, device_ids_of(before), device_ids_of(after));
}

}  // namespace carillon::store::detail
