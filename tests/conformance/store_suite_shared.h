// Several open stores of one database, as several processes have them.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {

inline constexpr model::Lane kSharedLane{model::Queue::Email, model::Priority::Normal};

class SharedStores : public StoreSuite {
 protected:
  // Another process on the same database, with a thread of its own when it is used from one.
  struct Other {
    std::unique_ptr<store::Store> store;
    store::Owner owner;
    std::unique_ptr<base::IdGenerator> ids;
    boost::asio::io_context io{1};
    template <class T>
    T run(Task<T> task) {
      std::optional<T> value;
      boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr e, T v) {
        if (e) std::rethrow_exception(e);
        value = std::move(v);
      });
      io.restart();
      io.run();
      return std::move(*value);
    }
  };
  std::unique_ptr<Other> another(const std::string& instance) {
    auto other = std::make_unique<Other>();
    auto opened = GetParam().open(folder_);
    EXPECT_TRUE(opened) << opened.error().message;
    other->store = std::move(*opened);
    const auto registered = other->run(other->store->register_process(instance, clock_.now()));
    EXPECT_TRUE(registered) << registered.error().message;
    EXPECT_FALSE(registered->is_new_store);
    other->owner = registered->owner;
    other->ids = std::make_unique<base::IdGenerator>(clock_, other->owner.node, registered->highest_id);
    return other;
  }
  // As of that process's ids.
  store::AcceptItem item_of(Other& other, std::size_t n = 1) {
    std::swap(ids_, other.ids);
    store::AcceptItem made = item(n);
    std::swap(ids_, other.ids);
    return made;
  }
  std::vector<model::Delivery> scan_as(Other& other, std::size_t limit) {
    std::vector<store::ClaimRequest> requests(1);
    requests[0].lane = kSharedLane;
    requests[0].limit = limit;
    auto claimed = other.run(other.store->claim(std::move(requests), other.owner, clock_.now()));
    EXPECT_TRUE(claimed) << claimed.error().message;
    return std::move(*claimed);
  }
};

// Those that several processes may have.
inline std::vector<StoreBackend> shared_backends() {
  std::vector<StoreBackend> all = store_backends();
  std::erase_if(all, [](const StoreBackend& backend) { return backend.has_files; });
  return all;
}

}  // namespace carillon::conformance
