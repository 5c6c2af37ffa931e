#include "model/channel.h"

#include <span>

namespace carillon::model {
namespace {

constexpr std::array<std::string_view, kChannelCount> kChannelNames{"push", "sms",     "email", "voice",
                                                                    "chat", "webhook", "inbox"};
constexpr std::array<std::string_view, kPlatformCount> kPlatformNames{"",      "ios",     "android", "web",
                                                                      "macos", "windows", "harmony"};
constexpr std::array<std::string_view, kQueueCount + 2> kQueueNames{
    "push.ios", "push.android", "push.web", "push.macos", "push.windows", "push.harmony",
    "sms",      "email",        "voice",    "chat",       "webhook",      "",
    "push"};
constexpr std::array<std::string_view, kPriorityCount> kPriorityNames{"critical", "high", "normal", "bulk"};

// A value read from a store by a newer version may be outside the list: it has no name.
template <class Enum>
std::string_view name_in(std::span<const std::string_view> names, Enum value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < names.size() ? names[index] : std::string_view{};
}

template <class Enum>
std::optional<Enum> parse_in(std::span<const std::string_view> names, std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name(Channel channel) noexcept { return name_in(kChannelNames, channel); }
std::string_view name(Platform platform) noexcept { return name_in(kPlatformNames, platform); }
std::string_view name(Queue queue) noexcept { return name_in(kQueueNames, queue); }
std::string_view name(Priority priority) noexcept { return name_in(kPriorityNames, priority); }

std::optional<Channel> parse_channel(std::string_view text) noexcept {
  return parse_in<Channel>(kChannelNames, text);
}
std::optional<Platform> parse_platform(std::string_view text) noexcept {
  return parse_in<Platform>(kPlatformNames, text);
}
std::optional<Queue> parse_queue(std::string_view text) noexcept {
  return parse_in<Queue>(kQueueNames, text);
}
std::optional<Priority> parse_priority(std::string_view text) noexcept {
  return parse_in<Priority>(kPriorityNames, text);
}

namespace {

Queue push_queue_of(Platform platform) noexcept {
  switch (platform) {
    case Platform::None: return Queue::PushAny;
    case Platform::Ios: return Queue::PushIos;
    case Platform::Android: return Queue::PushAndroid;
    case Platform::Web: return Queue::PushWeb;
    case Platform::Macos: return Queue::PushMacos;
    case Platform::Windows: return Queue::PushWindows;
    case Platform::Harmony: return Queue::PushHarmony;
  }
  return Queue::PushAny;
}

}  // namespace

Queue queue_of(Channel channel, Platform platform) noexcept {
  switch (channel) {
    case Channel::Push: return push_queue_of(platform);
    case Channel::Sms: return Queue::Sms;
    case Channel::Email: return Queue::Email;
    case Channel::Voice: return Queue::Voice;
    case Channel::Chat: return Queue::Chat;
    case Channel::Webhook: return Queue::Webhook;
    case Channel::Inbox: return Queue::None;
  }
  return Queue::None;
}

Channel channel_of(Queue queue) noexcept {
  switch (queue) {
    case Queue::PushIos:
    case Queue::PushAndroid:
    case Queue::PushWeb:
    case Queue::PushMacos:
    case Queue::PushWindows:
    case Queue::PushHarmony:
    case Queue::PushAny: return Channel::Push;
    case Queue::Sms: return Channel::Sms;
    case Queue::Email: return Channel::Email;
    case Queue::Voice: return Channel::Voice;
    case Queue::Chat: return Channel::Chat;
    case Queue::Webhook: return Channel::Webhook;
    case Queue::None: return Channel::Inbox;
  }
  return Channel::Inbox;
}

Platform platform_of(Queue queue) noexcept {
  switch (queue) {
    case Queue::PushIos: return Platform::Ios;
    case Queue::PushAndroid: return Platform::Android;
    case Queue::PushWeb: return Platform::Web;
    case Queue::PushMacos: return Platform::Macos;
    case Queue::PushWindows: return Platform::Windows;
    case Queue::PushHarmony: return Platform::Harmony;
    case Queue::Sms:
    case Queue::Email:
    case Queue::Voice:
    case Queue::Chat:
    case Queue::Webhook:
    case Queue::PushAny:
    case Queue::None: return Platform::None;
  }
  return Platform::None;
}

UnknownPolicy default_unknown_policy(Channel channel) noexcept {
  switch (channel) {
    // A repeat carries the same collapse handle, Message-ID or webhook-id, or is the same row.
    case Channel::Push:
    case Channel::Email:
    case Channel::Webhook:
    case Channel::Inbox: return UnknownPolicy::Resend;
    // A second text or call is a second text or call.
    case Channel::Sms:
    case Channel::Voice:
    case Channel::Chat: return UnknownPolicy::Hold;
  }
  return UnknownPolicy::Hold;
}

}  // namespace carillon::model
