#include "net/detail/send_batch.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio.hpp>
#include <memory>
#include <string>
#include <vector>

namespace carillon::net::detail {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Pair {
  tcp::socket server, client;
};

class SendBatchTest : public testing::TestWithParam<SendBatch::Way> {
 protected:
  Pair connect() {
    tcp::acceptor acceptor(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    Pair pair{tcp::socket(context_), tcp::socket(context_)};
    pair.client.connect(acceptor.local_endpoint());
    acceptor.accept(pair.server);
    pair.server.non_blocking(true);
    return pair;
  }
  struct Answer {
    error_code error;
    std::size_t count = 0;
    int times = 0;
  };
  void send(tcp::socket& socket, std::string_view bytes, Answer& answer) {
    batch_->send(socket, bytes, [&answer](error_code error, std::size_t count) {
      answer = Answer{.error = error, .count = count, .times = answer.times + 1};
    });
  }
  void run() {
    context_.restart();
    context_.run();
  }

  asio::io_context context_{1};
  std::unique_ptr<SendBatch> batch_ = std::make_unique<SendBatch>(context_.get_executor(), GetParam());
};

INSTANTIATE_TEST_SUITE_P(Ways, SendBatchTest, testing::Values(SendBatch::Way::Ring, SendBatch::Way::Calls),
                         [](const auto& info) {
                           return info.param == SendBatch::Way::Ring ? "Ring" : "Calls";
                         });

TEST_P(SendBatchTest, EverySocketGetsItsOwnBytesAndSoDoesTheNextBatch) {
  constexpr std::size_t kCount = 300;  // more than a ring has room for
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < kCount; ++i) pairs.push_back(connect());
  for (int round = 0; round < 2; ++round) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < kCount; ++i)
      texts.push_back(std::to_string(round * 1000 + static_cast<int>(i)));
    std::vector<Answer> answers(kCount);
    for (std::size_t i = 0; i < kCount; ++i) send(pairs[i].server, texts[i], answers[i]);
    EXPECT_EQ(pairs[0].client.available(), 0U) << "sent before what else was ready had run";
    run();
    for (std::size_t i = 0; i < kCount; ++i) {
      EXPECT_EQ(answers[i].times, 1);
      EXPECT_FALSE(answers[i].error);
      ASSERT_EQ(answers[i].count, texts[i].size());
      std::string got(texts[i].size(), ' ');
      asio::read(pairs[i].client, asio::buffer(got));
      EXPECT_EQ(got, texts[i]);
    }
  }
}

TEST_P(SendBatchTest, OneAloneIsSentToo) {
  Pair pair = connect();
  Answer answer;
  send(pair.server, "hello", answer);
  run();
  EXPECT_EQ(answer.count, 5U);
}

TEST_P(SendBatchTest, ASocketClosedMeanwhileHarmsNoOther) {
  Pair closed = connect(), reset = connect(), well = connect();
  reset.client.set_option(asio::socket_base::linger(true, 0));
  reset.client.close();  // the server's end learns of it by the error of a send
  std::array<Answer, 3> answers;
  send(closed.server, "a", answers[0]);
  send(reset.server, "b", answers[1]);
  send(well.server, "c", answers[2]);
  closed.server.close();
  run();
  EXPECT_EQ(answers[0].error, asio::error::bad_descriptor);
  EXPECT_TRUE(answers[1].error);
  EXPECT_FALSE(answers[2].error);
  EXPECT_EQ(answers[2].count, 1U);
}

TEST_P(SendBatchTest, AFullSocketTakesAPartAndThenNothing) {
  Pair full = connect(), well = connect();
  const std::string much(64 << 20, 'x');
  std::array<Answer, 2> answers;
  send(full.server, much, answers[0]);
  send(well.server, "c", answers[1]);
  run();
  EXPECT_FALSE(answers[0].error);
  EXPECT_GT(answers[0].count, 0U);
  EXPECT_LT(answers[0].count, much.size());
  EXPECT_EQ(answers[1].count, 1U);
  send(full.server, much, answers[0]);
  send(well.server, "d", answers[1]);
  run();
  EXPECT_EQ(answers[0].error, asio::error::would_block);
  EXPECT_EQ(answers[0].count, 0U);
  EXPECT_EQ(answers[1].times, 2);
}

TEST_P(SendBatchTest, WhoIsAnsweredMaySendAgain) {
  Pair one = connect(), two = connect();
  int answered = 0;
  for (Pair* pair : {&one, &two}) {
    batch_->send(pair->server, "first", [&, pair](error_code, std::size_t) {
      batch_->send(pair->server, "second", [&](error_code error, std::size_t count) {
        EXPECT_FALSE(error);
        EXPECT_EQ(count, 6U);
        ++answered;
      });
    });
  }
  run();
  EXPECT_EQ(answered, 2);
}

// As when a server's thread is stopped while answers are under way: what they hold goes with the context.
TEST_P(SendBatchTest, DestroyedWithItsContextItForgetsWhatWasNotSent) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = held;
  {
    asio::io_context context(1);
    SendBatch batch(context.get_executor(), GetParam());
    tcp::socket socket(context);
    batch.send(socket, "never", [held = std::move(held)](error_code, std::size_t) { ADD_FAILURE(); });
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace carillon::net::detail
