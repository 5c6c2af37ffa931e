#include "pipeline/exports.h"

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/ids.h"
#include "base/log.h"
#include "model/csv.h"
#include "model/record.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kPageRows = 200;
constexpr auto kStepEvery = std::chrono::seconds(1);  // how far it is, and whether somebody ended it
constexpr auto kPutTimeout = std::chrono::minutes(10);
constexpr auto kPutAgain = std::chrono::seconds(5);
constexpr int kPutTries = 12;
constexpr Millis kGoneAfter{3'600'000};  // its bytes, after what is said of them
constexpr std::size_t kTextMax = 512;

// The columns of each kind, and their places in `cells`.
constexpr std::string_view kDeliveryColumns[] = {
    "id",          "notification_id", "event_id",   "app",       "category",   "template",
    "channel",     "platform",        "user_id",    "device_id", "status",     "log_status",
    "reason",      "priority",        "sandbox",    "attempts",  "resent",     "generation",
    "integration", "provider_id",     "created_at", "due_at",    "expires_at", "finished_at"};
constexpr std::string_view kNotificationColumns[] = {
    "id",  "event_id", "status",           "priority",    "category", "template",  "template_version",
    "app", "sandbox",  "deliveries_total", "accepted_at", "send_at",  "expires_at"};

std::string text_of(const std::optional<Time>& time) { return time ? to_rfc3339(*time) : std::string(); }
std::string flag(bool is_so) { return is_so ? "true" : "false"; }

template <class Enum, class Name>
void write_names(base::JsonWriter& out, std::string_view key, const std::vector<Enum>& values, Name name) {
  if (values.empty()) return;
  out.key(key).array();
  for (const Enum value : values) out.value(name(value));
  out.end_array();
}

void read_statuses(base::ObjectReader& reader, store::HistoryFilter& filter, base::Problems& problems) {
  std::vector<std::string> names;
  reader.texts("statuses", names, model::kDeliveryStatusCount, kTextMax);
  for (const std::string& name : names) {
    const auto status = model::parse_delivery_status(name);
    if (!status) problems.push_back({"/statuses", "invalid_choice", name});
    if (status) filter.statuses.push_back(*status);
  }
  std::string text;
  if (reader.text("notification_status", text, kTextMax)) {
    filter.notification_status = model::parse_notification_status(text);
    if (!filter.notification_status) problems.push_back({"/notification_status", "invalid_choice", text});
  }
}

// One row, of which the columns that are wanted are written.
class Row {
 public:
  Row(std::vector<std::string>& cells, const std::vector<std::size_t>& columns)
      : cells_(cells), columns_(columns) {
    cells_.clear();
  }
  // What is not ours to choose may look like a formula to whoever opens the file.
  void text(std::string_view value) { cells_.push_back(model::no_formula(value)); }
  void plain(std::string value) { cells_.push_back(std::move(value)); }
  void name(std::string_view value) { cells_.emplace_back(value); }
  void append_to(std::string& out) const {
    std::vector<std::string> wanted;
    wanted.reserve(columns_.size());
    for (const std::size_t column : columns_) wanted.push_back(std::move(cells_[column]));
    out += model::csv_row(wanted);
  }

 private:
  std::vector<std::string>& cells_;
  const std::vector<std::size_t>& columns_;
};

}  // namespace

std::span<const std::string_view> export_columns(std::string_view kind) noexcept {
  if (kind == kJobExportDeliveries) return kDeliveryColumns;
  return kNotificationColumns;
}

std::string export_name(std::int64_t job) { return base::id_text(base::kObjectPrefix, job); }

std::string encode(const ExportSpec& spec) {
  const store::HistoryFilter& f = spec.filter;
  base::JsonWriter out;
  out.object().field_if("event_id", f.event_id).field_if("user_id", f.user_id);
  out.field_if("category", f.category);
  if (f.from) out.field("from", to_ms(*f.from));
  if (f.until) out.field("until", to_ms(*f.until));
  if (f.address_key != 0) out.field("address", f.address_key);
  if (f.channel) out.field("channel", model::name(*f.channel));
  write_names(out, "statuses", f.statuses, [](model::DeliveryStatus s) { return model::name(s); });
  if (f.notification_status) out.field("notification_status", model::name(*f.notification_status));
  write_names(out, "columns", spec.columns, [](const std::string& c) { return std::string_view(c); });
  out.end_object();
  return out.str();
}

