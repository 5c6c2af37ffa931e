// What is decided about notifications that have not begun, or are to stop for a while.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/store_types.h"

namespace carillon::store {

// A notification that has not begun gets another body, or goes on its way.
struct Rewrite {
  model::Notification notification;  // as it is to be: Draft, AwaitingApproval or Scheduled
  std::string expected_body;         // as it was read: somebody else may have changed it since
  // Whom it reaches, when it is no draft any more: what these hold at this commit.
  std::vector<AudienceGroup> audience;
  std::int64_t recipients = 0;           // as of AcceptItem
  std::optional<Approval> approval;      // when it is AwaitingApproval
  std::optional<ApprovalShare> share{};  // as of AcceptItem
  std::string sealed;                    // as of AcceptItem
  std::vector<Naming> named;
  Actor actor;
  std::string action;                   // for the audit: "notification.submit"
  std::vector<std::int64_t> objects{};  // as of AcceptItem
};

struct ApprovalDecision {
  std::int64_t approval = 0;
  std::int32_t project = 0;
  bool is_approved = false;
  Actor actor;
  std::string reason;
  // Of an approved one: when it goes out, and until when it may.
  std::optional<Time> send_at, expires_at;
};

struct ApprovalFilter {
  std::int32_t project = 0;
  std::optional<ApprovalStatus> status;
  std::int64_t notification = 0;  // 0: of any
  std::int64_t app = 0;           // whose send; 0: anybody's
};
struct ApprovalHour {
  std::int32_t project = 0;
  std::int64_t app = 0;
  std::string category;
};

// A piece of what a pause had stopped.
struct ResumeChunk {
  std::vector<Hint> hints;
  std::int64_t next = 0;  // where the next one begins; 0: there is no more
};

}  // namespace carillon::store
