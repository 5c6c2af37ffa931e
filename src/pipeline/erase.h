// The long part of forgetting a user: what was said to the user alone goes from the history.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"
#include "store/store.h"

namespace carillon::pipeline {

inline constexpr std::string_view kJobEraseUser = "erase_user";

// What is kept in StoredJob::spec.
std::string encode_erase_spec(std::string_view user_id);
Result<std::string> decode_erase_spec(std::string_view json);  // Errors: Corruption.

// The request that stands for one to this user alone: it reaches whom it reached on the channels it took, and
// says nothing. Empty: others are named in it too, or groups.
[[nodiscard]] std::string erased_request(const model::Notification& notification, std::string_view user_id,
                                         const std::vector<model::Channel>& channels);

// Goes through the user's deliveries, newest first, from where the job stands; those of sends accepted after
// the job was made are somebody's who came back. Doing a piece again changes nothing. On one executor.
class Eraser {
 public:
  Eraser(store::Store& store, const base::Clock& clock, store::StoredJob job)
      : store_(store), clock_(clock), job_(std::move(job)) {}

  // Until the end, or until `is_stopping`. Errors: FailedPrecondition (the job was ended meanwhile) ·
  // Corruption (spec) · those of the store.
  Task<Result<void>> run(const bool& is_stopping);

 private:
  // How many notifications of the page were wiped.
  Task<Result<std::int64_t>> wipe(std::vector<model::Delivery> rows);

  store::Store& store_;
  const base::Clock& clock_;
  store::StoredJob job_;
  std::string user_id_;
  std::int64_t last_ = 0;  // notification of the page before
};

}  // namespace carillon::pipeline