Result<ExportSpec> decode_export_spec(std::string_view json) {
  return model::decode_record<ExportSpec>(
      json, "export", [](base::ObjectReader& reader, ExportSpec& spec, base::Problems& problems) {
        store::HistoryFilter& f = spec.filter;
        reader.text("event_id", f.event_id, kTextMax);
        reader.text("user_id", f.user_id, kTextMax);
        reader.text("category", f.category, kTextMax);
        std::int64_t ms = 0;
        if (reader.integer("from", ms, INT64_MIN, INT64_MAX)) f.from = from_ms(ms);
        if (reader.integer("until", ms, INT64_MIN, INT64_MAX)) f.until = from_ms(ms);
        reader.integer("address", f.address_key, 0, INT64_MAX);
        if (std::string channel; reader.text("channel", channel, kTextMax)) {
          f.channel = model::parse_channel(channel);
          if (!f.channel) problems.push_back({"/channel", "invalid_channel", channel});
        }
        read_statuses(reader, f, problems);
        reader.texts("columns", spec.columns, std::size(kDeliveryColumns), kTextMax);
      });
}

Task<Result<void>> Exporter::run(const bool& is_stopping) {
  CARILLON_CO_TRY(spec_, decode_export_spec(job_.spec));
  spec_.filter.project = job_.project;
  spec_.filter.app = job_.app;
  spec_.filter.limit = kPageRows;
  const auto known = export_columns(job_.kind);
  for (const std::string& column : spec_.columns) {
    const auto it = std::ranges::find(known, column);
    if (it == known.end()) co_return fail(Errc::Corruption, "a stored export names the column " + column);
    columns_.push_back(static_cast<std::size_t>(it - known.begin()));
  }
  CARILLON_CO_TRY(out_, deps_.spool.begin(file_));
  // An earlier run may have come some way; its file is gone.
  CARILLON_CO_CHECK(co_await tell(0, -job_.done));
  // Programs that open a CSV file take it for text of their own country unless it begins so.
  buffer_ = std::string(model::kByteOrderMark) + model::csv_row(spec_.columns);
  auto told = std::chrono::steady_clock::now();
  do {
    if (is_stopping) co_return Result<void>{};
    CARILLON_CO_CHECK(job_.kind == kJobExportDeliveries ? co_await take_deliveries()
                                                        : co_await take_notifications());
    CARILLON_CO_CHECK(write_out());
    if (std::chrono::steady_clock::now() - told < kStepEvery) continue;
    CARILLON_CO_CHECK(co_await tell(spec_.filter.after, rows_ - told_rows_));
    told = std::chrono::steady_clock::now();
    CARILLON_FAILPOINT("export.after_step");
  } while (spec_.filter.after != 0 && rows_ < kExportRowsMax);
  CARILLON_FAILPOINT("export.before_keep");
  // Not over what another process has made of it meanwhile.
  CARILLON_CO_CHECK(co_await tell(job_.cursor, rows_ - told_rows_));
  co_return co_await keep(is_stopping);
}

std::string Exporter::app_name(std::int64_t app) const {
  const auto snapshot = deps_.directory.snapshot();
  const auto it = snapshot->apps.find(app);
  return it == snapshot->apps.end() ? std::string() : it->second->name;
}

Task<Result<void>> Exporter::take_deliveries() {
  CARILLON_CO_TRY(const auto page, co_await deps_.store.list_deliveries(spec_.filter));
  spec_.filter.after = page.next;
  std::vector<std::int64_t> ids;
  for (const model::Delivery& d : page.rows) ids.push_back(d.notification);
  std::vector<std::shared_ptr<const model::Notification>> notifications;
  if (!ids.empty()) { CARILLON_CO_TRY(notifications, co_await deps_.store.notifications(std::move(ids))); }
  static const model::Notification kNone;  // past its retention
  for (std::size_t i = 0; i < page.rows.size() && rows_ < kExportRowsMax; ++i, ++rows_) {
    const model::Delivery& d = page.rows[i];
    const model::Notification& n = notifications[i] ? *notifications[i] : kNone;
    Row row(cells_, columns_);
    row.plain(base::id_text(base::kDeliveryPrefix, d.id));
    row.plain(base::id_text(base::kNotificationPrefix, d.notification));
    row.text(n.event_id);
    row.text(app_name(n.app));
    row.text(n.category);
    row.text(n.template_key);
    row.name(model::name(d.channel()));
    const auto platform = model::platform_of(d.queue);
    row.name(platform == model::Platform::None ? std::string_view() : model::name(platform));
    row.text(d.user_id);
    row.text(d.device_id);
    row.name(model::name(d.status));
    row.name(model::name(model::log_status(d.status)));
    row.name(model::name(d.reason));
    row.name(model::name(d.priority));
    row.plain(flag(d.is_sandbox));
    for (const auto number : {d.attempts, d.resent, d.generation}) row.plain(std::to_string(number));
    row.text(d.integration);
    row.text(d.provider_id);
    row.plain(to_rfc3339(base::id_time(d.id)));
    for (const auto& time : {d.due_at, d.expires_at, d.finished_at}) row.plain(text_of(time));
    row.append_to(buffer_);
  }
  co_return Result<void>{};
}

