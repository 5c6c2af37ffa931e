// What providers report later: from a callback to what it changes.
#pragma once

#include <string>

#include "base/task.h"
#include "pipeline/pipeline.h"
#include "providers/provider.h"

namespace carillon::pipeline {

// Hands the request to the integration's provider, which checks and reads it, and keeps what it says;
// answered only after that is committed, so that the vendor repeats what we lost. Errors: NotFound (no such
// integration of that provider, or it has no callbacks) · those of Provider::callback() · the Store's.
Task<Result<providers::CallbackReading>> take_callback(const Pipeline::Deps& deps, Integrations& integrations,
                                                       CallbackFrom from, providers::CallbackRequest request);

// The rows of receipts that `integration` reported: addresses in the form they are suppressed in. One whose
// address cannot be read keeps its delivery, or is left out when it has none.
[[nodiscard]] std::vector<store::ReceiptItem> receipt_items(std::vector<model::Receipt> receipts,
                                                            const providers::ProviderType& type,
                                                            std::int32_t project,
                                                            const std::string& integration,
                                                            const base::KeyedHash& address_hash, Time now);

}  // namespace carillon::pipeline
