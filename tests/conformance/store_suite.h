// What every Store must do, whatever it is built on. A backend instantiates StoreSuite with a way to
// open itself.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "store/store.h"

namespace carillon::conformance {

struct StoreBackend {
  std::string name;
  // Opens (or opens again) the store that lives under `folder`.
  std::function<Result<std::unique_ptr<store::Store>>(const std::string& folder)> open;
  bool has_files = true;                                    // its data is in that folder
  std::function<std::string()> why_not{};                   // why it cannot be had here; empty: it can
  std::function<void(const std::string& folder)> forget{};  // what it has elsewhere for it
};

// The backends of this build, for INSTANTIATE_TEST_SUITE_P.
std::vector<StoreBackend> store_backends();

class StoreSuite : public ::testing::TestWithParam<StoreBackend> {
 protected:
  void SetUp() override;
  void TearDown() override;
  // Closes and opens the store again, as a restart does, and registers anew.
  void restart();

  // Runs a call of the store to its end.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    boost::asio::co_spawn(io_, std::move(task), [&](std::exception_ptr e, T v) {
      if (e) std::rethrow_exception(e);
      value = std::move(v);
    });
    io_.restart();
    io_.run();
    return std::move(*value);
  }

  // A notification of `n` pending deliveries due now, one per user u0, u1, …
  store::AcceptItem item(std::size_t n = 1);
  // The same with a dedup key made of `event`.
  store::AcceptItem item_with_event(const std::string& event, const std::string& body = "{}");
  std::vector<Result<store::AcceptResult>> accept(std::vector<store::AcceptItem> items);
  store::AcceptResult accept_one(store::AcceptItem item);
  std::vector<model::Delivery> claim(std::vector<std::int64_t> ids);
  std::vector<model::Delivery> scan(model::Lane lane, std::size_t limit = 256);
  bool record(model::Delivery delivery, model::DeliveryStatus to,
              std::optional<Millis> due_in = std::nullopt);
  model::Delivery stored(std::int64_t delivery);
  // The rule that must hold at any time: accepted = the sum of all states, and counters match the rows.
  void expect_accountable();

  base::ManualClock clock_;
  std::string folder_;
  std::unique_ptr<store::Store> store_;
  store::Owner owner_;
  std::unique_ptr<base::IdGenerator> ids_;
  boost::asio::io_context io_{1};
};

}  // namespace carillon::conformance