Task<Result<void>> Exporter::take_notifications() {
  CARILLON_CO_TRY(const auto page, co_await deps_.store.list_notifications(spec_.filter));
  spec_.filter.after = page.next;
  for (std::size_t i = 0; i < page.rows.size() && rows_ < kExportRowsMax; ++i, ++rows_) {
    const model::Notification& n = page.rows[i];
    Row row(cells_, columns_);
    row.plain(base::id_text(base::kNotificationPrefix, n.id));
    row.text(n.event_id);
    row.name(model::name(n.status));
    row.name(model::name(n.priority));
    row.text(n.category);
    row.text(n.template_key);
    row.plain(n.template_version == 0 ? std::string() : std::to_string(n.template_version));
    row.text(app_name(n.app));
    row.plain(flag(n.is_sandbox));
    row.plain(std::to_string(n.delivery_count));
    row.plain(to_rfc3339(n.accepted_at));
    for (const auto& time : {n.send_at, n.expires_at}) row.plain(text_of(time));
    row.append_to(buffer_);
  }
  co_return Result<void>{};
}

// A job that cannot go on for want of room would wait for it with half a file in the way.
Result<void> Exporter::write_out() {
  if (const auto health = deps_.store.health(); !health.can_write)
    return fail(Errc::ResourceExhausted, health.why);
  if (!base::write_all(out_.get(), buffer_))
    return fail(Errc::ResourceExhausted, "there is no room for the file; free some, or export less");
  bytes_ += static_cast<std::int64_t>(buffer_.size());
  buffer_.clear();
  return {};
}

Task<Result<void>> Exporter::tell(std::int64_t cursor, std::int64_t done) {
  store::JobStep so_far;
  so_far.cursor = cursor;
  so_far.done = done;
  co_return co_await step(std::move(so_far));
}

Task<Result<void>> Exporter::step(store::JobStep step) {
  step.job = job_.id;
  step.expected_cursor = job_.cursor;
  const std::int64_t more = std::max<std::int64_t>(step.done, 0);
  CARILLON_CO_TRY(job_, co_await deps_.store.jobs().step(std::move(step), deps_.clock.now()));
  told_rows_ += more;
  deps_.rows.add(static_cast<std::uint64_t>(more));
  co_return Result<void>{};
}

Task<Result<void>> Exporter::keep(const bool& is_stopping) {
  if (deps_.objects == nullptr) co_return fail(Errc::Unavailable, "this process keeps no objects");
  CARILLON_CO_TRY(base::Descriptor written, deps_.spool.open_file(file_));
  auto file = std::make_shared<const base::Descriptor>(std::move(written));
  auto content = std::make_shared<net::Body>();
  content->add_file(std::move(file), static_cast<std::uint64_t>(bytes_));
  CARILLON_CO_CHECK(
      co_await deps_.store.objects().begin(job_.id, deps_.clock.now() + kExportKept + kGoneAfter));
  for (int tries = 1;; ++tries) {
    const auto put =
        co_await deps_.objects->put(export_name(job_.id), content, base::Deadline::after(kPutTimeout));
    if (put) break;
    base::log_warn("what {} made is not kept yet: {}", file_, put.error().message);
    if (tries == kPutTries) co_return fail(Errc::ResourceExhausted, put.error().message);
    const auto again = base::Deadline::after(kPutAgain);
    while (!again.passed() && !is_stopping) co_await base::sleep_for(std::chrono::milliseconds(200));
    if (is_stopping) co_return Result<void>{};
  }
  CARILLON_FAILPOINT("export.after_keep");
  store::JobStep last;
  last.cursor = job_.cursor;
  last.line = bytes_;
  last.done = rows_ - told_rows_;
  last.total = rows_;
  last.is_last = true;
  if (spec_.filter.after != 0) {
    last.detail = fmt::format(
        "there were more: the file has the newest {} rows; choose a shorter time with from and until", rows_);
  }
  co_return co_await step(std::move(last));
}

}  // namespace carillon::pipeline
