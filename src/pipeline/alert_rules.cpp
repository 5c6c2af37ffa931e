#include "pipeline/alert_rules.h"

#include <algorithm>
#include <utility>

namespace carillon::pipeline {
namespace {

using model::AlertKey;
using model::AlertKind;

constexpr Millis kExhaustedQuiet{3'600'000};  // without another dead letter
constexpr Millis kRefresh{60'000};            // how often what goes on is stored as it is now
constexpr int kRouteLooks = 10;               // after which held deliveries have met the new configuration
constexpr double kYearMs = 365.0 * 86'400'000;

// A state is looked at a few times before it is believed: a queue right after the clock was moved, or a count
// between two commits of another process, is nothing to wake anybody for.
int looks_to_open(AlertKind kind) noexcept {
  return kind == AlertKind::OldestAge || kind == AlertKind::Accountability ? 3 : 1;
}
// Some come and go at their limit, and must not be told of each time.
int looks_to_resolve(AlertKind kind) noexcept {
  if (kind == AlertKind::IntegrationPaused || kind == AlertKind::WebhookSwitchedOff) return 1;
  return kind == AlertKind::DiskLow ? 60 : 3;
}

// Deliveries of a project in one state, by queue.
std::map<std::pair<std::int32_t, model::Queue>, std::int64_t> count_state(const Observed& seen,
                                                                          model::DeliveryStatus status) {
  std::map<std::pair<std::int32_t, model::Queue>, std::int64_t> found;
  for (const auto& row : seen.counters) {
    if (row.status == status && !row.is_sandbox) found[{row.project, row.queue}] += row.n;
  }
  return found;
}

// A vendor's words without line breaks and without what may be a recipient's: alerts leave this server.
std::string without_addresses(std::string_view text) {
  constexpr std::size_t kDigitsMax = 6;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto is_space = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
    if (is_space(text[at])) {
      out += ' ';
      ++at;
      continue;
    }
    const auto end = static_cast<std::size_t>(
        std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_space) - text.begin());
    const std::string_view word = text.substr(at, end - at);
    const auto digits =
        static_cast<std::size_t>(std::ranges::count_if(word, [](char c) { return c >= '0' && c <= '9'; }));
    out += word.contains('@') || digits > kDigitsMax ? std::string_view("…") : word;
    at = end;
  }
  return out;
}

std::string mib(std::int64_t bytes) { return fmt::format("{} MiB", bytes >> 20); }

}  // namespace

