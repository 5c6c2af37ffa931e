// The Store's part that keeps what is sensitive apart from the rest, and forgets: what was sealed, when it
// has been used; what was said to a user, when the user asks for it.
//
// What is taken out of the files here is overwritten in them, as far as they are written anew.
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/task.h"
#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store {

// What a user who is forgotten leaves of a notification.
struct WipedNotification {
  std::int64_t id = 0;
  std::string expected_body;             // as it was read; somebody else may have changed it since
  std::string body;                      // a request that stands for it; empty: that stays
  std::string sealed;                    // the same of what is sealed; empty: that goes, when `body` is given
  bool is_erased = false;                // it was to this user alone
  std::vector<std::int64_t> deliveries;  // the user's
  std::int64_t user_key = 0;             // whose naming goes; 0: nobody's
};
// Ids of dead letters are below, those of notifications far above.
inline constexpr std::int64_t kLettersBelow = std::int64_t{1} << 40;
// What names a user, see Naming.
struct NamedItem {
  std::int64_t item = 0;              // a notification or a dead letter
  std::vector<std::int32_t> entries;  // ascending
};
struct NamedQuery {
  std::int64_t user_key = 0;
  std::int64_t before = INT64_MAX;  // items below this
  std::size_t limit = 100;          // 1 to 200
};

class PrivacyStore {
 public:
  virtual ~PrivacyStore() = default;

  // What is sealed of a notification or of a delivery (AcceptItem::sealed, ReplayItem::sealed); empty:
  // nothing is, or is any more. Cheap (inline on the caller's thread).
  virtual Task<Result<std::string>> sealed(std::int64_t id) = 0;

  // Newest first.
  virtual Task<Result<std::vector<NamedItem>>> named(NamedQuery query) = 0;
  // Puts other requests in the place of those stored. Of the deliveries it names, those that are open and not
  // being sent end as suppressed(user_deleted); all lose what replays changed, the device, the words of
  // providers and their sandbox messages. Of one that is_erased nothing is sent or replayed any more. Doing
  // it again changes nothing. Errors: Conflict (a body was changed meanwhile: nothing of the call is done).
  virtual Task<Result<void>> wipe_notifications(std::vector<WipedNotification> wiped, Time now) = 0;
  // Removes an event from the dead letters; of one that was replayed only what the event said, so that it
  // is known when it comes again. `rest`: what stands for it then. Not finding it is no error.
  virtual Task<Result<void>> erase_event_letter(std::int64_t id, std::string rest) = 0;
};

}  // namespace carillon::store
