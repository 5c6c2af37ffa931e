#include "pipeline/imports.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/failpoint.h"
#include "model/record.h"

namespace carillon::pipeline {
namespace {

// Rows of one transaction. Writing a user costs about 25 µs, a member 5: what is critical waits at most for
// one step.
constexpr std::size_t kUsersStep = 100;
constexpr std::size_t kMembersStep = 500;
constexpr std::size_t kParseStep = 50;  // rows between two looks at what else this thread has to do
constexpr int kTries = 10;              // when users of the piece are changed meanwhile

constexpr std::string_view kFormats[] = {"csv", "ndjson"};

// One problem stands for the row; the others are found when it is mended.
store::JobError error_of(std::int64_t line, const base::Problems& problems) {
  const base::Problem& first = problems.front();
  store::JobError error{
      .line = line, .item = {}, .pointer = first.pointer, .code = first.code, .detail = first.detail};
  if (problems.size() > 1) error.detail += fmt::format(" (and {} more)", problems.size() - 1);
  return error;
}

model::ImportKind kind_of(const store::StoredJob& job) {
  return job.kind == kJobImportMembers ? model::ImportKind::Members : model::ImportKind::Users;
}

}  // namespace

std::string encode(const ImportSpec& spec) {
  base::JsonWriter out;
  out.object().field("format", kFormats[static_cast<std::size_t>(spec.format)]).field_if("group", spec.group);
  out.end_object();
  return out.str();
}

Result<ImportSpec> decode_import_spec(std::string_view json) {
  return model::decode_record<ImportSpec>(json, "import",
                                          [](base::ObjectReader& reader, ImportSpec& spec, base::Problems&) {
                                            std::size_t format = 0;
                                            reader.one_of("format", format, {kFormats[0], kFormats[1]});
                                            spec.format = static_cast<model::ImportFormat>(format);
                                            reader.text("group", spec.group, 64);
                                          });
}

Task<Result<void>> Importer::run(const bool& is_stopping) {
  CARILLON_CO_TRY(spec_, decode_import_spec(job_.spec));
  documents_.resize(kUsersStep);
  auto rows = model::ImportRows::open(text_, spec_.format, kind_of(job_));
  if (!rows) co_return fail(Errc::InvalidArgument, rows.error().front().detail);
  if (job_.cursor > 0) rows->seek({static_cast<std::size_t>(job_.cursor), job_.line});
  const std::size_t most = kind_of(job_) == model::ImportKind::Members ? kMembersStep : kUsersStep;
  while (!is_stopping) {
    rows_.clear();
    for (model::ImportRow row; rows_.size() < most && rows->next(row);) rows_.push_back(std::move(row));
    const bool is_last = rows_.size() < most;
    CARILLON_CO_CHECK(co_await do_piece(rows->place(), is_last));
    if (is_last) break;
  }
  co_return Result<void>{};
}

Task<Result<void>> Importer::do_piece(model::TextPlace end, bool is_last) {
  for (int tries = 1;; ++tries) {
    store::JobStep step;
    if (kind_of(job_) == model::ImportKind::Members) {
      step = make_members();
    } else {
      CARILLON_CO_TRY(step, co_await make_users());
    }
    step.job = job_.id;
    step.expected_cursor = job_.cursor;
    step.cursor = static_cast<std::int64_t>(end.offset);
    step.line = end.line;
    step.is_last = is_last;
    CARILLON_FAILPOINT("import.before_step");
    auto done = co_await deps_.store.jobs().step(std::move(step), deps_.clock.now());
    if (!done && done.error().code == Errc::Conflict && tries < kTries) continue;
    CARILLON_CO_CHECK(done);
    CARILLON_FAILPOINT("import.after_step");
    deps_.refused.add(static_cast<std::uint64_t>(done->failed - job_.failed));
    deps_.imported.add(static_cast<std::uint64_t>(done->done - job_.done));
    job_ = std::move(*done);
    co_return Result<void>{};
  }
}

store::JobStep Importer::make_members() {
  store::JobStep step;
  step.group = spec_.group;
  step.change.actor = job_.actor;
  for (const model::ImportRow& row : rows_) {
    base::Problems problems = row.problems;
    std::optional<std::string> user_id;
    if (problems.empty()) {
      if (const auto root = documents_.front().parse(row.json)) {
        user_id = model::read_member(*root, problems);
      } else {
        problems.push_back({"", "not_json", root.error().message});
      }
    }
    if (user_id) {
      step.members.push_back(std::move(*user_id));
    } else {
      step.errors.push_back(error_of(row.line, problems));
    }
  }
  step.done = static_cast<std::int64_t>(step.members.size());
  return step;
}

// A user of the piece, as stored and as the rows so far have it.
struct Importer::Draft {
  std::shared_ptr<const model::Profile> stored;
  model::Profile profile;
  std::int64_t line = 0;  // of the last row about this user
};

Task<Result<store::JobStep>> Importer::make_users() {
  store::JobStep step;
  std::vector<std::string> users(rows_.size());  // empty: the row is broken
  std::map<std::string, Draft> drafts;
  std::vector<store::UserKey> keys;
  std::vector<base::Problems> problems(rows_.size());
  std::vector<base::JsonElement> elements(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    problems[i] = rows_[i].problems;
    if (!problems[i].empty()) continue;
    const auto root = documents_[i].parse(rows_[i].json);
    if (!root) {
      problems[i].push_back({"", "not_json", root.error().message});
    } else if (auto user = model::read_row_user(*root, problems[i])) {
      elements[i] = *root;
      if (drafts.try_emplace(*user).second) keys.push_back({job_.project, *user});
      users[i] = std::move(*user);
    }
  }
  std::vector<std::shared_ptr<const model::Profile>> stored;
  if (!keys.empty()) {
    const std::vector<store::UserKey> asked = keys;
    CARILLON_CO_TRY(stored, co_await deps_.store.profiles(std::move(keys)));
    for (std::size_t i = 0; i < asked.size(); ++i) {
      Draft& draft = drafts.find(asked[i].user_id)->second;
      draft.stored = std::move(stored[i]);
      if (draft.stored) draft.profile = *draft.stored;
      draft.profile.project = job_.project;
      draft.profile.user_id = asked[i].user_id;
      draft.profile.is_anonymous = false;
    }
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i % kParseStep == kParseStep - 1) {
      const auto executor = co_await boost::asio::this_coro::executor;
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    if (!users[i].empty()) {
      Draft& draft = drafts.find(users[i])->second;
      if (apply(elements[i], draft.profile, problems[i])) draft.line = rows_[i].line;
    }
    if (!problems[i].empty()) step.errors.push_back(error_of(rows_[i].line, problems[i]));
  }
  step.done = static_cast<std::int64_t>(rows_.size() - step.errors.size());
  for (auto& [user, draft] : drafts) {
    const bool is_same = draft.stored && *draft.stored == draft.profile;
    if (draft.line != 0 && !is_same) step.profiles.push_back({std::move(draft.profile), draft.line});
  }
  // Of two who want the same address, the first in the file gets it.
  std::ranges::sort(step.profiles, {}, &store::JobStep::ProfileRow::line);
  const auto snapshot = deps_.directory.snapshot();
  const ProjectView* const project = snapshot->project(job_.project);
  if (project == nullptr) co_return fail(Errc::NotFound, "the project is gone");
  step.change.actor = job_.actor;
  step.change.source = "import";
  step.change.unique_email = project->settings.unique_email;
  co_return step;
}

bool Importer::apply(base::JsonElement row, model::Profile& profile, base::Problems& problems) {
  model::Profile changed = profile;
  model::read_user(row, changed, problems);
  if (!problems.empty()) return false;
  keep_known_secrets(profile, changed);
  model::seal_secrets(deps_.sealer, changed);
  profile = std::move(changed);
  return true;
}

// Sealed again, the same secret would look like another one: the user would change with each import.
void Importer::keep_known_secrets(const model::Profile& before, model::Profile& after) const {
  for (model::OtherAddress& address : after.addresses) {
    if (address.plain_secret.empty()) continue;
    for (const model::OtherAddress& known : before.addresses) {
      if (known.sealed_secret.empty() || known.channel != address.channel ||
          known.service != address.service || known.address != address.address) {
        continue;
      }
      const auto secret =
          deps_.sealer.open(known.sealed_secret, model::address_context(before.project, before.user_id));
      if (!secret || secret->reveal() != address.plain_secret) continue;
      address.sealed_secret = known.sealed_secret;
      address.plain_secret.clear();
    }
  }
}

}  // namespace carillon::pipeline
