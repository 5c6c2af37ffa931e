// The checks of `carillon doctor` on what the installation does: pauses, queues, dead letters, schedules,
// backups. What the API says of them, running or stopped.
#include <chrono>
#include <filesystem>

#include "app/backup.h"
#include "app/client.h"
#include "app/doctor.h"
#include "pipeline/directory.h"

namespace carillon::app {
namespace {

constexpr Millis kOldBackup{7LL * 24 * 3'600'000};
constexpr Millis kApprovalEnds{24LL * 3'600'000};
constexpr Millis kFreshJob{7LL * 24 * 3'600'000};
constexpr std::int64_t kLateSeconds = 600;
constexpr std::size_t kNamedMax = 5;  // schedules told by name; the rest as a number

std::vector<base::JsonElement> list_at(base::JsonElement root, std::string_view key) {
  std::vector<base::JsonElement> found;
  base::JsonArray list;
  if (root[key].get(list) != simdjson::SUCCESS) return found;
  for (const auto entry : list) found.push_back(entry);
  return found;
}

// "scope" in words: "everything", or "channel=sms".
std::string scope_of(base::JsonElement pause) {
  const std::string scope = cell_at(pause, "scope");
  return scope == "-" || scope.empty() || scope == "{}" ? "everything" : scope;
}

std::string count_of(std::int64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

}  // namespace

void check_pauses(Transport& transport, Findings& findings) {
  const auto asked = ask(transport, "GET", "/v1/pauses", "pauses", findings);
  if (!asked) return;
  const auto list = list_at(asked->root, "data");
  for (const auto pause : list) {
    const bool is_restored = cell_at(pause, "by") == pipeline::kRestoreActor;
    findings.push_back({is_restored ? "restored store" : "pause " + cell_at(pause, "id"), Health::Warn,
                        is_restored ? "nothing is sent: " + cell_at(pause, "reason")
                                    : fmt::format("{} waits since {}: {}", scope_of(pause),
                                                  cell_at(pause, "at"), cell_at(pause, "reason")),
                        "carillon pause remove " + cell_at(pause, "id")});
  }
  if (list.empty()) findings.push_back({"pauses", Health::Ok, "nothing is paused", ""});
}

namespace {

void judge_lanes(const Transport& transport, const std::vector<base::JsonElement>& lanes,
                 Findings& findings) {
  std::int64_t open = 0;
  bool is_late = false;
  for (const auto lane : lanes) {
    for (const char* state : {"ready", "retrying", "held", "in_flight"}) open += integer_at(lane, state);
    double age = 0;
    if (lane["oldest_age"].get(age) != simdjson::SUCCESS || age < static_cast<double>(kLateSeconds)) continue;
    is_late = true;
    findings.push_back(
        {fmt::format("queue {} {}", cell_at(lane, "queue"), cell_at(lane, "priority")), Health::Warn,
         fmt::format("the oldest delivery has been due for {:.0f} minutes", age / 60),
         transport.way() == Transport::Way::Store ? "start the server: carillon serve"
                                                  : "look at its integrations, and at the server's log"});
  }
  if (!is_late)
    findings.push_back({"queues", Health::Ok, count_of(open, "open delivery", "open deliveries"), ""});
}

void judge_dead_letters(Transport& transport, const std::vector<base::JsonElement>& lanes,
                        Findings& findings) {
  std::int64_t dead = 0;
  for (const auto lane : lanes) dead += integer_at(lane, "dead");
  if (dead == 0) {
    findings.push_back({"dead letters", Health::Ok, "none", ""});
    return;
  }
  const auto stats = ask(transport, "GET", "/v1/stats", "dead letters", findings);
  if (!stats) return;
  std::int64_t fresh = 0;
  for (const auto row : list_at(stats->root, "data")) {
    if (cell_at(row, "status") == "dead") fresh += integer_at(row, "n");
  }
  findings.push_back({"dead letters", fresh > 0 ? Health::Warn : Health::Ok,
                      fmt::format("{}, {} of the last 24 hours", count_of(dead, "letter", "letters"), fresh),
                      fresh > 0 ? "carillon dlq list, then carillon dlq replay" : ""});
}

// Those that are in no queue.
void check_letters(Transport& transport, std::string_view kind, std::string_view what, Findings& findings) {
  const std::string check = fmt::format("dead letters, {}s", kind);
  const auto asked =
      ask(transport, "GET", fmt::format("/v1/dead-letters?limit=200&closed=false&kind={}", kind), check,
          findings);
  if (!asked) return;
  const std::size_t n = list_at(asked->root, "data").size();
  const bool has_more = cell_at(asked->root, "page.next") != "-";
  if (n == 0 && !has_more) return;
  findings.push_back(
      {check, Health::Warn, fmt::format("{}{} {} waits", n, has_more ? " or more" : "", what),
       fmt::format("carillon dlq list --kind {} --closed false, then carillon dlq replay", kind)});
}

}  // namespace

void check_queues(Transport& transport, Findings& findings) {
  const auto asked = ask(transport, "GET", "/v1/queues", "queues", findings);
  if (!asked) return;
  const auto lanes = list_at(asked->root, "data");
  judge_lanes(transport, lanes, findings);
  judge_dead_letters(transport, lanes, findings);
  check_letters(transport, "event", "that no rule could send", findings);
  check_letters(transport, "record", "of a topic that could not be taken", findings);
}

void check_approvals(Transport& transport, Time now, Findings& findings) {
  const std::string check = "approvals";
  const auto asked = ask(transport, "GET", "/v1/approvals?limit=200", check, findings);
  if (!asked) return;
  const auto waiting = list_at(asked->root, "data");
  std::size_t ending = 0;
  for (const auto approval : waiting) {
    const auto until = parse_rfc3339(cell_at(approval, "expires_at"));
    if (until && *until - now < kApprovalEnds) ++ending;
  }
  const std::string count = count_of(static_cast<std::int64_t>(waiting.size()), "send waits", "sends wait");
  if (ending == 0) {
    findings.push_back({check, Health::Ok, waiting.empty() ? "nothing waits for one" : count, ""});
    return;
  }
  findings.push_back({check, Health::Warn,
                      fmt::format("{}, {} of them for less than a day more", count, ending),
                      "carillon approval list, then carillon approval approve or reject"});
}

void check_jobs(Transport& transport, Time now, Findings& findings) {
  const std::string check = "jobs";
  const auto asked = ask(transport, "GET", "/v1/jobs?limit=200", check, findings);
  if (!asked) return;
  std::int64_t open = 0;
  std::size_t failed = 0;
  for (const auto job : list_at(asked->root, "data")) {
    const std::string state = cell_at(job, "state");
    if (state == "queued" || state == "running") ++open;
    const auto ended = parse_rfc3339(cell_at(job, "finished_at"));
    if (state != "failed" || !ended || now - *ended > kFreshJob || ++failed > kNamedMax) continue;
    findings.push_back({fmt::format("job {}", cell_at(job, "id")), Health::Warn,
                        fmt::format("{} failed: {}", cell_at(job, "kind"), cell_at(job, "detail")),
                        "mend what it says, and ask for it again"});
  }
  if (failed == 0) {
    findings.push_back({check, Health::Ok,
                        open == 0 ? "none is under way" : count_of(open, "is under way", "are under way"),
                        ""});
  }
}

void check_schedules(Transport& transport, Findings& findings) {
  std::size_t refused = 0;
  std::int64_t count = 0;
  std::string after;
  do {
    const std::string target = with_query("/v1/schedules?limit=200", {{"after", after}});
    const auto asked = ask(transport, "GET", target, "schedules", findings);
    if (!asked) return;
    for (const auto schedule : list_at(asked->root, "data")) {
      ++count;
      if (cell_at(schedule, "enabled") == "no" || cell_at(schedule, "last_error.code") == "-") continue;
      if (++refused > kNamedMax) continue;
      findings.push_back({"schedule " + cell_at(schedule, "key"), Health::Warn,
                          fmt::format("its last run was refused: {}", cell_at(schedule, "last_error.detail")),
                          "carillon schedule get " + cell_at(schedule, "key")});
    }
    after = cell_at(asked->root, "page.next");
  } while (after != "-");
  if (refused > kNamedMax) {
    findings.push_back({"schedules", Health::Warn, fmt::format("{} more were refused", refused - kNamedMax),
                        "carillon schedule list"});
  }
  if (refused == 0)
    findings.push_back({"schedules", Health::Ok, count_of(count, "schedule", "schedules"), ""});
}

void check_backup(Transport& transport, Time now, Findings& findings) {
  const std::string check = "backup";
  const auto asked = ask(transport, "GET", kBackupTarget, check, findings);
  if (!asked) return;
  const auto at = parse_rfc3339(cell_at(asked->root, "last.at"));
  if (!at) {
    findings.push_back({check, Health::Warn, "there is none of this store",
                        "carillon backup --to /ANOTHER/DISK/NAME, every day"});
    return;
  }
  const std::string path = cell_at(asked->root, "last.path");
  const auto days = std::chrono::duration_cast<std::chrono::days>(now - *at).count();
  const bool is_old = now - *at > kOldBackup;
  findings.push_back({check, is_old ? Health::Warn : Health::Ok,
                      fmt::format("{} of {}", path, to_rfc3339(*at)) +
                          (is_old ? fmt::format(", {} days ago", days) : std::string()),
                      is_old ? "carillon backup --to /ANOTHER/DISK/NAME, every day" : ""});
  const std::int64_t bytes = integer_at(asked->root, "last.bytes");
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const auto room = room_of(folder);
  if (room && room->free < bytes) {
    findings.push_back({"room for a backup", Health::Warn,
                        fmt::format("{} has {} free, the last backup took {}", folder, size_text(room->free),
                                    size_text(bytes)),
                        "remove old backups, or choose another disk"});
  }
}

}  // namespace carillon::app
