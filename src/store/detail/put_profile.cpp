// put_profile(): the record, who owns its tokens, the log of its preferences; one transaction.
#include <algorithm>
#include <map>
#include <tuple>

#include "store/detail/profile_rows.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

// The longest unused go (CONTRACT §1).
std::size_t drop_unused_devices(model::Profile& profile) {
  if (profile.devices.size() <= model::kDevicesMax) return 0;
  const auto used_at = [](const model::Device& d) {
    Time registered{};
    for (const model::Endpoint& e : d.endpoints) registered = std::max(registered, e.registered_at);
    return std::pair(d.last_logged_in_at, registered);
  };
  std::vector<std::size_t> by_use(profile.devices.size());
  for (std::size_t i = 0; i < by_use.size(); ++i) by_use[i] = i;
  std::ranges::sort(by_use, std::greater{}, [&](std::size_t i) { return used_at(profile.devices[i]); });
  by_use.resize(model::kDevicesMax);
  std::ranges::sort(by_use);  // those that stay keep their order
  std::vector<model::Device> kept;
  for (const std::size_t i : by_use) kept.push_back(std::move(profile.devices[i]));
  const std::size_t dropped = profile.devices.size() - kept.size();
  profile.devices = std::move(kept);
  return dropped;
}

// A token stands once in a profile too: with the device that registered it last.
void drop_repeated_tokens(model::Profile& profile, const base::KeyedHash& hash) {
  std::map<base::Hash128, std::pair<model::Device*, Time>> holders;
  const auto drop = [&](model::Device& device, const base::Hash128& place) {
    std::erase_if(device.endpoints, [&](const model::Endpoint& e) {
      return endpoint_hash(hash, e.service, device.bundle, e.token) == place;
    });
  };
  std::vector<std::pair<model::Device*, base::Hash128>> repeats;
  for (model::Device& device : profile.devices) {
    for (const model::Endpoint& e : device.endpoints) {
      const base::Hash128 place = endpoint_hash(hash, e.service, device.bundle, e.token);
      const auto [it, is_new] = holders.try_emplace(place, &device, e.registered_at);
      if (is_new || it->second.first == &device) continue;
      if (e.registered_at >= it->second.second) {
        repeats.emplace_back(it->second.first, place);
        it->second = {&device, e.registered_at};
      } else {
        repeats.emplace_back(&device, place);
      }
    }
  }
  for (const auto& [device, place] : repeats) drop(*device, place);
  if (repeats.empty()) return;
  std::erase_if(profile.devices, [&](const model::Device& d) {
    return d.endpoints.empty() && std::ranges::any_of(repeats, [&](const auto& r) { return r.first == &d; });
  });
}

void write_quiet_hours(base::JsonWriter& out, const std::optional<model::QuietHours>& hours) {
  if (!hours) {
    out.null();
    return;
  }
  const auto text = [](int minutes) { return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60); };
  out.object().field("from", text(hours->from_min)).field("to", text(hours->to_min)).end_object();
}

// What changed, as JSON; empty when nothing did. "opt_in":null: the user's word was taken back.
std::string preference_change(const model::Profile* before, const model::Profile& after) {
  using Pair = std::pair<std::string_view, std::string_view>;
  std::map<Pair, std::pair<std::optional<bool>, std::optional<bool>>> pairs;
  if (before != nullptr) {
    for (const model::Preference& p : before->preferences) pairs[{p.channel, p.category}].first = p.opt_in;
  }
  for (const model::Preference& p : after.preferences) pairs[{p.channel, p.category}].second = p.opt_in;
  std::erase_if(pairs, [](const auto& pair) { return pair.second.first == pair.second.second; });
  const auto old_hours = before != nullptr ? before->quiet_hours : std::nullopt;
  const bool has_hours = old_hours != after.quiet_hours;
  if (pairs.empty() && !has_hours) return {};
  base::JsonWriter out;
  const auto flag = [&](std::string_view key, std::optional<bool> value) {
    out.key(key);
    value ? out.value(*value) : out.null();
  };
  out.object();
  if (!pairs.empty()) {
    out.key("preferences").array();
    for (const auto& [pair, change] : pairs) {
      out.object().field("channel", pair.first).field("category", pair.second);
      flag("was", change.first);
      flag("opt_in", change.second);
      out.end_object();
    }
    out.end_array();
  }
  if (has_hours) {
    out.key("quiet_hours");
    write_quiet_hours(out, after.quiet_hours);
  }
  out.end_object();
  return out.str();
}

std::string audit_detail(const ProfileChange& change, std::int64_t version, std::size_t dropped,
                         const std::vector<std::string>& moved_from) {
  base::JsonWriter out;
  out.object().field_if("source", change.source).field("version", version);
  if (dropped > 0) out.field("devices_dropped", static_cast<std::uint64_t>(dropped));
  if (!moved_from.empty()) {
    out.key("moved_from").array();
    for (const std::string& user : moved_from) out.value(user);
    out.end_array();
  }
  out.end_object();
  return out.str();
}

