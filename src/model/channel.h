// Channels, platforms, queues, priorities: the closed lists everything is sorted by (CONTRACT §2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::model {

// The numbers are stored; never renumber.
enum class Channel : std::uint8_t {
  Push = 0, Sms = 1, Email = 2, Voice = 3, Chat = 4, Webhook = 5, Inbox = 6,
};
inline constexpr std::size_t kChannelCount = 7;

enum class Platform : std::uint8_t {
  None = 0, Ios = 1, Android = 2, Web = 3, Macos = 4, Windows = 5, Harmony = 6,
};
inline constexpr std::size_t kPlatformCount = 7;

// A queue per channel, push split by platform. Two more values are no queues, only homes of rows that
// are final at accept: None (the inbox) and PushAny (push to someone without a device).
enum class Queue : std::uint8_t {
  PushIos = 0, PushAndroid = 1, PushWeb = 2, PushMacos = 3, PushWindows = 4, PushHarmony = 5,
  Sms = 6, Email = 7, Voice = 8, Chat = 9, Webhook = 10, None = 11, PushAny = 12,
};
inline constexpr std::size_t kQueueCount = 11;  // real queues: without None and PushAny

// Smaller is more urgent.
enum class Priority : std::uint8_t { Critical = 0, High = 1, Normal = 2, Bulk = 3 };
inline constexpr std::size_t kPriorityCount = 4;

// Names as in the API: "push", "ios", "push.ios", "critical".
std::string_view name(Channel channel) noexcept;
std::string_view name(Platform platform) noexcept;  // None: ""
std::string_view name(Queue queue) noexcept;        // None: "", PushAny: "push"
std::string_view name(Priority priority) noexcept;
std::optional<Channel> parse_channel(std::string_view text) noexcept;
std::optional<Platform> parse_platform(std::string_view text) noexcept;
std::optional<Queue> parse_queue(std::string_view text) noexcept;
std::optional<Priority> parse_priority(std::string_view text) noexcept;

// The queue of a delivery; `platform` matters for push only.
Queue queue_of(Channel channel, Platform platform) noexcept;
Channel channel_of(Queue queue) noexcept;  // None → Inbox
Platform platform_of(Queue queue) noexcept;

// A queue at one priority: the unit of windows, claims and fairness.
struct Lane {
  Queue queue = Queue::None;
  Priority priority = Priority::Normal;
  friend bool operator==(const Lane&, const Lane&) = default;
  [[nodiscard]] constexpr std::size_t index() const noexcept {
    return static_cast<std::size_t>(queue) * kPriorityCount + static_cast<std::size_t>(priority);
  }
};
inline constexpr std::size_t kLaneCount = kQueueCount * kPriorityCount;

// What to do when it is unknown whether a provider took a message (CONTRACT §2, last column).
enum class UnknownPolicy : std::uint8_t { Resend, Hold };
UnknownPolicy default_unknown_policy(Channel channel) noexcept;  // push, email, webhook: Resend

}  // namespace carillon::model
