// What administrators set up, as an immutable snapshot in memory: apps, categories, templates,
// integrations, routes, pauses, settings of every project.
//
// The send path reads a snapshot without lock or I/O; a change goes through put() or remove(), which
// commit it to the Store (audited) and swap the snapshot before they return.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/crypto.h"
#include "base/task.h"
#include "model/admin.h"
#include "model/category.h"
#include "model/member.h"
#include "model/rule.h"
#include "model/sender.h"
#include "model/template.h"
#include "pipeline/layouts.h"
#include "pipeline/push_keys.h"
#include "store/store.h"

namespace carillon::pipeline {

// Record kinds in the Store.
inline constexpr std::string_view kKindProject = "project";
inline constexpr std::string_view kKindApp = "app";
inline constexpr std::string_view kKindManagementKey = "key";
inline constexpr std::string_view kKindMember = "member";
inline constexpr std::string_view kKindCategory = "category";
inline constexpr std::string_view kKindTemplate = "template";                 // key; data: {"published":n}
inline constexpr std::string_view kKindTemplateVersion = "template_version";  // key@n
inline constexpr std::string_view kKindLayout = "layout";                     // key; data: LayoutHead
inline constexpr std::string_view kKindLayoutVersion = "layout_version";      // key@n
inline constexpr std::string_view kKindIntegration = "integration";
inline constexpr std::string_view kKindRoute = "route";
inline constexpr std::string_view kKindSender = "sender";
inline constexpr std::string_view kKindPause = "pause";
inline constexpr std::string_view kPausePrefix = "pau_";
// Who set the pause that a restored store begins with; no caller has this name.
inline constexpr std::string_view kRestoreActor = "restore";
inline constexpr std::string_view kKindRule = "rule";
inline constexpr std::string_view kKindSchedule = "schedule";             // not in the snapshot
inline constexpr std::string_view kKindScheduleState = "schedule_state";  // of the schedule with that key
inline constexpr std::string_view kKindSettings = "settings";             // one per project: "project"

inline constexpr std::int32_t kDefaultProject = 1;
inline constexpr std::size_t kProjectsMax = 100;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

// What the sealed secret of a key of `client_jwt` is bound to.
std::string client_jwt_context(std::int32_t project, std::string_view kid);
// The same of the webhook of `alerts`.
std::string alert_webhook_context(std::int32_t project);

inline constexpr std::int64_t kVersionsMax = 1'000'000;  // of a template or a layout

// The record of a template: which versions there are.
struct TemplateHead {
  std::int64_t latest = 0, published = 0;
  bool is_deleted = false, is_archived = false;
  std::int64_t record_version = 0;  // the record's own
};
Result<TemplateHead> decode_template_head(const store::Record& record);  // Errors: those of JSON

struct ProjectView {
  std::int32_t id = kDefaultProject;
  std::string name = "default";  // its key
  std::string title;             // for people
  Time created_at{};
  TextMap<std::shared_ptr<const model::Category>> categories;  // the built-in ones included
  TextMap<std::shared_ptr<const model::Template>> templates;   // the published version of each
  std::set<std::string, std::less<>> archived;                 // templates not to be used by new sends
  TextMap<LayoutHead> layouts;                                 // removed ones included
  std::vector<model::Integration> integrations;                // in order of creation
  std::vector<model::Route> routes;                            // in order of position
  std::vector<model::Sender> senders;                          // by key
  std::vector<model::Pause> pauses;
  std::shared_ptr<const model::RuleSet> rules = std::make_shared<const model::RuleSet>();
  model::ProjectSettings settings;
  std::shared_ptr<const model::ClientJwtVerifier> client_jwt;  // of the settings; null: none
  PushKey push_key;                                            // of its own, for web push
  bool sandbox_is_default = false;  // nothing else is configured: every channel ends in the sandbox

  [[nodiscard]] const model::Integration* find_integration(std::string_view key) const;
};

struct CredentialView {
  std::shared_ptr<const model::App> app;
  const model::AppKey* key = nullptr;  // inside *app
};

struct Snapshot {
  std::uint64_t generation = 0;
  std::unordered_map<std::int32_t, std::shared_ptr<const ProjectView>> projects;
  TextMap<CredentialView> app_keys;                                          // by ck_…
  std::unordered_map<std::int64_t, std::shared_ptr<const model::App>> apps;  // by id
  TextMap<std::shared_ptr<const model::ManagementKey>> management;           // by token hash
  TextMap<std::shared_ptr<const model::Member>> members;                     // by key
  TextMap<std::shared_ptr<const model::Member>> member_tokens;               // by token hash, those in use
  TextMap<std::shared_ptr<const model::Member>> member_emails;  // by email_key(); null: of several
  std::unordered_map<std::string, std::int32_t> project_ids;    // by key

  [[nodiscard]] const ProjectView* project(std::int32_t id) const;
  // Pauses that came with a restore and still stand, of all projects.
  [[nodiscard]] std::vector<const model::Pause*> restored_pauses() const;
  // An app that acts later than it asked. `error`: what it is instead, "gone" or "disabled".
  [[nodiscard]] std::expected<std::shared_ptr<const model::App>, std::string_view> usable_app(
      std::int64_t id) const;
};

// Thread-safe. Reloads are serialised.
class Directory {
 public:
  // `sandbox_default`: CONTRACT §6, embedded mode on a new store; remembered in the Store.
  static Task<Result<std::unique_ptr<Directory>>> open(store::Store& store, const base::KeyRing& keys,
                                                       const base::Clock& clock);

  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;

