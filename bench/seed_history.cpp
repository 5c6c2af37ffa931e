#include "seed_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "base/clock.h"
#include "base/ids.h"
#include "base/task.h"

namespace carillon::bench {
namespace {

using model::DeliveryStatus;

constexpr std::int64_t kRowsPerCall = 2'000, kDeadLetters = 5'000, kTemplates = 20, kCategories = 5;
constexpr Millis kMonth{30LL * 86'400'000}, kSent{1'200}, kTomorrow{86'400'000};
constexpr unsigned kNode = 1'001;  // no server has this one, so ids never meet

constexpr struct Way {
  model::Queue queue;
  const char* integration;
} kWays[] = {{model::Queue::Email, "mail"}, {model::Queue::Sms, "texts"}, {model::Queue::PushIos, "apple"}};

template <class T>
T run(Task<T> task) {
  boost::asio::io_context io{1};
  auto value = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
  io.run();
  return value.get();
}

class Month {
 public:
  Month(store::Store& store, HistorySize size, store::Owner owner)
      : store_(store), size_(size), owner_(owner), ids_(clock_, kNode, 0), end_(base::SystemClock().now()) {}

  Result<void> fill() {
    for (std::int64_t n = 0; n < size_.notifications; n += kRowsPerCall) {
      clock_.set(end_ - kMonth + kMonth * n / size_.notifications);
      std::vector<store::AcceptItem> items;
      for (std::int64_t i = n; i < std::min(n + kRowsPerCall, size_.notifications); ++i)
        items.push_back(item(i, status_of(i)));
      CARILLON_CHECK(run(store_.accept(std::move(items), clock_.now())));
    }
    return {};
  }

  Result<void> add_dead_letters() {
    clock_.set(end_);
    for (std::int64_t n = 0; n < kDeadLetters; n += kRowsPerCall) {
      std::vector<store::AcceptItem> items;
      for (std::int64_t i = n; i < std::min(n + kRowsPerCall, kDeadLetters); ++i) {
        items.push_back(item(size_.notifications + i, DeliveryStatus::Pending));
        items.back().take_for = owner_;
      }
      CARILLON_TRY(auto accepted, run(store_.accept(std::move(items), clock_.now())));
      std::vector<store::RecordItem> dead;
      for (auto& one : accepted) {
        CARILLON_CHECK(one);
        for (model::Delivery& taken : one->taken) dead.push_back(dead_letter(std::move(taken)));
      }
      CARILLON_CHECK(run(store_.record(std::move(dead), owner_, clock_.now())));
    }
    return {};
  }

 private:
  static DeliveryStatus status_of(std::int64_t n) {
    const std::int64_t of_hundred = n * 37 % 100;
    return of_hundred < 84   ? DeliveryStatus::Delivered
           : of_hundred < 93 ? DeliveryStatus::Sent
           : of_hundred < 97 ? DeliveryStatus::Failed
           : of_hundred < 98 ? DeliveryStatus::Unknown
           : of_hundred < 99 ? DeliveryStatus::Suppressed
                             : DeliveryStatus::Held;
  }

  store::AcceptItem item(std::int64_t n, DeliveryStatus status) {
    const std::int64_t form = n * 7 % kTemplates;
    const std::string user = fmt::format("u{}", n * 7'919 % std::max<std::int64_t>(size_.users, 1));
    store::AcceptItem item;
    model::Notification& notification = item.notification;
    notification.id = ids_.take(2);
    notification.project = 1;
    notification.app = 1;
    notification.category = fmt::format("category_{}", form % kCategories);
    notification.template_key = fmt::format("template_{}", form);
    notification.template_version = 1;
    notification.event_id = fmt::format("seed-{}", n);
    notification.accepted_at = clock_.now();
    notification.first_delivery = notification.id + 1;
    notification.delivery_count = 1;
    notification.body = fmt::format(
        R"({{"event_id":"seed-{}","to":[{{"user_id":"{}"}}],"category":"category_{}",)"
        R"("template":"template_{}","params":{{"item":"Item {}"}},"metadata":{{"order":"A-{}"}}}})",
        n, user, form % kCategories, form, n, n);
    item.deliveries.push_back(
        delivery(notification, user, kWays[static_cast<std::size_t>(form) % std::size(kWays)], status));
    return item;
  }

  model::Delivery delivery(const model::Notification& notification, const std::string& user, const Way& way,
                           DeliveryStatus status) const {
    model::Delivery d;
    d.id = notification.first_delivery;
    d.notification = notification.id;
    d.project = 1;
    d.queue = way.queue;
    d.priority = notification.priority;
    d.user_id = user;
    d.status = status;
    if (status == DeliveryStatus::Held) {
      d.reason = model::Reason::QuietHours;
      d.due_at = end_ + kTomorrow;
    } else if (status == DeliveryStatus::Pending) {
      d.due_at = clock_.now();
    } else {
      d.integration = way.integration;
      d.attempts = 1;
      d.provider_id = fmt::format("provider-{}", d.id);
      d.finished_at = clock_.now() + kSent;
    }
    return d;
  }

  static store::RecordItem dead_letter(model::Delivery taken) {
    store::RecordItem record;
    record.delivery = std::move(taken);
    record.delivery.integration = "mail";
    record.delivery.attempts = 4;
    record.to = DeliveryStatus::Dead;
    record.dead_letter = "retries_exhausted";
    record.category = "category_0";
    record.app = 1;
    return record;
  }

  store::Store& store_;
  const HistorySize size_;
  const store::Owner owner_;
  base::ManualClock clock_;
  base::IdGenerator ids_;
  const Time end_;
};

}  // namespace

Result<void> seed_history(store::Store& store, HistorySize size) {
  const Time now = base::SystemClock().now();
  CARILLON_TRY(const auto registered, run(store.register_process("carillon_seed", now)));
  Month month(store, size, registered.owner);
  CARILLON_CHECK(month.fill());
  CARILLON_CHECK(month.add_dead_letters());
  for (bool has_more = true; has_more;) {
    CARILLON_TRY(has_more, run(store.housekeeping(store::Retention{}, base::SystemClock().now())));
  }
  return {};
}

}  // namespace carillon::bench
