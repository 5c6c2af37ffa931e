#include "base/task.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace carillon::base {
namespace {

namespace asio = boost::asio;
using std::chrono::hours;

TEST(TaskGate, CountsATaskUntilItEnds) {
  asio::io_context io;
  TaskGate gate("test");
  bool ran = false;
  EXPECT_TRUE(gate.spawn(io.get_executor(), "one", [&]() -> Task<> {
    ran = true;
    co_return;
  }));
  EXPECT_EQ(gate.count(), 1U);
  io.run();
  EXPECT_TRUE(ran);
  EXPECT_EQ(gate.count(), 0U);
}

TEST(TaskGate, NeverRunsATaskInsideTheCallThatSpawnsIt) {
  boost::asio::io_context context;
  TaskGate gate("test");
  bool has_run = false, had_run_inside = true;
  boost::asio::post(context, [&] {
    gate.spawn(context.get_executor(), "inner", [&]() -> Task<void> {
      has_run = true;
      co_return;
    });
    had_run_inside = has_run;
  });
  context.run();
  EXPECT_TRUE(has_run);
  EXPECT_FALSE(had_run_inside);
}

TEST(TaskGate, RefusesTasksOnceClosed) {
  asio::io_context io;
  TaskGate gate("test");
  gate.close();
  EXPECT_FALSE(gate.enter());
  EXPECT_FALSE(gate.spawn(io.get_executor(), "late", []() -> Task<> { co_return; }));
  EXPECT_EQ(io.run(), 0U);
}

TEST(TaskGate, OutlivesATaskThatThrows) {
  asio::io_context io;
  TaskGate gate("test");
  testing::internal::CaptureStderr();
  gate.spawn(io.get_executor(), "thrower", []() -> Task<> {
    throw std::runtime_error("broken");
    co_return;
  });
  io.run();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("thrower"), std::string::npos);
  EXPECT_NE(log.find("broken"), std::string::npos);
  EXPECT_TRUE(gate.wait(Deadline::never()));
}

TEST(TaskGate, WaitsForWhatRunsAndGivesUpAtTheDeadline) {
  TaskGate gate("test");
  ASSERT_TRUE(gate.enter());
  EXPECT_FALSE(gate.wait(Deadline::after(std::chrono::milliseconds(1))));
  EXPECT_FALSE(gate.enter());
  std::thread other([&] { gate.leave(); });
  EXPECT_TRUE(gate.wait(Deadline::never()));
  other.join();
}

TEST(TaskGateDeathTest, AssertsThatItIsEmptyWhenItGoes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        TaskGate gate("test");
        (void)gate.enter();
      },
      "assertion failed");
}

TEST(SleepFor, TellsPassingFromCancelling) {
  asio::io_context io;
  asio::cancellation_signal cancel;
  std::optional<bool> passed, cancelled;
  asio::co_spawn(io, sleep_for(std::chrono::microseconds(1)),
                 [&](std::exception_ptr, bool value) { passed = value; });
  asio::co_spawn(io, sleep_for(hours(1)),
                 asio::bind_cancellation_slot(cancel.slot(),
                                              [&](std::exception_ptr, bool value) { cancelled = value; }));
  asio::post(io, [&] { cancel.emit(asio::cancellation_type::terminal); });
  io.run();
  EXPECT_EQ(passed, true);
  EXPECT_EQ(cancelled, false);
}

TEST(Signal, WakesTheWaiterOncePerSet) {
  asio::io_context io;
  Signal signal(io.get_executor());
  std::vector<bool> results;
  TaskGate gate("test");
  gate.spawn(io.get_executor(), "waiter", [&]() -> Task<> {
    results.push_back(co_await signal.wait());
    results.push_back(co_await signal.wait(Deadline::after(std::chrono::milliseconds(1))));
    signal.set();
    results.push_back(co_await signal.wait());
  });
  asio::post(io, [&] { signal.set(); });
  io.run();
  EXPECT_EQ(results, (std::vector<bool>{true, false, true}));
}

}  // namespace
}  // namespace carillon::base