// Another user of the project who holds a place of `profile`, with those places.
using Holders = std::map<std::string, std::vector<base::Hash128>>;
Result<void> find_holder(Txn& txn, const model::Profile& profile, const base::Hash128& place, Holders& into) {
  Statement s = txn.db.statement("SELECT user_id FROM endpoint_owner WHERE project = ?1 AND hash = ?2");
  CARILLON_TRY(const bool has_row, s.bind(1, std::int64_t{profile.project}).bind(2, place).next());
  if (has_row && s.text(0) != profile.user_id) into[s.string(0)].push_back(place);
  return {};
}

// A token registered without its app's name may be of any app: whoever holds it under another name.
Result<void> find_named_holders(Txn& txn, const base::KeyedHash& hash, const model::Profile& profile,
                                const model::Endpoint& endpoint, Holders& into) {
  std::vector<std::string> users;
  {
    const auto [first, last] = token_range(hash, endpoint.token);
    Statement s = txn.db.statement(
        "SELECT user_id FROM endpoint_owner WHERE project = ?1 AND hash BETWEEN ?2 AND ?3 AND user_id <> ?4");
    s.bind(1, std::int64_t{profile.project}).bind(2, first).bind(3, last).bind(4, profile.user_id);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      users.push_back(s.string(0));
    }
  }
  for (const std::string& user : users) {
    CARILLON_TRY(const auto holder, take_profile(txn, UserKey{profile.project, user}));
    if (!holder) continue;
    for (const model::Device& device : holder->devices) {
      const auto is_it = [&](const model::Endpoint& e) {
        return e.service == endpoint.service && e.token == endpoint.token;
      };
      if (device.bundle.empty() || !std::ranges::any_of(device.endpoints, is_it)) continue;
      into[user].push_back(endpoint_hash(hash, endpoint.service, device.bundle, endpoint.token));
    }
  }
  return {};
}

Result<Holders> other_holders(Txn& txn, const base::KeyedHash& hash, const model::Profile& profile) {
  Holders holders;
  for (const model::Device& device : profile.devices) {
    for (const model::Endpoint& e : device.endpoints) {
      const auto place_of = [&](std::string_view bundle) {
        return endpoint_hash(hash, e.service, bundle, e.token);
      };
      CARILLON_CHECK(find_holder(txn, profile, place_of(device.bundle), holders));
      if (device.bundle.empty()) {
        CARILLON_CHECK(find_named_holders(txn, hash, profile, e, holders));
      } else {
        CARILLON_CHECK(find_holder(txn, profile, place_of(""), holders));
      }
    }
  }
  return holders;
}

Result<void> log_preferences(Txn& txn, const model::Profile& p, const std::string& change,
                             const ProfileChange& by, Time now) {
  Statement s = txn.db.statement(
      "INSERT INTO preference_log(project, user_id, at, actor, source, change) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  s.bind(1, std::int64_t{p.project})
      .bind(2, p.user_id)
      .bind(3, now)
      .bind(4, by.actor.name)
      .bind(5, by.source);
  return s.bind(6, change).run();
}

Result<void> check_email(Txn& txn, const model::Profile& profile) {
  Statement s = txn.db.statement(
      "SELECT 1 FROM profile INDEXED BY profile_email WHERE project = ?1 AND email = ?2 "
      "AND user_id <> ?3 LIMIT 1");
  s.bind(1, std::int64_t{profile.project}).bind(2, profile.email).bind(3, profile.user_id);
  CARILLON_TRY(const bool is_taken, s.next());
  if (is_taken) return fail(Errc::AlreadyExists, "another user has this e-mail address (users.unique_email)");
  return {};
}

}  // namespace

Result<void> SqlStore::take_endpoints(Txn& txn, const UserKey& from, std::span<const base::Hash128> places,
                                      Time now) {
  const base::KeyedHash& hash = keys_.address_hash;
  CARILLON_TRY(const auto before, take_profile(txn, from));
  if (!before) return {};
  model::Profile after = *before;
  for (model::Device& device : after.devices) {
    const std::size_t taken = std::erase_if(device.endpoints, [&](const model::Endpoint& e) {
      const base::Hash128 place = endpoint_hash(hash, e.service, device.bundle, e.token);
      return std::ranges::find(places, place) != places.end();
    });
    // An emptied one goes below: it lives with its new user now. Ids are never empty.
    if (taken > 0 && device.endpoints.empty()) device.device_id.clear();
  }
  std::erase_if(after.devices, [](const model::Device& d) { return d.device_id.empty(); });
  ++after.version;
  // A profile that stood for a device nobody had claimed has no one left to stand for.
  const bool is_spent = after.is_anonymous && after.devices.empty();
  CARILLON_CHECK(write_owners(txn, hash, &*before, is_spent ? nullptr : &after));
  CARILLON_CHECK(is_spent ? remove_profile(txn, from) : write_profile(txn, after));
  CARILLON_CHECK(tell_devices(txn, &*before, is_spent ? nullptr : &after, "moved", now));
  auto shared = is_spent ? nullptr : std::make_shared<const model::Profile>(std::move(after));
  txn.after_commit([this, from, shared = std::move(shared)] { keep_written(from, shared); });
  return {};
}