  // Stores and reloads. Errors as Store::put_record and delete_record.
  Task<Result<store::Record>> put(store::Record record, std::optional<std::int64_t> expected_version,
                                  store::Actor actor);
  Task<Result<void>> remove(store::RecordKey key, store::Actor actor);
  Task<Result<void>> reload();
  // Reads again what other processes changed since the last call; one call at a time. Errors: those of the
  // Store.
  Task<Result<void>> follow();

  // Makes an app with a live and a test key. `secret` of the answer is shown once.
  struct NewKey {
    std::string key, secret;
  };
  struct NewApp {
    model::App app;
    NewKey live, test;
  };
  Task<Result<NewApp>> create_app(std::int32_t project, std::string name, store::Actor actor);
  // Another key for an app (rotation). Errors: NotFound · ResourceExhausted (ten live keys).
  Task<Result<NewKey>> add_app_key(std::int32_t project, std::string name, bool is_test, unsigned scopes,
                                   store::Actor actor);
  // A pk_… key, which has no secret. Errors: the same.
  Task<Result<std::string>> add_publishable_key(std::int32_t project, std::string name, bool is_test,
                                                store::Actor actor);
  // mt_…; without projects it is for all of them and the installation itself.
  Task<Result<std::string>> create_management_key(std::string name, std::vector<std::string> scopes,
                                                  std::vector<std::string> projects, store::Actor actor);

  // Makes a project or gives it another title; true when it was made (members.cpp). Errors:
  // ResourceExhausted (kProjectsMax).
  Task<Result<bool>> put_project(std::string key, std::string title, store::Actor actor);
  // A token with which a member acts, mt_…, to be shown once. Errors: NotFound · AlreadyExists (one of that
  // name is in use) · ResourceExhausted (kMemberTokensMax).
  Task<Result<std::string>> add_member_token(std::string member, std::string name, store::Actor actor);

  // Who a credential belongs to. Errors: Unauthenticated (unknown key, wrong secret, revoked) ·
  // PermissionDenied (app disabled).
  [[nodiscard]] Result<CredentialView> check_app_key(const Snapshot& snapshot, std::string_view key,
                                                     std::string_view secret) const;
  // Publishable keys have no secret to be wrong. Errors: the same.
  [[nodiscard]] static Result<CredentialView> check_publishable_key(const Snapshot& snapshot,
                                                                    std::string_view key);
  [[nodiscard]] Result<std::shared_ptr<const model::ManagementKey>> check_management_token(
      const Snapshot& snapshot, std::string_view token) const;
  // Null: it is no member's.
  [[nodiscard]] std::shared_ptr<const model::Member> find_member(const Snapshot& snapshot,
                                                                 std::string_view token) const;

  // A stored template version; cached. Errors: NotFound.
  Task<Result<std::shared_ptr<const model::Template>>> template_version(std::int32_t project, std::string key,
                                                                        int version);
  // Errors: Conflict (it was changed since it was read).
  Task<Result<void>> put_template_head(std::int32_t project, std::string key, TemplateHead head,
                                       store::Actor actor);
  // Stores `draft` as the next version and, with `publish`, makes it the published one. Its number.
  Task<Result<int>> put_template(std::int32_t project, model::Template draft, bool publish,
                                 store::Actor actor);

  // Layouts likewise (layouts.cpp). A head of which there is none has latest 0.
  Task<Result<std::shared_ptr<const model::Layout>>> layout_version(std::int32_t project, std::string key,
                                                                    std::int64_t version);
  Task<Result<LayoutHead>> layout_head(std::int32_t project, std::string key);
  Task<Result<void>> put_layout_head(std::int32_t project, std::string key, LayoutHead head,
                                     store::Actor actor);
  Task<Result<int>> put_layout(std::int32_t project, model::Layout draft, bool publish, store::Actor actor);

  // Keeps an integration with its secret settings sealed. `settings` in clear. `reason`: paused.
  Task<Result<void>> put_integration(std::int32_t project, model::Integration integration,
                                     store::Actor actor);
  // The settings JSON with secrets opened. Errors: Corruption, FailedPrecondition (another key).
  [[nodiscard]] Result<std::string> open_settings(std::int32_t project, const model::Integration& i) const;
  // The same with each secret as {"set":true}, for reading back.
  [[nodiscard]] std::string masked_settings(const model::Integration& i) const;

 private:
  Task<Result<void>> read_members(Snapshot& into);
  Task<Result<void>> add_key(std::int32_t project, std::string name, model::AppKey key, store::Actor actor);
  Directory(store::Store& store, const base::KeyRing& keys, const base::Clock& clock);
  store::Store& store_;
  const base::KeyRing& keys_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;  // guards current_, versions_ and layouts_; never held across a suspension
  std::shared_ptr<const Snapshot> current_;
  TextMap<std::shared_ptr<const model::Template>> versions_;
  TextMap<std::shared_ptr<const model::Layout>> layouts_;
  std::atomic<std::uint64_t> reads_{0};  // begun
  std::uint64_t current_read_ = 0;       // that made current_; under mutex_
  std::uint64_t followed_ = 0;           // revision of the store; follow()'s
};

}  // namespace carillon::pipeline
