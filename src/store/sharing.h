// What processes that have one store open together know of each other. Any thread.
#pragma once

#include <cstdint>

namespace carillon::store {

// What changed: another number after each change of a record, and of a schedule.
struct Revision {
  std::uint64_t records = 0, schedules = 0;
  bool operator==(const Revision&) const = default;
};

// As it is for a store that only this process has.
class Sharing {
 public:
  virtual ~Sharing() = default;
  // Whether other processes may have the store open, too.
  [[nodiscard]] virtual bool is_shared() const noexcept { return false; }
  // Whether this process does what one of all does: schedules, alerts, webhooks, housekeeping. For the
  // moment: ask again before each piece of it.
  [[nodiscard]] virtual bool is_leader() const noexcept { return true; }
  // Whether others may believe that this process is alive for a while yet. If not, they may take over what it
  // has in processing: it begins no request.
  [[nodiscard]] virtual bool holds_lease() const noexcept { return true; }
  // How often that was over before it was so again. What was claimed under another number may be in the hands
  // of others by now: it is begun no more. It has changed when holds_lease() is true again.
  [[nodiscard]] virtual std::uint64_t lapses() const noexcept { return 0; }
  // Whether this process may say of others that they are gone. Not while, and for a lease's time after, the
  // store was away from it: they may have been cut off like it, and come back a moment later than it.
  [[nodiscard]] virtual bool may_take_over() const noexcept { return true; }
  // What any process changed, a second late at most; of a store that is not shared always the same.
  [[nodiscard]] virtual Revision revision() const noexcept { return {}; }
  // Another number after each change of a job, an approval or an alert: at once when this process made it, a
  // second late at most when another did. Of one project or another: it says when to look, not at what.
  [[nodiscard]] virtual std::uint64_t news() const noexcept = 0;
};

}  // namespace carillon::store
