// The long part of forgetting a user: what was said to the user goes from the history, from what has not
// begun and from the dead letters.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "base/task.h"
#include "store/store.h"

namespace carillon::pipeline {

inline constexpr std::string_view kJobEraseUser = "erase_user";

// What is kept in StoredJob::spec.
std::string encode_erase_spec(std::string_view user_id);
Result<std::string> decode_erase_spec(std::string_view json);  // Errors: Corruption.

// The request that stands for one that names the user.
struct ErasedRequest {
  std::string body;       // empty: it says nothing to the user but what it says to others too
  bool is_alone = false;  // it was to this user and nobody else: it says nothing any more
};
// `entries`: those of `to` that are the user's by a device; those with the user's id are found. To one alone
// it reaches whom it reached, on the channels it took (`channels`, where it names none), and says "(erased)".
// Of one to several only the user's entries change: what was for the user, and a device, goes from them.
[[nodiscard]] ErasedRequest erased_request(std::string_view body, const model::SendRequest& request,
                                           std::string_view user_id, std::span<const std::int32_t> entries,
                                           const std::vector<model::Channel>& channels);

// Goes first through the user's deliveries and then through what names the user and has none, both newest
// first, from where the job stands; what was accepted after the job was made is somebody's who came back.
// Doing a piece again changes nothing. On one executor.
class Eraser {
 public:
  Eraser(store::Store& store, const base::Clock& clock, const base::KeyRing& keys, store::StoredJob job)
      : store_(store), clock_(clock), keys_(keys), job_(std::move(job)) {}

  // Until the end, or until `is_stopping`. Errors: FailedPrecondition (the job was ended meanwhile) ·
  // Conflict (somebody changed what was being erased: once more) · Corruption (spec) · those of the store.
  Task<Result<void>> run(const bool& is_stopping);

 private:
  // What one step did: where the next begins (0: there is none), and of how much.
  struct Piece {
    std::int64_t next = 0, wiped = 0;
  };
  Task<Result<Piece>> wipe_deliveries(const bool& is_stopping);
  Task<Result<Piece>> wipe_named();
  // The next page. Waits a while for those of it that are being sent: what becomes of them is written yet.
  Task<Result<store::DeliveryPage>> settled_page(const bool& is_stopping);
  // True: it was a letter to be erased, or a notification that said something to the user.
  Task<Result<bool>> wipe_letter(std::int64_t id);
  Task<Result<bool>> wipe_record(std::int64_t id);
  Task<Result<bool>> wipe_unbegun(const store::NamedItem& item, std::int64_t user_key);
  // Fills in what is to stand for the notification; false: it may stay.
  Task<Result<bool>> replace(const model::Notification& notification, std::span<const std::int32_t> entries,
                             std::vector<model::Channel> channels, store::WipedNotification& one);

  store::Store& store_;
  const base::Clock& clock_;
  const base::KeyRing& keys_;
  store::StoredJob job_;
  std::string user_id_;
  std::int64_t last_ = 0;  // notification of the page before
};

}  // namespace carillon::pipeline
