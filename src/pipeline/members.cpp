// Projects, and the people who administer them.
#include <algorithm>

#include "pipeline/directory.h"
#include "pipeline/project_record.h"

namespace carillon::pipeline {
namespace {

using store::Record;
using store::RecordKey;

constexpr std::size_t kPage = 200;
constexpr std::size_t kTitleMax = 100;    // bytes
constexpr std::size_t kTokensKept = 100;  // of a member, those refused included

}  // namespace

Task<Result<std::vector<Record>>> all_records(store::Store& store, std::string kind, std::int32_t project) {
  std::vector<Record> all;
  store::ListPage page;
  page.limit = kPage;
  while (true) {
    CARILLON_CO_TRY(std::vector<Record> rows, co_await store.list_records(kind, project, page));
    const bool is_last = rows.size() < kPage;
    if (!rows.empty()) page.after_key = rows.back().key.key;
    for (auto& row : rows) all.push_back(std::move(row));
    if (is_last) co_return all;
  }
}

ProjectRecord decode_project(const std::string& json) {
  ProjectRecord project;
  base::JsonDocument document;
  base::Problems problems;
  if (const auto root = document.parse(json)) {
    base::ObjectReader reader(*root, "", problems);
    reader.text("name", project.name, 64);
    reader.boolean("sandbox_default", project.sandbox_default);
    reader.text("title", project.title, kTitleMax);
  }
  return project;
}

std::string encode_project(const ProjectRecord& project) {
  base::JsonWriter out;
  out.object().field("name", project.name).field("sandbox_default", project.sandbox_default);
  out.field_if("title", project.title).end_object();
  return out.str();
}

Task<Result<bool>> Directory::put_project(std::string key, std::string title, store::Actor actor) {
  RecordKey record_key{std::string(kKindProject), 0, key};
  auto stored = co_await store_.get_record(record_key);
  if (!stored && stored.error().code != Errc::NotFound) co_return std::unexpected(stored.error());
  if (!stored && snapshot()->projects.size() >= kProjectsMax) {
    co_return fail(Errc::ResourceExhausted,
                   fmt::format("an installation has at most {} projects", kProjectsMax));
  }
  ProjectRecord project;
  if (stored) project = decode_project(stored->data);
  project.name = std::move(key);
  project.title = std::move(title);
  Record record;
  record.key = std::move(record_key);
  record.data = encode_project(project);
  const std::int64_t version = stored ? stored->version : 0;
  CARILLON_CO_CHECK(co_await put(std::move(record), version, std::move(actor)));
  co_return version == 0;
}

Task<Result<void>> Directory::read_members(Snapshot& into) {
  CARILLON_CO_TRY(auto records, co_await all_records(store_, std::string(kKindMember), 0));
  for (const Record& record : records) {
    CARILLON_CO_TRY(model::Member member, model::decode_member(record.data));
    member.key = record.key.key;
    const auto shared = std::make_shared<const model::Member>(std::move(member));
    into.members.emplace(shared->key, shared);
    if (auto email = model::email_key(shared->email); !email.empty()) {
      const auto [it, is_new] = into.member_emails.emplace(std::move(email), shared);
      if (!is_new) it->second = nullptr;
    }
    for (const model::MemberToken& token : shared->tokens) {
      if (!token.is_revoked) into.member_tokens.emplace(token.hash, shared);
    }
  }
  co_return Result<void>{};
}

Task<Result<std::string>> Directory::add_member_token(std::string member, std::string name,
                                                      store::Actor actor) {
  RecordKey key{std::string(kKindMember), 0, std::move(member)};
  CARILLON_CO_TRY(Record record, co_await store_.get_record(std::move(key)));
  CARILLON_CO_TRY(model::Member stored, model::decode_member(record.data));
  const auto is_live = [](const model::MemberToken& token) { return !token.is_revoked; };
  const bool is_taken = std::ranges::any_of(
      stored.tokens, [&](const model::MemberToken& token) { return is_live(token) && token.name == name; });
  if (is_taken) {
    co_return fail(
        Errc::AlreadyExists,
        fmt::format("the member has a token named '{}'; use another name, or refuse that one", name));
  }
  if (std::ranges::count_if(stored.tokens, is_live) >= static_cast<std::ptrdiff_t>(model::kMemberTokensMax)) {
    co_return fail(Errc::ResourceExhausted, "a member has at most ten tokens; refuse one first");
  }
  // Those refused long ago need not be known for ever.
  if (stored.tokens.size() >= kTokensKept)
    stored.tokens.erase(std::ranges::find(stored.tokens, true, &model::MemberToken::is_revoked));
  std::string token = "mt_" + base::random_text(43);
  stored.tokens.push_back({std::move(name), keys_.credential_hash(token), clock_.now(), false});
  record.data = model::encode(stored);
  const std::int64_t version = record.version;
  CARILLON_CO_CHECK(co_await put(std::move(record), version, std::move(actor)));
  co_return token;
}

std::shared_ptr<const model::Member> Directory::find_member(const Snapshot& snapshot,
                                                            std::string_view token) const {
  if (snapshot.member_tokens.empty()) return nullptr;
  const auto it = snapshot.member_tokens.find(std::string_view(keys_.credential_hash(token)));
  return it == snapshot.member_tokens.end() ? nullptr : it->second;
}

}  // namespace carillon::pipeline
