#include "providers/webpush_cipher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <list>
#include <thread>

namespace carillon::providers::webpush_detail {
namespace {

TEST(PushCipher, HandsBackEachWorkOnceOnItsExecutor) {
  boost::asio::io_context io(1);
  const auto guard = boost::asio::make_work_guard(io);
  const auto here = std::this_thread::get_id();
  const base::P256Pair browser = base::make_p256_pair();
  const std::string auth(net::kPushAuthBytes, 'a');
  std::list<CipherWork> works;
  std::vector<const CipherWork*> done;
  const auto collect = [&](std::vector<const CipherWork*>& into) {
    return [&into, here](std::span<CipherWork* const> some) {
      EXPECT_EQ(std::this_thread::get_id(), here);
      into.insert(into.end(), some.begin(), some.end());
    };
  };
  std::vector<const CipherWork*> others_done;
  PushCipher cipher(io.get_executor(), collect(done)), other(io.get_executor(), collect(others_done));
  CipherWork others{{browser.public_key, auth}, "other", {}, false};
  std::vector<CipherWork*> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(&works.emplace_back(CipherWork{{browser.public_key, auth}, std::to_string(i), {}, false}));
  }
  works.back().keys.public_key = "no point";
  cipher.begin(all);
  CipherWork* const one = &others;
  other.begin({&one, 1});
  cipher.begin({});
  while (done.size() < all.size() || others_done.empty()) io.run_one_for(std::chrono::seconds(10));
  EXPECT_EQ(others_done, std::vector<const CipherWork*>{&others});
  std::ranges::sort(done);
  EXPECT_EQ(std::ranges::unique(done).size(), 0U);
  EXPECT_FALSE(works.back().is_good);
  works.pop_back();
  for (const CipherWork& work : works) {
    ASSERT_TRUE(work.is_good);
    EXPECT_EQ(net::decrypt_push(browser.private_key, auth, work.body).value(), work.plain);
  }
}

}  // namespace
}  // namespace carillon::providers::webpush_detail
