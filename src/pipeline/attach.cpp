#include "pipeline/attach.h"

#include <algorithm>

#include "base/ids.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kFetchesMax = 16;          // notifications at a time
constexpr std::uint64_t kHeldMax = 64ULL << 20;  // bytes, unless one notification has more
constexpr std::size_t kKeptMax = 1024;           // entries, before those that are gone are cleared away
constexpr auto kReadTimeout = std::chrono::seconds(30);

}  // namespace

Attacher::Attacher(const Pipeline::Deps& deps, Hooks hooks) : deps_(deps), hooks_(std::move(hooks)) {}
Attacher::~Attacher() = default;

void Attacher::add(FlightPtr flight) {
  waiting_[flight->delivery.notification].push_back(std::move(flight));
  pump();
}

void Attacher::stop() {
  is_stopping_ = true;
  for (base::Signal* const signal : room_->waiting) signal->set();
  for (auto& [notification, flights] : std::exchange(waiting_, {})) {
    for (auto& flight : flights) hooks_.unused(std::move(flight));
  }
}

void Attacher::pump() {
  while (!is_stopping_ && under_way_.size() < kFetchesMax) {
    // The oldest that is not under way: at most kFetchesMax are passed over.
    const auto first = std::ranges::find_if(
        waiting_, [this](const auto& waiting) { return !under_way_.contains(waiting.first); });
    if (first == waiting_.end()) return;
    const std::int64_t notification = first->first;
    std::vector<FlightPtr> flights = std::move(first->second);
    waiting_.erase(first);
    under_way_.insert(notification);
    auto task = [this, notification, mine = std::move(flights)]() mutable {
      return run(notification, std::move(mine));
    };
    gate_.spawn(deps_.delivery, "attach", std::move(task));
  }
}

Task<void> Attacher::run(std::int64_t notification, std::vector<FlightPtr> flights) {
  Wanted wanted{notification, flights.front()->delivery.project, flights.front()->attachments};
  const auto attached = co_await fetch(std::move(wanted));
  under_way_.erase(notification);
  const bool is_untried = !attached && attached.error().code == Errc::Cancelled;
  if (is_stopping_ || is_untried) {
    for (auto& flight : flights) hooks_.unused(std::move(flight));
    if (!is_stopping_) pump();
    co_return;
  }
  if (attached) {
    for (const auto& flight : flights) {
      auto message = std::make_shared<model::Message>(*flight->job.message);
      message->attachments = *attached;
      flight->job.message = std::move(message);
    }
    hooks_.ready(std::move(flights));
  } else {
    for (auto& flight : flights) hooks_.failed(std::move(flight), attached.error());
  }
  pump();
}

Task<Result<Attacher::Shared>> Attacher::fetch(Wanted wanted) {
  if (const auto kept = kept_.find(wanted.notification); kept != kept_.end()) {
    if (auto shared = kept->second.lock()) co_return shared;
  }
  if (deps_.objects == nullptr) co_return fail(Errc::NotFound, "this process keeps no objects");
  std::vector<std::int64_t> ids;
  for (const auto& attachment : wanted.attachments) ids.push_back(attachment.object);
  auto found_rows = co_await deps_.store.objects().get(ids);
  // Not the bucket's trouble, which would count as a try: nothing was tried.
  if (!found_rows && found_rows.error().code == Errc::Unavailable) {
    co_return fail(Errc::Cancelled, found_rows.error().message);
  }
  CARILLON_CO_CHECK(found_rows);
  auto& found = *found_rows;
  std::vector<store::StoredObject> objects;
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i] || found[i]->project != wanted.project) {
      co_return fail(Errc::NotFound, fmt::format("the attachment {} is gone", object_name(ids[i])));
    }
    size += static_cast<std::uint64_t>(found[i]->size);
    objects.push_back(std::move(*found[i]));
  }
  base::Signal free(deps_.delivery);
  while (room_->held > 0 && room_->held + size > kHeldMax && !is_stopping_) {
    room_->waiting.insert(&free);
    co_await free.wait();
    room_->waiting.erase(&free);
  }
  if (is_stopping_) co_return fail(Errc::Cancelled, "the server is stopping");
  room_->held += size;
  auto attached = co_await fetch_all(std::move(wanted), std::move(objects), size);
  if (attached) co_return attached;
  room_->held -= size;
  for (base::Signal* const signal : room_->waiting) signal->set();
  co_return attached;
}

Task<Result<Attacher::Shared>> Attacher::fetch_all(Wanted wanted, std::vector<store::StoredObject> objects,
                                                   std::uint64_t size) {
  auto made = std::make_unique<model::MailAttachments>();
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto& asked = wanted.attachments[i];
    CARILLON_CO_TRY(std::string bytes, co_await fetch_one(objects[i]));
    model::MailAttachment each;
    each.filename = !asked.filename.empty()        ? asked.filename
                    : !objects[i].filename.empty() ? objects[i].filename
                                                   : object_name(objects[i].id);
    each.type = objects[i].type;
    each.content_id = asked.content_id;
    each.is_inline = asked.is_inline;
    each.content = std::make_shared<const std::string>(std::move(bytes));
    made->push_back(std::move(each));
  }
  const auto give_back = [room = room_, size](const model::MailAttachments* gone) {
    delete gone;
    room->held -= size;
    for (base::Signal* const signal : room->waiting) signal->set();
  };
  Shared shared(made.release(), give_back);
  if (kept_.size() >= kKeptMax) std::erase_if(kept_, [](const auto& each) { return each.second.expired(); });
  kept_[wanted.notification] = shared;
  co_return shared;
}

Task<Result<std::string>> Attacher::fetch_one(const store::StoredObject& object) {
  const auto size = static_cast<std::size_t>(object.size);
  const std::string name = object_name(object.id);
  std::string bytes;
  bytes.reserve(size);
  while (bytes.size() < size) {
    const std::size_t count = std::min(objects::kPieceMax, size - bytes.size());
    CARILLON_CO_TRY(
        const std::string piece,
        co_await deps_.objects->read(name, bytes.size(), count, base::Deadline::after(kReadTimeout)));
    if (piece.empty()) co_return fail(Errc::NotFound, fmt::format("the bytes of {} are not whole", name));
    bytes += piece;
  }
  co_return bytes;
}

}  // namespace carillon::pipeline
