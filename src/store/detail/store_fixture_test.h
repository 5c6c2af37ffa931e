// A store in a folder of its own, and its files looked at from behind.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/crypto.h"
#include "store/detail/sqlite.h"
#include "store/store.h"

namespace carillon::store::detail {

class StoreFixture : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "carillon-store-" + base::random_text(12);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<std::unique_ptr<Store>> open() const { return open(folder_); }
  Result<std::unique_ptr<Store>> open(const std::string& folder) const {
    SqliteOptions options;
    options.folder = folder;
    options.keys = &keys_;
    options.disk_free_min_bytes = 0;
    return open_sqlite(std::move(options));
  }
  template <class T>
  static T run(Task<T> task) {
    boost::asio::io_context io{1};
    auto value = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
    io.run();
    return value.get();
  }
  // SQL on one of the files, made when it is not there. Not while the store is open.
  void exec(const std::string& file, const std::string& sql) const {
    auto db = SqliteDb::open(folder_ + "/" + file, DbMode::Writer, 1 << 20);
    ASSERT_TRUE(db) << db.error().message;
    const auto done = (*db)->exec(sql.c_str());
    ASSERT_TRUE(done) << done.error().message;
  }
  std::int64_t number(const std::string& file, const char* sql) const {
    auto db = SqliteDb::open(folder_ + "/" + file, DbMode::Writer, 1 << 20);
    return db ? (*db)->scalar(sql).value_or(-1) : -1;
  }

  std::string folder_;
  base::KeyRing keys_ = base::KeyRing::derive(base::Secret(std::string(32, 'k'))).value();
};

}  // namespace carillon::store::detail
