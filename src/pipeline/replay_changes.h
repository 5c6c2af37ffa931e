// What an audited replay changed about a delivery, as the Store keeps it in the delivery's note.
#pragma once

#include <optional>
#include <string>

#include "model/notification.h"

namespace carillon::pipeline {

struct ReplayChanges {
  std::string params;       // instead of to[i].params: a JSON object, or empty
  bool is_sealed = false;   // they are kept apart, sealed
  std::string address;      // instead of the raw address, or empty
  std::string integration;  // asked first, or empty
  std::optional<Time> at;   // when it was replayed last
};

[[nodiscard]] inline ReplayChanges replay_changes(const model::Delivery& delivery) {
  ReplayChanges changes;
  if (delivery.generation == 0 || delivery.note.empty()) return changes;
  base::JsonDocument document;
  base::Problems problems;
  const auto root = document.parse(delivery.note);
  if (!root) return changes;
  base::ObjectReader reader(*root, "", problems);
  if (Time at{}; reader.time("replayed_at", at)) changes.at = at;
  if (const auto object = reader.element("changes")) {
    base::ObjectReader inner(*object, "", problems);
    inner.json_object("params", changes.params, model::kRequestMax);
    inner.boolean("sealed", changes.is_sealed);
    inner.text("address", changes.address, 4096);
    inner.text("integration", changes.integration, 64);
  }
  return changes;
}

// When the age of the delivery began: what is sent again after an outage has its time once more.
[[nodiscard]] inline Time age_began(const model::Delivery& delivery, Time accepted_at) {
  return delivery.generation == 0 ? accepted_at : replay_changes(delivery).at.value_or(accepted_at);
}

}  // namespace carillon::pipeline
