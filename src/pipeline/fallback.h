// The steps of `fallback` as rows: the first that reaches somebody goes out, the later ones wait for it.
// Pure.
#pragma once

#include <cstddef>

#include "pipeline/route.h"

namespace carillon::pipeline {

// What is routed to one recipient, from delivery `first` on to the last: later steps are made to wait, or are
// not needed. The caps of those that wait are not charged. Warns (no_receipts) where a step's end would never
// be told.
void arrange_fallback(Routed& routed, std::size_t first, const RouteInput& input);

}  // namespace carillon::pipeline
