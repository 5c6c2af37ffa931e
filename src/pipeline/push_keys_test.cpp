#include "pipeline/push_keys.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>

#include "base/p256.h"
#include "pipeline/directory.h"

namespace carillon::pipeline {
namespace {

class PushKeysTest : public testing::Test {
 protected:
  PushKeysTest() {
    std::string name = testing::TempDir() + "carillon_push_keys_XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
    open();
  }
  ~PushKeysTest() override {
    store_->close();
    std::filesystem::remove_all(folder_);
  }
  void open() {
    store::SqliteOptions options;
    options.folder = folder_;
    options.keys = &keys_;
    options.disk_free_min_bytes = 0;
    store_ = std::move(store::open_sqlite(options).value());
  }
  template <class T>
  T run(Task<T> task) {
    auto future = boost::asio::co_spawn(io_, std::move(task), boost::asio::use_future);
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      io_.restart();
      io_.run_one_for(std::chrono::seconds(5));
    }
    return future.get();
  }
  PushKey obtain(const base::Sealer& sealer, std::int32_t project = kDefaultProject) {
    return run(obtain_push_key(*store_, sealer, project, from_ms(1'790'000'000'000))).value();
  }

  std::string folder_;
  base::KeyRing keys_ = base::KeyRing::derive(base::Secret(std::string(32, 'r'))).value();
  boost::asio::io_context io_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(PushKeysTest, MakesAPairOnceAndKeepsItSealed) {
  const PushKey made = obtain(keys_.sealer);
  EXPECT_EQ(base::base64url(base::p256_public_key(made.private_key).value()), made.public_key);
  const auto stored = run(store_->get_record({std::string(kKindPushKey), kDefaultProject, "project"}));
  ASSERT_TRUE(stored);
  EXPECT_FALSE(stored->data.contains(base::base64url(made.private_key.reveal())));
  EXPECT_TRUE(stored->data.contains("v1:"));
  store_->close();
  open();
  const PushKey again = obtain(keys_.sealer);
  EXPECT_EQ(again.public_key, made.public_key);
  EXPECT_EQ(again.private_key.reveal(), made.private_key.reveal());
}

TEST_F(PushKeysTest, GivesEachProjectItsOwn) {
  const PushKey one = obtain(keys_.sealer, 1), other = obtain(keys_.sealer, 2);
  EXPECT_NE(one.public_key, other.public_key);
}

TEST_F(PushKeysTest, GoesOnWithoutAPairThatIsSealedWithAnotherKey) {
  const PushKey made = obtain(keys_.sealer);
  const auto others = base::KeyRing::derive(base::Secret(std::string(32, 'x'))).value();
  const PushKey locked = obtain(others.sealer);
  EXPECT_EQ(locked.public_key, made.public_key);
  EXPECT_TRUE(locked.private_key.empty());
}

}  // namespace
}  // namespace carillon::pipeline
