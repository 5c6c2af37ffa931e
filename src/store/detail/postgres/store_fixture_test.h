// A store on a database of its own, in the PostgreSQL of this test process.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/crypto.h"
#include "store/detail/postgres/cluster_test.h"
#include "store/postgres.h"
#include "store/store.h"

namespace carillon::store::detail {

class PostgresStoreTest : public testing::Test {
 protected:
  explicit PostgresStoreTest(std::string database) : database_(std::move(database)) {}
  void SetUp() override {
    if (!cluster().why_not().empty()) GTEST_SKIP() << cluster().why_not();
    cluster().create(database_);
    store_ = open();
  }
  void TearDown() override {
    if (store_) store_->close();
    store_.reset();
    if (cluster().why_not().empty()) cluster().drop(database_);
  }
  static PostgresCluster& cluster() { return PostgresCluster::instance(); }
  // Where the store finds it.
  virtual base::Secret url() const { return cluster().url(database_); }
  [[nodiscard]] const std::string& database() const noexcept { return database_; }
  // Another process, or the same one again.
  std::unique_ptr<Store> open() {
    PostgresOptions options;
    options.url = url();
    options.keys = &keys_;
    auto store = open_postgres(std::move(options));
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  // A notification that is being sent, and its due deliveries to that user, with the ids after its own.
  static AcceptItem item_of(std::int64_t id, const std::string& user, std::int32_t deliveries, Time due) {
    AcceptItem item;
    item.notification.id = id;
    item.notification.project = 1;
    item.notification.app = 1;
    item.notification.status = model::NotificationStatus::Sending;
    item.notification.first_delivery = id + 1;
    item.notification.delivery_count = deliveries;
    item.notification.body = "{}";
    for (std::int32_t i = 1; i <= deliveries; ++i) {
      model::Delivery& d = item.deliveries.emplace_back();
      d.id = id + i;
      d.notification = id;
      d.project = 1;
      d.queue = model::Queue::Email;
      d.user_id = user;
      d.due_at = due;
    }
    return item;
  }
  // For looking past the store.
  std::unique_ptr<PgDb> connect() {
    return PgDb::open({.url = cluster().url(database_), .name = "carillon tests"}).value();
  }
  // Until it is answered and nothing goes on in the background.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    begin(std::move(task), value);
    io_.restart();
    io_.run();
    return std::move(*value);
  }
  // Until it is answered, beside others that go on: those begun and not ended stay so.
  template <class T>
  T answer(Task<T> task) {
    std::optional<T> value;
    begin(std::move(task), value);
    wait_for(value);
    return std::move(*value);
  }
  template <class T>
  void begin(Task<T> task, std::optional<T>& into) {
    boost::asio::co_spawn(io_, std::move(task), [&into](std::exception_ptr e, T v) {
      if (e) std::rethrow_exception(e);
      into = std::move(v);
    });
  }
  template <class T>
  void wait_for(const std::optional<T>& value) {
    while (!value) {
      io_.restart();
      io_.run_one();
    }
  }

  base::KeyRing keys_ = base::KeyRing::derive(base::Secret(std::string(32, 'k'))).value();
  boost::asio::io_context io_{1};
  std::unique_ptr<Store> store_;

 private:
  const std::string database_;
};

}  // namespace carillon::store::detail
