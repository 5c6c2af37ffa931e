// A notification: one accepted request, and its deliveries.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "model/channel.h"
#include "model/content.h"
#include "model/status.h"

namespace carillon::model {

inline constexpr std::size_t kRecipientsMax = 1000;      // entries of `to`
inline constexpr std::size_t kInlineEndpointsMax = 256;  // above: expanded in the background
inline constexpr std::size_t kRequestMax = 256 * 1024;   // bytes of one send
inline constexpr std::size_t kBatchBytesMax = 8 * 1024 * 1024;
inline constexpr std::size_t kBatchItemsMax = 1000;
inline constexpr std::size_t kEventIdMax = 256;  // bytes
inline constexpr Millis kSendAtMax = std::chrono::days(90);

enum class RecipientKind : std::uint8_t { User, Device, Group, Email, Phone, Address, Token };

// One entry of `to`.
struct Recipient {
  RecipientKind kind = RecipientKind::User;
  std::string id;                      // user_id, device_id, group key, e-mail, phone, address or token
  Channel channel = Channel::Chat;     // Address
  std::string service;                 // Address
  Platform platform = Platform::None;  // Token
  std::string params;                  // JSON object, or empty
  std::string locale;
};

enum class FallbackUntil : std::uint8_t { Accepted, Delivered, Opened };
struct FallbackStep {
  Channel channel = Channel::Push;
  FallbackUntil until = FallbackUntil::Accepted;
  Millis wait{0};
};

enum class IfPast : std::uint8_t { Now, NextDay, Skip };
// A time by the clock of each recipient, or of one zone.
struct LocalSendTime {
  int year = 0;
  unsigned month = 0, day = 0;
  int minute_of_day = 0;
  IfPast if_past = IfPast::Now;
  std::string zone = {};  // IANA name; empty: the recipient's
};

// An uploaded object that goes with an e-mail.
struct Attachment {
  std::int64_t object = 0;
  std::string filename;    // empty: the object's
  std::string content_id;  // empty: none
  bool is_inline = false;
};

// A validated request (CONTRACT §6). What it names (user, template, category) is checked later, by
// accept.
struct SendRequest {
  std::string event_id;
  std::vector<Recipient> to;
  std::string category = "general";
  bool category_given = false;
  std::vector<Channel> channels;       // all of them
  std::vector<FallbackStep> fallback;  // in order; at most one of the two
  std::string template_key;
  int template_version = 0;          // 0: the published one
  std::string params;                // JSON object, or empty
  std::unique_ptr<Content> content;  // inline; null when none
  struct From {
    std::string email, name, phone, sender;
  };
  std::optional<From> from;
  std::string locale;
  std::optional<Priority> priority;
  std::optional<Millis> ttl;
  std::string collapse_key;
  std::optional<Time> send_at;
  std::optional<LocalSendTime> send_at_local;
  bool draft = false;
  bool skip_unknown_users = false;  // on_unknown: "skip"
  std::string metadata, tags;       // JSON as given, or empty
  std::vector<Attachment> attachments;
};

// Reads one send. `fixed_channel`: of /v1/push/send and its like. Problems carry pointers relative to
// the request's root; `pointer` is put before them (batch items). Codes: problem_codes.def. The result
// is usable only when no problem was added. E-mail addresses and phone numbers are normalised.
SendRequest read_send_request(base::JsonElement body, std::optional<Channel> fixed_channel,
                              const std::string& pointer, base::Problems& problems);

// The rule that needs a clock: send_at is at most kSendAtMax ahead (invalid_send_at). A moment that has
// passed is sent at once.
void check_send_time(const SendRequest& request, Time now, const std::string& pointer,
                     base::Problems& problems);

// The pointer of the first difference between two request bodies, or empty when they mean the same
// (object members in any order): for 422 event_id_reused.
std::string first_difference(base::JsonElement a, base::JsonElement b);
// A hash of the bytes of a request body, compared when an event id comes again. Where two differ, the bodies
// may still mean the same: first_difference() tells.
base::Hash128 fingerprint(std::string_view body);

struct Notification {
  std::int64_t id = 0;
  std::int32_t project = 0;
  std::int64_t app = 0;  // record id of the app
  NotificationStatus status = NotificationStatus::Sending;
  Priority priority = Priority::Normal;
  std::string category;
  std::string template_key;
  int template_version = 0;   // pinned at accept
  bool is_sandbox = false;    // sent with a test key
  bool is_cancelled = false;  // the flag that stops expansion and claims at once
  bool is_sensitive = false;  // `body` has "•••" where it was; what it was is sealed, until this is final
  bool is_erased = false;     // it was to one user alone, who was forgotten: nothing of it is sent any more
  std::string event_id;
  Time accepted_at{};
  std::optional<Time> expires_at;  // from ttl
  std::optional<Time> send_at;
  std::int64_t first_delivery = 0;  // deliveries have ids first_delivery … + delivery_count - 1
  std::int32_t delivery_count = 0;
  std::string body;  // the request as received, without what is sensitive or was erased
  std::shared_ptr<const SendRequest> request;  // parsed `body`; may be null until needed
};

struct Delivery {
  std::int64_t id = 0;
  std::int64_t notification = 0;
  std::int32_t project = 0;
  Queue queue = Queue::None;
  Priority priority = Priority::Normal;
  DeliveryStatus status = DeliveryStatus::Pending;
  Reason reason = Reason::None;
  bool is_sandbox = false;
  bool is_counted = false;               // its notification keeps counts of its deliveries: it has many
  bool is_fallback = false;              // one of several channels that are tried in order
  std::uint16_t to_index = 0;            // entry of `to`; of a member, the first of its groups
  std::string user_id;                   // empty: raw address
  std::string device_id;                 // push to a device of a user
  std::optional<Time> due_at;            // open states; nullopt: held on a condition
  std::optional<Time> expires_at;
  std::uint32_t epoch = 0;     // number of claims: the fence
  std::uint16_t attempts = 0;  // counted outcomes
  std::uint16_t resent = 0;
  std::uint16_t generation = 0;   // + 1 by each replay
  std::uint16_t claims_lost = 0;  // claims without an outcome, in a row
  std::string integration;        // last asked
  std::string provider_id;
  std::optional<Time> finished_at;
  std::string note;  // JSON object: checks and changes worth keeping, or empty

  [[nodiscard]] Lane lane() const noexcept { return Lane{queue, priority}; }
  [[nodiscard]] Channel channel() const noexcept { return channel_of(queue); }
};

// One call to a provider, kept only when it says more than the delivery's own columns.
struct Attempt {
  std::int64_t delivery = 0;
  std::uint16_t number = 0;  // counted from 1 within a generation
  Time at{};
  std::int32_t took_ms = 0;
  std::string integration;
  std::string outcome;  // name(OutcomeKind)
  int status = 0;
  std::string code, detail, provider_id;
};

}  // namespace carillon::model
