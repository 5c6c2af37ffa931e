// Fetches what goes with e-mails before they are handed to a provider: once for all deliveries of a
// notification, a bounded number of bytes at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "pipeline/flight.h"
#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// Delivery thread only.
class Attacher {
 public:
  struct Hooks {
    std::function<void(std::vector<FlightPtr>)> ready;  // of one notification, with their attachments
    // NotFound: one of them is gone. Else it may be fetched later.
    std::function<void(FlightPtr, const Error&)> failed;
    std::function<void(FlightPtr)> unused;  // at the end, or when the store does not say where they are
  };
  Attacher(const Pipeline::Deps& deps, Hooks hooks);
  ~Attacher();

  // A delivery waits here for its attachments.
  [[nodiscard]] static bool is_needed(const Flight& flight) noexcept { return !flight.attachments.empty(); }
  void add(FlightPtr flight);
  // What waits is unused; nothing more is ready.
  void stop();
  // Notifications whose attachments are being fetched.
  [[nodiscard]] std::size_t count() const noexcept { return under_way_.size(); }
  // After stop(): blocks the calling thread (not the delivery thread) until nothing is fetched.
  void wait() { gate_.wait(base::Deadline::never()); }

 private:
  using Shared = std::shared_ptr<const model::MailAttachments>;
  // What is held at a time; outlives this while a provider has something of it.
  struct Room {
    std::uint64_t held = 0;
    std::set<base::Signal*> waiting;
  };
  void pump();
  Task<void> run(std::int64_t notification, std::vector<FlightPtr> flights);
  // What a notification names.
  struct Wanted {
    std::int64_t notification = 0;
    std::int32_t project = 0;
    std::vector<model::Attachment> attachments;
  };
  Task<Result<Shared>> fetch(Wanted wanted);
  Task<Result<Shared>> fetch_all(Wanted wanted, std::vector<store::StoredObject> objects, std::uint64_t size);
  Task<Result<std::string>> fetch_one(const store::StoredObject& object);

  const Pipeline::Deps& deps_;
  const Hooks hooks_;
  std::map<std::int64_t, std::vector<FlightPtr>> waiting_;                    // by notification
  std::set<std::int64_t> under_way_;                                          // notifications
  std::map<std::int64_t, std::weak_ptr<const model::MailAttachments>> kept_;  // while somebody uses them
  const std::shared_ptr<Room> room_ = std::make_shared<Room>();
  bool is_stopping_ = false;
  base::TaskGate gate_{"attach"};
};

}  // namespace carillon::pipeline
