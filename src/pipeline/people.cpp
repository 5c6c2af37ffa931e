#include "pipeline/accept.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kProfilesPerCall = 1024;
constexpr std::size_t kSampleMax = 200;  // members of large groups that a dry run shows

// Devices named directly are turned into their owners first: rare, one look-up each.
Task<Result<void>> find_owners(store::Store& store, PeopleQuery& query) {
  for (const auto& entry : query.request->to) {
    if (entry.kind != model::RecipientKind::Device) continue;
    auto owner = co_await store.find_device(query.project, entry.id);
    if (!owner) {
      if (owner.error().code == Errc::NotFound) continue;
      co_return std::unexpected(owner.error());
    }
    query.people.device_owner.insert_or_assign(entry.id, std::move(owner->user_id));
  }
  co_return Result<void>{};
}

// Who is in the groups that entries name, when they are few enough to be routed at once.
Task<Result<void>> load_groups(store::Store& store, PeopleQuery& query) {
  People& people = query.people;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < query.request->to.size(); ++i) {
    const auto& entry = query.request->to[i];
    if (entry.kind != model::RecipientKind::Group) continue;
    people.groups.emplace_back(i, store::Group{});
    keys.push_back(entry.id);
  }
  if (keys.empty()) co_return Result<void>{};
  CARILLON_CO_TRY(auto found, co_await store.groups(query.project, std::move(keys)));
  store::MembersQuery members;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    total += found[i].members;
    members.groups.push_back({.entry = people.groups[i].first, .group = found[i].id});
    people.groups[i].second = std::move(found[i]);
  }
  people.has_all_members = total <= static_cast<std::int64_t>(model::kInlineEndpointsMax);
  if (total == 0 || !(people.has_all_members || query.wants_sample)) co_return Result<void>{};
  members.limit = people.has_all_members ? kProfilesPerCall : kSampleMax;
  CARILLON_CO_TRY(people.members, co_await store.members(std::move(members)));
  if (!people.has_all_members) co_return Result<void>{};
  // They may have become many since they were counted.
  people.has_all_members = people.members.size() <= model::kInlineEndpointsMax;
  if (!people.has_all_members) people.members.clear();
  co_return Result<void>{};
}

struct Wanted {
  PeopleQuery* query;
  std::string_view user_id;  // points into the request or into device_owner
  std::uint64_t stamp = 0;
};

Task<Result<void>> load_profiles(store::Store& store, std::vector<Wanted> wanted) {
  for (std::size_t at = 0; at < wanted.size(); at += kProfilesPerCall) {
    const std::size_t end = std::min(wanted.size(), at + kProfilesPerCall);
    std::vector<store::UserKey> keys;
    keys.reserve(end - at);
    for (std::size_t i = at; i < end; ++i) {
      wanted[i].stamp = store.profile_stamp(wanted[i].query->project, wanted[i].user_id);
      keys.push_back(store::UserKey{wanted[i].query->project, std::string(wanted[i].user_id)});
    }
    CARILLON_CO_TRY(auto profiles, co_await store.profiles(std::move(keys)));
    for (std::size_t i = at; i < end; ++i) {
      wanted[i].query->people.users.insert_or_assign(
          wanted[i].user_id, People::User{std::move(profiles[i - at]), wanted[i].stamp});
    }
  }
  co_return Result<void>{};
}

struct Asked {
  PeopleQuery* query;
  model::Channel channel;
  std::string_view address;
};

void collect_raw(PeopleQuery& query, std::vector<Asked>& asked) {
  for (const auto& entry : query.request->to) {
    const bool is_raw = entry.kind == model::RecipientKind::Email ||
                        entry.kind == model::RecipientKind::Phone ||
                        entry.kind == model::RecipientKind::Address;
    if (!is_raw) continue;
    for (const model::Channel channel : *query.channels) asked.push_back({&query, channel, entry.id});
  }
}

}  // namespace

Task<Result<void>> load_people(store::Store& store, const base::KeyedHash& address_hash,
                               std::vector<PeopleQuery*> queries) {
  std::vector<Wanted> wanted;
  wanted.reserve(queries.size());
  for (PeopleQuery* query : queries) {
    if (!query->only_members) {
      bool names_device = false, names_group = false;  // most sends need no coroutine for either
      for (const auto& entry : query->request->to) {
        if (entry.kind == model::RecipientKind::User) wanted.push_back({query, entry.id});
        names_device |= entry.kind == model::RecipientKind::Device;
        names_group |= entry.kind == model::RecipientKind::Group;
      }
      if (names_device) CARILLON_CO_CHECK(co_await find_owners(store, *query));
      if (names_group) CARILLON_CO_CHECK(co_await load_groups(store, *query));
    }
    for (const auto& member : query->people.members) wanted.push_back({query, member.user_id});
    for (const auto& [device, user] : query->people.device_owner) wanted.push_back({query, user});
  }
  if (!wanted.empty()) CARILLON_CO_CHECK(co_await load_profiles(store, std::move(wanted)));

  std::vector<Asked> asked;
  for (PeopleQuery* query : queries) {
    if (!query->only_members) collect_raw(*query, asked);
    for (const auto& [id, user] : query->people.users) {
      if (!user.profile) continue;
      collect_addresses(*query->channels, *user.profile,
                        [&](model::Channel channel, std::string_view address) {
                          asked.push_back({query, channel, address});
                        });
    }
  }
  // Suppressions are per project; one call for each project of the batch, which is nearly always one.
  while (!asked.empty()) {
    const std::int32_t project = asked.front().query->project;
    std::vector<Asked> now, later;
    for (auto& a : asked) (a.query->project == project ? now : later).push_back(a);
    std::vector<store::AddressKey> keys;
    keys.reserve(now.size());
    for (const auto& a : now) keys.push_back({a.channel, address_key(address_hash, a.channel, a.address)});
    CARILLON_CO_TRY(auto found, co_await store.suppressed(project, std::move(keys)));
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (!found[i]) continue;
      now[i].query->people.suppressed.emplace(People::key(now[i].channel, now[i].address), *found[i]);
    }
    asked = std::move(later);
  }
  co_return Result<void>{};
}

}  // namespace carillon::pipeline