void describe(base::SettingsGroup& group, AlertOptions& o) {
  group.integer("repeats", o.repeats)
      .range(1, 1'000'000)
      .help("So many failures with one code of one integration, within repeat_window, are an alert.");
  group.duration("repeat_window", o.repeat_window)
      .range(60'000, 86'400'000)
      .help("The time in which failures with one code are counted together.");
  group.duration("age_critical", o.age_critical)
      .range(1'000, kYearMs)
      .help("So long may a critical delivery that is due wait before it is an alert.");
  group.duration("age_high", o.age_high).range(1'000, kYearMs).help("The same for priority high.");
  group.duration("age_normal", o.age_normal).range(1'000, kYearMs).help("The same for priority normal.");
  group.duration("age_bulk", o.age_bulk).range(1'000, kYearMs).help("The same for priority bulk.");
  group.bytes("disk_free", o.disk_free)
      .range(0, 1LL << 50)
      .help("Less free disk than this, above what sends need (store.disk_free_min), is an alert.");
  group.boolean("private_addresses", o.private_addresses)
      .help("Lets the webhook of alerts be in this network: private and loopback addresses, and plain http.");
}

Millis AlertOptions::age_limit(model::Priority priority) const noexcept {
  switch (priority) {
    case model::Priority::Critical: return age_critical;
    case model::Priority::High: return age_high;
    case model::Priority::Normal: return age_normal;
    case model::Priority::Bulk: break;
  }
  return age_bulk;
}

void AlertBook::load(const std::vector<model::Alert>& open) {
  entries_.clear();
  for (const auto& alert : open) {
    Entry entry;
    entry.is_open = true;
    entry.detail = alert.detail;
    entry.last_at = alert.last_at;
    entries_.insert_or_assign(alert.key, std::move(entry));
  }
}

std::size_t AlertBook::open_count() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(entries_, [](const auto& e) { return e.second.is_open; }));
}

void AlertBook::add_paused(const Observed& seen, std::vector<AlertSign>& out) const {
  for (const auto& [id, view] : seen.snapshot->projects) {
    for (const auto& integration : view->integrations) {
      if (!integration.enabled || integration.paused.empty()) continue;
      out.push_back(
          {{id, AlertKind::IntegrationPaused, integration.key}, without_addresses(integration.paused)});
    }
  }
}

void AlertBook::add_webhooks(const Observed& seen, std::vector<AlertSign>& out) const {
  for (const auto& stored : seen.switched_off)
    out.push_back(
        {{stored.project, AlertKind::WebhookSwitchedOff, stored.webhook.key}, stored.webhook.paused});
}

// Queues are of the whole installation: the default project hears of them.
void AlertBook::add_lanes(const Observed& seen, std::vector<AlertSign>& out) const {
  for (const auto& lane : seen.lanes) {
    if (!lane.oldest_due) continue;
    const Millis limit = options_.age_limit(lane.lane.priority);
    const auto age = std::chrono::duration_cast<Millis>(seen.now - *lane.oldest_due);
    if (age <= limit / 2) continue;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(age);
    out.push_back({{kDefaultProject, AlertKind::OldestAge,
                    fmt::format("{}/{}", model::name(lane.lane.queue), model::name(lane.lane.priority))},
                   fmt::format("the oldest has been due for {}, the limit is {}; {} are ready",
                               to_duration_text(seconds), to_duration_text(limit), lane.ready),
                   0,
                   age <= limit});
  }
}

void AlertBook::add_counters(const Observed& seen, std::vector<AlertSign>& out) const {
  std::map<std::int32_t, std::pair<std::int64_t, std::int64_t>> sums;  // accepted, all states
  for (const auto& row : seen.counters) {
    auto& [accepted, states] = sums[row.project];
    (row.status ? states : accepted) += row.n;
  }
  for (const auto& [project, sum] : sums) {
    if (sum.first == sum.second) continue;
    out.push_back({{project, AlertKind::Accountability, "deliveries"},
                   fmt::format("{} were accepted, the states sum up to {}", sum.first, sum.second)});
  }
  for (const auto& [project, difference] : seen.recounted) {
    out.push_back(
        {{project, AlertKind::Accountability, "recount"},
         fmt::format("counting all deliveries again showed the counters to be off by {}", difference)});
  }
}

void AlertBook::add_letters(const Observed& seen, std::vector<AlertSign>& out) const {
  for (const auto& tally : seen.letters) {
    // The words about an event or a record may name a recipient: its code has to do.
    if (!tally.rule.empty() || !tally.topic.empty()) {
      const auto prefix = tally.rule.empty() ? model::kTopicSubject : model::kRuleSubject;
      out.push_back({{tally.project, AlertKind::RetriesExhausted,
                      fmt::format("{}{}", prefix, tally.rule.empty() ? tally.topic : tally.rule)},
                     "the last one: " + tally.reason,
                     tally.n});
      continue;
    }
    out.push_back(
        {{tally.project, AlertKind::RetriesExhausted, std::string(model::name(tally.queue))},
         fmt::format("the last one: {}", without_addresses(tally.error.empty() ? tally.reason : tally.error)),
         tally.n});
  }
  // It goes on until all were sent again, or nothing was given up for a while.
  const auto dead = count_state(seen, model::DeliveryStatus::Dead);
  for (const auto& [key, entry] : entries_) {
    if (!entry.is_open || key.kind != AlertKind::RetriesExhausted) continue;
    const bool is_of_input =
        key.subject.starts_with(model::kRuleSubject) || key.subject.starts_with(model::kTopicSubject);
    const bool has_dead =
        is_of_input || std::ranges::any_of(dead, [&](const auto& d) {
          return d.first.first == key.project && d.second > 0 && model::name(d.first.second) == key.subject;
        });
    if (has_dead && seen.now - entry.last_at < kExhaustedQuiet) out.push_back({key, {}, 0, true});
  }
}

void AlertBook::add_no_route(const Observed& seen, std::vector<AlertSign>& out) {
  const std::uint64_t generation = seen.snapshot->generation;
  for (const auto& met : seen.no_route) {
    AlertKey key{met.project, AlertKind::NoRoute, std::string(model::name(met.channel))};
    Entry& entry = entries_[key];
    entry.generation = generation;
    entry.looks_since = 0;
    out.push_back(
        {std::move(key),
         fmt::format("deliveries on {} are held until something carries them", model::name(met.channel)),
         met.n});
  }
  // What is held is looked at again with each new configuration, and met again when it still has no route.
  const auto held = count_state(seen, model::DeliveryStatus::Held);
  for (auto& [key, entry] : entries_) {
    if (!entry.is_open || key.kind != AlertKind::NoRoute) continue;
    if (entry.generation != generation) ++entry.looks_since;
    const bool has_held = std::ranges::any_of(held, [&](const auto& h) {
      return h.first.first == key.project && h.second > 0 &&
             model::name(model::channel_of(h.first.second)) == key.subject;
    });
    if (has_held && entry.looks_since < kRouteLooks) out.push_back({key, {}, 0, true});
  }
}

void AlertBook::add_failures(const Observed& seen, std::vector<AlertSign>& out) const {
  for (const auto& f : seen.failures) {
    const bool is_faint = f.in_window < options_.repeats;
    if (is_faint && f.in_window < options_.repeats / 2) continue;
    AlertKey key{f.project, AlertKind::RepeatingProblem, fmt::format("{} {}", f.subject, f.code)};
    const auto it = entries_.find(key);
    const bool is_open = it != entries_.end() && it->second.is_open;
    // Those that led to the opening count too.
    out.push_back({std::move(key),
                   fmt::format("{} times within {}: {}", f.in_window,
                               to_duration_text(options_.repeat_window), without_addresses(f.detail)),
                   is_open ? f.fresh : f.in_window, is_faint});
  }
}

void AlertBook::add_disk(const Observed& seen, std::vector<AlertSign>& out) const {
  const std::int64_t free = seen.health.disk_free_bytes, needed = seen.health.disk_needed_bytes;
  const std::int64_t limit = needed + options_.disk_free;
  // A little more than the limit, so that it does not come and go.
  if (free > limit + options_.disk_free / 10) return;
  out.push_back({{kDefaultProject, AlertKind::DiskLow, "disk"},
                 fmt::format("{} are free; below {} sends are refused", mib(free), mib(needed)),
                 0,
                 free >= limit});
}

std::vector<AlertSign> AlertBook::signs(const Observed& seen) {
  std::vector<AlertSign> found;
  add_paused(seen, found);
  add_lanes(seen, found);
  add_counters(seen, found);
  add_letters(seen, found);
  add_no_route(seen, found);
  add_failures(seen, found);
  add_disk(seen, found);
  add_webhooks(seen, found);
  return found;
}

void AlertBook::note(AlertSign sign) {
  const auto it = entries_.find(sign.key);
  if (sign.is_faint && (it == entries_.end() || !it->second.is_open)) return;
  Entry& entry = it == entries_.end() ? entries_[sign.key] : it->second;
  entry.missed = -1;  // seen by this look
  entry.is_going_on = entry.is_going_on || !sign.is_faint;
  entry.times += sign.times;
  if (!sign.detail.empty()) entry.detail = std::move(sign.detail);
}

std::vector<store::AlertChange> AlertBook::look(const Observed& seen) {
  using Change = store::AlertChange;
  for (auto& sign : signs(seen)) note(std::move(sign));
  std::vector<Change> changes;
  for (auto it = entries_.begin(); it != entries_.end();) {
    auto& [key, entry] = *it;
    const bool is_seen = std::exchange(entry.missed, entry.missed < 0 ? 0 : entry.missed + 1) < 0;
    const bool is_going_on = std::exchange(entry.is_going_on, false);
    entry.seen = is_seen ? entry.seen + 1 : 0;
    if (!is_seen && !entry.is_open && entry.times == 0) {
      it = entries_.erase(it);
      continue;
    }
    // What happened is told even if nothing of it is seen any more.
    if (!entry.is_open && (entry.times > 0 || entry.seen >= looks_to_open(key.kind))) {
      changes.push_back({Change::Kind::Open, key, entry.detail, std::max<std::int64_t>(entry.times, 1), {}});
    } else if (entry.is_open && (entry.times > 0 || (is_going_on && seen.now - entry.last_at >= kRefresh))) {
      changes.push_back({Change::Kind::Repeat, key, entry.detail, entry.times, {}});
    } else if (entry.is_open && entry.missed >= looks_to_resolve(key.kind)) {
      changes.push_back({Change::Kind::Resolve, key, {}, 0, {}});
    }
    ++it;
  }
  return changes;
}

void AlertBook::done(const std::vector<store::AlertChange>& changes, Time now) {
  for (const auto& change : changes) {
    if (change.kind == store::AlertChange::Kind::Resolve) {
      entries_.erase(change.key);
      continue;
    }
    Entry& entry = entries_[change.key];
    entry.is_open = true;
    entry.times = 0;
    entry.last_at = now;
  }
}

}  // namespace carillon::pipeline
