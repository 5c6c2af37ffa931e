// The Store's part that keeps what is reported about deliveries after they were sent.
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "model/receipt.h"
#include "model/status.h"
#include "store/store_types.h"

namespace carillon::store {

struct ReceiptItem {
  std::int32_t project = 0;
  model::Receipt receipt;
  std::string integration;  // that reported it; empty: no provider did
  // Of receipt.address, where it names one: what is suppressed, or no longer.
  std::optional<AddressKey> address;
  std::string hint;  // masked address, for people
  // Bounced, of a push: the endpoint that is dead.
  std::optional<DeadAddress> endpoint;
};

struct ReceiptResult {
  bool is_known = false;  // there is such a delivery in that project; without a delivery: true
  bool is_new = false;    // the first of its kind
  std::optional<model::DeliveryStatus> from, to;  // set when the status changed
};

class ReceiptStore {
 public:
  virtual ~ReceiptStore() = default;

  // One result per item, in order; all in one transaction. A repeat only moves a counter; one about a
  // delivery that is not recorded yet waits for that. A negative one about an earlier call of a provider than
  // the last changes no status.
  virtual Task<Result<std::vector<ReceiptResult>>> add(std::vector<ReceiptItem> items, Time now) = 0;
  // Gives a bounded number of those that wait another look; true: there may be more that can go on.
  virtual Task<Result<bool>> apply_waiting(Time now) = 0;
};

}  // namespace carillon::store
