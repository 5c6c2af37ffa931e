// From a validated request to its deliveries: every decision about who is reached, and why not. Pure.
//
// The same code answers a send, its dry run, and the expansion of a scheduled or large send.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/crypto.h"
#include "model/decision.h"
#include "model/template.h"
#include "pipeline/pipeline.h"
#include "pipeline/routes.h"

namespace carillon::pipeline {

// What a request says once its names are looked up.
struct Plan {
  const ProjectView* view = nullptr;
  std::shared_ptr<const model::App> app;  // null: a member
  bool is_test = false;
  std::shared_ptr<const model::Category> category;
  std::shared_ptr<const model::Template> tmpl;  // null: inline content
  std::vector<model::Channel> channels;
  model::Priority priority = model::Priority::Normal;
  bool is_lowered = false;  // the request asked for more than it may have
  Time accepted_at{};
  std::optional<Time> send_at;  // when it is expanded; nullopt: now
  std::optional<Millis> ttl;
  std::optional<Time> expires_at;       // of the last recipient, when each has a time of their own
  std::vector<std::int64_t> objects{};  // that it names, found: find_objects()

  // Something it says may be: what is, is sealed before it is stored.
  [[nodiscard]] bool is_sensitive() const noexcept {
    return category->sensitive || (tmpl && tmpl->has_sensitive);
  }
};

// Looks up category, template, channels and priority, and checks the app's grants and the parameters
// of every entry. `tmpl`: the version the request names, when it is not the published one.
// Refusal: 422 unknown_category unknown_template no_channels missing_parameter … · 403
// category_not_allowed channel_not_allowed.
[[nodiscard]] std::expected<Plan, Refusal> make_plan(const ProjectView& view,
                                                     std::shared_ptr<const model::App> app, bool is_test,
                                                     const model::SendRequest& request,
                                                     std::shared_ptr<const model::Template> tmpl, Time now);

// Sends that expand in the background are bulk, unless the category may be critical and the app too. True: it
// was not so before, which the caller is told.
bool make_bulk(Plan& plan);
inline const Warning kLoweredToBulk{"priority_lowered", "more than 256 endpoints: it is expanded as bulk",
                                    std::nullopt};

// What is known about the recipients.
struct People {
  struct User {
    std::shared_ptr<const model::Profile> profile;  // null: there is none
    std::uint64_t stamp = 0;                        // Store::profile_stamp() before it was read
  };
  std::unordered_map<std::string_view, User> users;                // by user_id in the request
  std::unordered_map<std::string_view, std::string> device_owner;  // device_id → user_id
  // Of each entry that names a group, in order of `to`; id 0: there is none of that name.
  std::vector<std::pair<std::size_t, store::Group>> groups;
  std::vector<store::Member> members;  // of all of them, each once, ascending by user_id
  bool has_all_members = true;         // false: they are too many, `members` is empty or holds a page
  // (channel, address) pairs that must not be contacted.
  std::unordered_map<std::string, store::Suppression> suppressed;
  [[nodiscard]] static std::string key(model::Channel channel, std::string_view address) {
    return fmt::format("{}:{}", static_cast<int>(channel), address);
  }
};

struct Routed {
  std::vector<model::Delivery> deliveries;  // ids not set; in order of `to`
  std::vector<store::CapCharge> caps;
  std::vector<std::int64_t> address_keys;  // of raw addresses, for the history index
  std::vector<model::Explain> explains;    // one per delivery, when asked for
  std::vector<Warning> warnings;
  base::Problems problems;  // not empty: refuse
  std::int64_t recipients = 0;
};

struct RouteInput {
  const Plan& plan;
  const model::SendRequest& request;
  const People& people;
  const base::KeyedHash& address_hash;
  Time now;
  bool wants_explain = false;
  bool skips_unknown_users = false;  // when a stored request fires: it was checked when it was accepted
  bool only_members = false;         // a page of the groups' members, without the other entries of `to`
  std::span<const Unavailable> unavailable = {};  // with wants_explain
};
[[nodiscard]] Routed route(const RouteInput& input);

// The (channel, address) pairs of one profile that suppressions must be asked for.
void collect_addresses(const std::vector<model::Channel>& channels, const model::Profile& profile,
                       const std::function<void(model::Channel, std::string_view)>& each);
// The hash under which an address is suppressed and looked up.
[[nodiscard]] base::Hash128 address_key(const base::KeyedHash& hash, model::Channel channel,
                                        std::string_view address);
// How somebody is reached on a channel other than push. Points into where it comes from.
struct PlainAddress {
  std::string_view service;        // chat: slack, kakao; else empty
  std::string_view address;        // empty: not at all
  std::string_view sealed_secret;  // that goes with it, or empty
};
// What the profile holds for a channel other than push. Of several chat addresses the first that an
// integration of the project speaks to, of which the phone is the last, by kakao; null: the first.
[[nodiscard]] PlainAddress address_of(const model::Profile& profile, model::Channel channel,
                                      const ProjectView* view);

// Where a delivery would go now; `service`: of a chat address. Without a route it waits.
struct RouteChoice {
  bool is_sandbox = false;
  bool has_route = false;
  std::string rule;
  std::vector<std::string> chain;
  std::vector<const model::Integration*> integrations;  // of the chain; none for the default sandbox
};
[[nodiscard]] RouteChoice choose_route(const Plan& plan, model::Channel channel, model::Platform platform,
                                       std::string_view country, std::string_view service);

// Loads what routing needs to know about the recipients of several requests at once. Each request keeps
// its own People; profiles are shared. Errors: the Store's.
struct PeopleQuery {
  std::int32_t project = 0;
  const model::SendRequest* request = nullptr;
  const std::vector<model::Channel>* channels = nullptr;
  bool wants_sample = false;  // the first members of groups that are too large to be loaded whole
  bool only_members = false;  // people.members is there already; other entries are not asked for
  People people;
};
Task<Result<void>> load_people(store::Store& store, const base::KeyedHash& address_hash,
                               std::vector<PeopleQuery*> queries);

}  // namespace carillon::pipeline