Result<bool> SqlStore::claim_anonymous(Txn& txn, const UserKey& who) {
  CARILLON_TRY(const auto profile, take_profile(txn, who));
  if (!profile || !profile->is_anonymous) return false;
  CARILLON_CHECK(write_owners(txn, keys_.address_hash, &*profile, nullptr));
  CARILLON_CHECK(remove_profile(txn, who));
  txn.after_commit([this, who] { keep_written(who, nullptr); });
  return true;
}

PreparedProfile prepare_profile(model::Profile profile, const base::KeyedHash& hash, Time now) {
  for (model::OtherAddress& address : profile.addresses) address.plain_secret.clear();
  drop_repeated_tokens(profile, hash);
  const std::size_t dropped = drop_unused_devices(profile);
  const std::int64_t expected = profile.version++;
  if (expected == 0 && profile.created_at == Time{}) profile.created_at = now;
  if (expected == 0 && profile.created_at != now) profile.stored_at = now;
  return PreparedProfile{std::move(profile), expected, dropped};
}

Result<PutProfileResult> SqlStore::put_prepared(Txn& txn, const PreparedProfile& prepared,
                                                const ProfileChange& change, Time now) {
  const base::KeyedHash& hash = keys_.address_hash;
  const model::Profile& profile = prepared.profile;
  const UserKey key{profile.project, profile.user_id};
  CARILLON_TRY(const auto before, take_profile(txn, key));
  if ((before ? before->version : 0) != prepared.expected) {
    return fail(Errc::Conflict, "the user was changed by somebody else: read it again and redo the change");
  }
  if (change.unique_email && !profile.email.empty()) CARILLON_CHECK(check_email(txn, profile));
  PutProfileResult result{.version = profile.version, .moved_from = {}};
  CARILLON_TRY(const Holders holders, other_holders(txn, hash, profile));
  for (const auto& [user, places] : holders) {
    CARILLON_CHECK(take_endpoints(txn, UserKey{profile.project, user}, places, now));
    result.moved_from.push_back(user);
  }
  if (!change.claims.empty() && change.claims != key.user_id) {
    CARILLON_TRY(const bool is_claimed, claim_anonymous(txn, UserKey{key.project, change.claims}));
    if (is_claimed && !holders.contains(change.claims)) result.moved_from.push_back(change.claims);
  }
  CARILLON_CHECK(write_profile(txn, profile));
  CARILLON_CHECK(write_owners(txn, hash, before ? &*before : nullptr, &profile));
  if (const std::string diff = preference_change(before ? &*before : nullptr, profile); !diff.empty()) {
    CARILLON_CHECK(log_preferences(txn, profile, diff, change, now));
    CARILLON_CHECK(tell_preferences(txn, profile, change, diff, now));
  }
  const bool has_dropped = prepared.dropped > 0;
  CARILLON_CHECK(
      tell_devices(txn, before ? &*before : nullptr, &profile, has_dropped ? "replaced" : "user", now));
  const char* action = !before                       ? "user.create"
                       : change.is_preference_change ? "user.preferences"
                                                     : "user.update";
  if (change.is_audited)
    CARILLON_CHECK(insert_audit(
        txn,
        AuditEntry{.project = key.project,
                   .at = now,
                   .actor = change.actor,
                   .action = action,
                   .object = key.user_id,
                   .detail = audit_detail(change, result.version, prepared.dropped, result.moved_from)}));
  txn.after_commit(
      [this, key, shared = std::make_shared<const model::Profile>(profile)] { keep_written(key, shared); });
  return result;
}

Task<Result<PutProfileResult>> SqlStore::put_profile(model::Profile profile, ProfileChange change, Time now) {
  if (profile.user_id.empty() || profile.user_id.size() > model::kUserIdMax) {
    co_return fail(Errc::InvalidArgument, "a user id has 1 to 128 bytes");
  }
  const PreparedProfile prepared = prepare_profile(std::move(profile), keys_.address_hash, now);
  const auto call = [this, &prepared, &change, now](Txn& txn) {
    return put_prepared(txn, prepared, change, now);
  };
  co_return co_await write(call, JobClass::Other, prepared.rows());
}

}  // namespace carillon::store::detail
