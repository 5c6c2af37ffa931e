#include "pipeline/recount.h"

#include <cstdlib>

#include "base/log.h"
#include "model/record.h"

namespace carillon::pipeline {
namespace {

constexpr std::string_view kKey = "recount";
constexpr std::int64_t kHour = 3'600'000, kDay = 24 * kHour;  // ms

store::RecordKey key_of(std::int32_t project) {
  return {std::string(kKindRecount), project, std::string(kKey)};
}

std::string encode(const Recounted& recounted) {
  base::JsonWriter out;
  out.object().field("at", to_ms(recounted.at)).field("difference", recounted.difference).end_object();
  return out.str();
}

Result<Recounted> decode(std::string_view json) {
  return model::decode_record<Recounted>(
      json, "recount", [](base::ObjectReader& reader, Recounted& recounted, base::Problems&) {
        std::int64_t at = 0;
        reader.integer("at", at, 0, INT64_MAX);
        reader.integer("difference", recounted.difference, 0, INT64_MAX);
        recounted.at = from_ms(at);
      });
}

}  // namespace

Task<Result<std::optional<Recounted>>> load_recount(store::Store& store, std::int32_t project) {
  auto key = key_of(project);
  const auto record = co_await store.get_record(std::move(key));
  if (!record && record.error().code == Errc::NotFound) co_return std::nullopt;
  if (!record) co_return std::unexpected(record.error());
  co_return decode(record->data);
}

Time next_recount(Time now, std::int64_t hour) noexcept {
  const std::int64_t at = to_ms(now);
  const std::int64_t today = at - at % kDay + hour * kHour;
  return from_ms(today > at ? today : today + kDay);
}

void Recounter::tick() {
  if (is_busy_ || is_stopping_) return;
  // It may come to its end before spawn() returns.
  if (!is_loaded_) {
    is_busy_ = true;
    if (!gate_.spawn(deps_.delivery, "load", [this] { return load(); })) is_busy_ = false;
    return;
  }
  if (hour_ < 0) return;
  const Time now = deps_.clock.now();
  if (now < due_) return;
  due_ = next_recount(now, hour_);
  is_busy_ = true;
  if (!gate_.spawn(deps_.delivery, "recount", [this] { return run(); })) is_busy_ = false;
}

std::vector<std::pair<std::int32_t, std::int64_t>> Recounter::differences() const {
  std::vector<std::pair<std::int32_t, std::int64_t>> found;
  for (const auto& [project, last] : last_) {
    if (last.difference != 0) found.emplace_back(project, last.difference);
  }
  return found;
}

Task<void> Recounter::load() {
  const auto snapshot = deps_.directory.snapshot();
  is_loaded_ = true;
  for (const auto& [project, view] : snapshot->projects) {
    const auto last = co_await load_recount(deps_.store, project);
    if (last && *last) last_[project] = **last;
    if (!last) base::log_warn("what the last recount came to cannot be read: {}", last.error().message);
  }
  is_busy_ = false;
}

Task<void> Recounter::run() {
  const auto counted = co_await count();
  if (!counted && !is_stopping_)
    base::log_warn("the recount has to wait for a day: {}", counted.error().message);
  is_busy_ = false;
}

Task<Result<void>> Recounter::count() {
  CARILLON_CO_TRY(const auto rows, co_await deps_.store.recount());
  const Time now = deps_.clock.now();
  std::map<std::int32_t, std::int64_t> off;
  for (const auto& row : rows) off[row.project] += std::abs(row.n);
  const auto snapshot = deps_.directory.snapshot();
  for (const auto& [project, view] : snapshot->projects) {
    const Recounted recounted{now, off[project]};
    if (recounted.difference != 0)
      base::log_error("the counters of project '{}' are off by {}", view->name, recounted.difference);
    store::Record record;
    record.key = key_of(project);
    record.data = encode(recounted);
    CARILLON_CO_CHECK(co_await deps_.store.put_record(std::move(record), std::nullopt, std::string(), now));
    last_[project] = recounted;
  }
  co_return Result<void>{};
}

}  // namespace carillon::pipeline
