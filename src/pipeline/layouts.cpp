#include "pipeline/layouts.h"

#include <algorithm>

#include "pipeline/directory.h"

namespace carillon::pipeline {
namespace {

using store::Record;
using store::RecordKey;

constexpr std::size_t kLayoutsCached = 200;

std::string layout_version_key(std::string_view key, std::int64_t version) {
  return fmt::format("{}@{:06}", key, version);
}

}  // namespace

std::int64_t LayoutHead::version_at(Time at) const noexcept {
  if (publications.empty()) return 0;
  const auto after = std::ranges::upper_bound(publications, at, {}, &std::pair<Time, std::int64_t>::first);
  return after == publications.begin() ? publications.front().second : std::prev(after)->second;
}

void LayoutHead::publish(std::int64_t version, Time now) {
  published = version;
  // The clock may have stepped back: what is in use now was put into use last.
  if (!publications.empty()) now = std::max(now, publications.back().first);
  publications.emplace_back(now, version);
  if (publications.size() > kPublicationsMax) publications.erase(publications.begin());
}

std::string encode(const LayoutHead& head) {
  base::JsonWriter out;
  out.object().field("latest", head.latest).field("published", head.published);
  if (head.is_deleted) out.field("deleted", true);
  out.key("publications").array();
  for (const auto& [at, version] : head.publications) {
    out.array().value(to_ms(at)).value(version).end_array();
  }
  out.end_array().end_object();
  return out.str();
}

Result<LayoutHead> decode_layout_head(std::string_view json) {
  base::JsonDocument document;
  base::Problems problems;
  CARILLON_TRY(const auto root, document.parse(json));
  base::ObjectReader reader(root, "", problems);
  LayoutHead head;
  reader.integer("latest", head.latest, 0, kVersionsMax);
  reader.integer("published", head.published, 0, kVersionsMax);
  reader.boolean("deleted", head.is_deleted);
  reader.array("publications", kPublicationsMax, [&](base::JsonElement item, const std::string& pointer) {
    std::int64_t at = 0, version = 0;
    if (item.at_pointer("/0").get(at) == simdjson::SUCCESS &&
        item.at_pointer("/1").get(version) == simdjson::SUCCESS) {
      head.publications.emplace_back(from_ms(at), version);
    } else {
      problems.push_back({pointer, "wrong_type", "must be a time and a version"});
    }
  });
  if (problems.empty()) return head;
  return fail(Errc::Corruption, "a stored layout does not read back: " + problems.front().pointer);
}

Task<Result<std::shared_ptr<const model::Layout>>> Directory::layout_version(std::int32_t project,
                                                                             std::string key,
                                                                             std::int64_t version) {
  const std::string name = layout_version_key(key, version);
  const std::string cache_key = fmt::format("{}/{}", project, name);
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = layouts_.find(cache_key); it != layouts_.end()) co_return it->second;
  }
  RecordKey record_key{std::string(kKindLayoutVersion), project, name};
  CARILLON_CO_TRY(const Record record, co_await store_.get_record(std::move(record_key)));
  CARILLON_CO_TRY(model::Layout layout, model::decode_layout(record.data));
  layout.key = std::move(key);
  layout.version = static_cast<int>(version);
  auto shared = std::make_shared<const model::Layout>(std::move(layout));
  const std::lock_guard lock(mutex_);
  if (layouts_.size() >= kLayoutsCached) layouts_.clear();
  layouts_.insert_or_assign(cache_key, shared);
  co_return shared;
}

Task<Result<LayoutHead>> Directory::layout_head(std::int32_t project, std::string key) {
  RecordKey record_key{std::string(kKindLayout), project, std::move(key)};
  const auto record = co_await store_.get_record(std::move(record_key));
  if (!record && record.error().code == Errc::NotFound) co_return LayoutHead{};
  if (!record) co_return std::unexpected(record.error());
  CARILLON_CO_TRY(LayoutHead head, decode_layout_head(record->data));
  head.record_version = record->version;
  co_return head;
}

Task<Result<void>> Directory::put_layout_head(std::int32_t project, std::string key, LayoutHead head,
                                              store::Actor actor) {
  Record record;
  record.key = RecordKey{std::string(kKindLayout), project, std::move(key)};
  record.data = encode(head);
  CARILLON_CO_CHECK(co_await put(std::move(record), head.record_version, std::move(actor)));
  co_return Result<void>{};
}

Task<Result<int>> Directory::put_layout(std::int32_t project, model::Layout draft, bool publish,
                                        store::Actor actor) {
  CARILLON_CO_TRY(LayoutHead head, co_await layout_head(project, draft.key));
  draft.version = static_cast<int>(++head.latest);
  draft.is_published = publish;
  head.is_deleted = false;
  if (publish) head.publish(head.latest, clock_.now());
  base::JsonWriter content;
  model::write_layout(content, draft);
  Record version;
  version.key =
      RecordKey{std::string(kKindLayoutVersion), project, layout_version_key(draft.key, draft.version)};
  version.data = content.str();
  CARILLON_CO_CHECK(co_await store_.put_record(std::move(version), 0, actor, clock_.now()));
  std::string key = draft.key;
  CARILLON_CO_CHECK(co_await put_layout_head(project, std::move(key), std::move(head), std::move(actor)));
  co_return draft.version;
}

}  // namespace carillon::pipeline
