#include "pipeline/journal.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "pipeline/journal_format.h"

namespace carillon::pipeline {
namespace {

namespace fs = std::filesystem;
using model::Outcome;
using model::OutcomeKind;

constexpr store::Owner kOwner{3, 7};

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string name = testing::TempDir() + "carillon_journal_XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
  }
  ~JournalTest() override { fs::remove_all(root_); }

  std::unique_ptr<Journal> open(JournalOptions options = {}) {
    auto journal = Journal::open(folder(), kOwner, options);
    EXPECT_TRUE(journal) << journal.error().message;
    return std::move(*journal);
  }
  Journal::Replay read() {
    auto replay = Journal::read(folder());
    EXPECT_TRUE(replay) << replay.error().message;
    return std::move(*replay);
  }
  [[nodiscard]] std::string folder() const { return root_ + "/journal"; }
  [[nodiscard]] std::vector<std::string> segments() const {
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(folder())) {
      if (entry.path().extension() == ".journal") paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    return paths;
  }
  static std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void put_bytes(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  // What a killed process leaves: the files as they are, without the destructor's tidying.
  void kill(std::unique_ptr<Journal> journal) {
    std::map<std::string, std::string> files;
    for (const auto& path : segments()) files[path] = bytes_of(path);
    journal.reset();
    for (const auto& [path, bytes] : files) put_bytes(path, bytes);
  }

  std::string root_;
};

Outcome rich_outcome() {
  Outcome outcome = Outcome::of(OutcomeKind::InvalidRecipient, 410, "Unregistered", "gone since yesterday");
  outcome.provider_id = "0e3b-77";
  outcome.invalid_since = from_ms(1'790'000'000'123);
  outcome.retry_after = Millis(2500);
  outcome.is_suspicious = true;
  outcome.is_opt_out = true;
  return outcome;
}

TEST_F(JournalTest, GivesBackWhatWasBegunAndHowItEnded) {
  auto journal = open();
  journal->start(1, 1);
  journal->start(2, 5);
  ASSERT_TRUE(journal->flush());
  journal->outcome(2, 5, rich_outcome());
  ASSERT_TRUE(journal->flush());
  kill(std::move(journal));

  const auto replay = read();
  EXPECT_TRUE(replay.is_same_boot);
  ASSERT_EQ(replay.found.size(), 2U);
  EXPECT_TRUE(replay.found.at({1, 1}).started);
  EXPECT_FALSE(replay.found.at({1, 1}).outcome);
  EXPECT_TRUE(replay.found.at({2, 5}).started);
  const auto& outcome = replay.found.at({2, 5}).outcome;
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, OutcomeKind::InvalidRecipient);
  EXPECT_EQ(outcome->status, 410);
  EXPECT_EQ(outcome->code, "Unregistered");
  EXPECT_EQ(outcome->detail, "gone since yesterday");
  EXPECT_EQ(outcome->provider_id, "0e3b-77");
  EXPECT_EQ(outcome->invalid_since, from_ms(1'790'000'000'123));
  EXPECT_EQ(outcome->retry_after, Millis(2500));
  EXPECT_TRUE(outcome->is_suspicious);
  EXPECT_TRUE(outcome->is_opt_out);
}

TEST_F(JournalTest, KeepsClaimsOfOneDeliveryApart) {
  auto journal = open();
  journal->start(1, 1);
  journal->outcome(1, 1, Outcome::not_sent("refused"));
  journal->start(1, 2);
  ASSERT_TRUE(journal->flush());
  kill(std::move(journal));
  const auto replay = read();
  EXPECT_TRUE(replay.found.at({1, 1}).outcome);
  EXPECT_TRUE(replay.found.at({1, 2}).started);
  EXPECT_FALSE(replay.found.at({1, 2}).outcome);
}

TEST_F(JournalTest, HoldsNothingBeforeTheFlush) {
  auto journal = open();
  journal->start(1, 1);
  kill(std::move(journal));
  EXPECT_TRUE(read().found.empty());
}

TEST_F(JournalTest, CutsLongTexts) {
  auto journal = open();
  Outcome outcome;
  outcome.code = std::string(70'000, 'c');
  outcome.detail = std::string(70'000, 'd');
  outcome.provider_id = std::string(70'000, 'p');
  journal->outcome(1, 1, outcome);
  journal->start(2, 1);
  ASSERT_TRUE(journal->flush());
  kill(std::move(journal));
  const auto replay = read();
  EXPECT_EQ(replay.found.at({1, 1}).outcome->detail, std::string(300, 'd'));
  EXPECT_EQ(replay.found.at({1, 1}).outcome->provider_id, std::string(512, 'p'));
  EXPECT_TRUE(replay.found.at({2, 1}).started);
}

TEST_F(JournalTest, LeavesNothingBehindWhenAllIsSettled) {
  auto journal = open();
  journal->start(1, 1);
  journal->outcome(1, 1, Outcome::sent("x"));
  ASSERT_TRUE(journal->flush());
  journal->settled(1, 1);
  journal.reset();
  EXPECT_TRUE(segments().empty());
  EXPECT_TRUE(read().is_same_boot);
}

TEST_F(JournalTest, KeepsItsSegmentWhenSomethingIsOpenAtTheEnd) {
  auto journal = open();
  journal->start(1, 1);
  ASSERT_TRUE(journal->flush());
  journal.reset();
  EXPECT_TRUE(read().found.at({1, 1}).started);
}

TEST_F(JournalTest, ProvesNothingWithoutKnowingTheBoot) {
  EXPECT_FALSE(read().is_same_boot) << "a folder that was never written may have been lost";
  auto journal = open();
  journal->start(1, 1);
  ASSERT_TRUE(journal->flush());
  kill(std::move(journal));
  ASSERT_TRUE(read().is_same_boot);
  put_bytes(folder() + "/boot", "00000000-0000-0000-0000-000000000000");
  EXPECT_FALSE(read().is_same_boot);
}

TEST_F(JournalTest, ProvesNothingWithASegmentOfAnotherBootOrWithoutHeader) {
  open();
  std::string other;
  journal_format::append_header(other, {{3, 6}, 1, "00000000-0000-0000-0000-000000000000"});
  journal_format::append_start(other, 9, 9);
  const std::string path = folder() + "/other.journal";
  put_bytes(path, other);
  EXPECT_FALSE(read().is_same_boot);
  EXPECT_TRUE(read().found.empty());
  put_bytes(path, "no header at all");
  EXPECT_FALSE(read().is_same_boot);
  put_bytes(path, "");
  EXPECT_TRUE(read().is_same_boot) << "the process was killed before the first byte";
}

TEST_F(JournalTest, RemovesASegmentOnceEverythingStartedInItAndBeforeIsSettled) {
  auto journal = open({.segment_max = 200});
  const auto run = [&](std::int64_t first) {  // fills one segment
    for (std::int64_t id = first; id < first + 10; ++id) journal->start(id, 1);
    ASSERT_TRUE(journal->flush());
  };
  run(10);
  run(20);
  run(30);
  ASSERT_EQ(segments().size(), 4U);
  for (std::int64_t id = 20; id < 30; ++id) journal->settled(id, 1);
  EXPECT_EQ(segments().size(), 4U) << "it may hold outcomes of what was started before";
  for (std::int64_t id = 10; id < 19; ++id) journal->settled(id, 1);
  EXPECT_EQ(segments().size(), 4U);
  journal->settled(19, 2);
  EXPECT_EQ(segments().size(), 4U) << "another claim";
  journal->settled(19, 1);
  EXPECT_EQ(segments().size(), 2U);
  journal->settled(19, 1);
  for (std::int64_t id = 30; id < 40; ++id) journal->settled(id, 1);
  EXPECT_EQ(segments().size(), 1U);
}

TEST_F(JournalTest, FindsOutcomesInALaterSegmentThanTheirStart) {
  auto journal = open({.segment_max = 100});
  journal->start(1, 1);
  journal->start(2, 1);
  ASSERT_TRUE(journal->flush());
  journal->outcome(2, 1, Outcome::sent("two"));
  journal->outcome(1, 1, Outcome::sent("one"));
  ASSERT_TRUE(journal->flush());
  ASSERT_GE(segments().size(), 2U);
  kill(std::move(journal));
  const auto replay = read();
  EXPECT_TRUE(replay.found.at({1, 1}).started);
  EXPECT_EQ(replay.found.at({1, 1}).outcome->provider_id, "one");
}

TEST_F(JournalTest, DiscardsTheSegmentsOfOtherOwners) {
  auto journal = open();
  journal->start(1, 1);
  ASSERT_TRUE(journal->flush());
  kill(std::move(journal));
  Journal::discard(folder(), kOwner);
  EXPECT_EQ(segments().size(), 1U);
  Journal::discard(folder(), {kOwner.node, kOwner.epoch + 1});
  EXPECT_TRUE(segments().empty());
  EXPECT_TRUE(read().is_same_boot);
}

TEST_F(JournalTest, OpensBesideAFileOfItsName) {
  kill(open());
  ASSERT_EQ(segments().size(), 1U);
  auto journal = open();
  EXPECT_EQ(segments().size(), 2U);
}

// A limit on file sizes acts like a full disk: part of the bytes go in, then an error.
class FullDisk {
 public:
  explicit FullDisk(std::size_t limit) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    rlimit now = old_;
    now.rlim_cur = limit;
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &old_); }

 private:
  rlimit old_{};
};

TEST_F(JournalTest, WritesAllOrNothingOfAFlushWhenTheDiskIsFull) {
  auto journal = open();
  journal->start(1, 1);
  ASSERT_TRUE(journal->flush());
  const auto before = fs::file_size(segments().front());
  {
    const FullDisk full(before + 25);  // the first of three starts fits, and half of the second
    for (const std::int64_t id : {2, 3, 4}) journal->start(id, 1);
    journal->outcome(1, 1, Outcome::sent("one"));
    const auto flushed = journal->flush();
    ASSERT_FALSE(flushed);
    EXPECT_EQ(flushed.error().code, Errc::Unavailable);
    EXPECT_EQ(fs::file_size(segments().front()), before);
    EXPECT_FALSE(journal->flush()) << "the outcome still waits";
  }
  journal->start(5, 1);
  ASSERT_TRUE(journal->flush());
  kill(std::move(journal));
  const auto replay = read();
  EXPECT_EQ(replay.found.at({1, 1}).outcome->provider_id, "one");
  EXPECT_TRUE(replay.found.at({5, 1}).started);
  EXPECT_EQ(replay.found.size(), 2U) << "what was not begun is not there";
}

TEST_F(JournalTest, CountsNoStartsOfAFailedFlush) {
  auto journal = open({.segment_max = 100});
  {
    const FullDisk full(64 + 10);
    journal->start(1, 1);
    ASSERT_FALSE(journal->flush());
  }
  for (const std::int64_t id : {2, 3}) journal->start(id, 1);
  ASSERT_TRUE(journal->flush());
  ASSERT_EQ(segments().size(), 2U);
  journal->settled(2, 1);
  journal->settled(3, 1);
  EXPECT_EQ(segments().size(), 1U);
}

// ---- the bytes

std::string small_segment() {
  std::string bytes;
  journal_format::append_header(bytes, {kOwner, 1, "boot"});
  for (std::int64_t id = 1; id <= 3; ++id) {
    journal_format::append_start(bytes, id, 1);
    journal_format::append_outcome(bytes, id, 1, rich_outcome());
  }
  return bytes;
}

// Everything found must be what was written: nothing is ever made up.
void expect_written(const Journal::Replay& replay) {
  for (const auto& [key, found] : replay.found) {
    EXPECT_TRUE(key.delivery >= 1 && key.delivery <= 3 && key.epoch == 1U) << key.delivery;
    if (found.outcome) { EXPECT_EQ(found.outcome->detail, rich_outcome().detail); }
  }
}

TEST(JournalFormat, ReadsWhatIsWholeOfAFileCutAtAnyByte) {
  const std::string whole = small_segment();
  std::size_t last = 0;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto bytes = std::string_view(whole).substr(0, size);
    EXPECT_EQ(journal_format::parse_header(bytes).has_value(), size >= journal_format::kHeaderSize);
    Journal::Replay replay;
    const std::size_t count = journal_format::parse_records(bytes, replay);
    EXPECT_TRUE(count == last || count == last + 1) << size;
    last = count;
    expect_written(replay);
  }
  EXPECT_EQ(last, 6U);
}

TEST(JournalFormat, StopsAtAChangedByteAndKeepsWhatIsBefore) {
  const std::string whole = small_segment();
  const std::size_t first_end = journal_format::kHeaderSize + journal_format::kStartSize;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    EXPECT_EQ(journal_format::parse_header(bytes).has_value(), at >= journal_format::kHeaderSize);
    Journal::Replay replay;
    const std::size_t count = journal_format::parse_records(bytes, replay);
    EXPECT_EQ(count < 6, at >= journal_format::kHeaderSize);
    EXPECT_EQ(count > 0, at < journal_format::kHeaderSize || at >= first_end);
    expect_written(replay);
  }
}

TEST(JournalFormat, TakesZerosBehindTheRecordsForTheEnd) {
  std::string bytes = small_segment() + std::string(4096, '\0');
  Journal::Replay replay;
  EXPECT_EQ(journal_format::parse_records(bytes, replay), 6U);
}

TEST(JournalFormat, ReadsGarbageAsNothing) {
  EXPECT_TRUE(rc::check([](const std::string& garbage) {
    std::string bytes = small_segment();
    Journal::Replay replay;
    RC_ASSERT(journal_format::parse_records(bytes + garbage, replay) == 6U);
    RC_ASSERT(!journal_format::parse_header(garbage));
    Journal::Replay nothing;
    RC_ASSERT(journal_format::parse_records(std::string(64, 'x') + garbage, nothing) == 0U);
    RC_ASSERT(nothing.found.empty());
  }));
}

TEST(JournalFormat, ReadsBackEveryOutcome) {
  EXPECT_TRUE(rc::check([](std::int64_t delivery, std::uint32_t epoch, std::int32_t status,
                           const std::string& detail, const std::string& id, bool is_suspicious) {
    Outcome outcome;
    outcome.kind = static_cast<OutcomeKind>(*rc::gen::inRange<std::uint8_t>(0, model::kOutcomeKindCount));
    outcome.status = status;
    outcome.detail = detail.substr(0, journal_format::kDetailMax);
    outcome.provider_id = id.substr(0, journal_format::kProviderIdMax);
    outcome.is_suspicious = is_suspicious;
    std::string bytes;
    journal_format::append_header(bytes, {kOwner, 1, "boot"});
    journal_format::append_outcome(bytes, delivery, epoch, outcome);
    Journal::Replay replay;
    RC_ASSERT(journal_format::parse_records(bytes, replay) == 1U);
    const auto& found = replay.found.at({delivery, epoch});
    RC_ASSERT(!found.started);
    RC_ASSERT(found.outcome->kind == outcome.kind && found.outcome->status == status);
    RC_ASSERT(found.outcome->detail == outcome.detail && found.outcome->provider_id == outcome.provider_id);
    RC_ASSERT(found.outcome->is_suspicious == is_suspicious && !found.outcome->retry_after);
  }));
}

// Against a plain map: which segments are left after any order of starts and settlements.
TEST_F(JournalTest, CountsLikeAPlainMapWhateverTheOrder) {
  EXPECT_TRUE(rc::check([this] {
    fs::remove_all(folder());
    auto journal = open({.segment_max = 64 + 19 * 4});
    std::vector<std::int64_t> started;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000));
    std::int64_t next_id = 1;
    for (const int step : steps) {
      if (step % 2 == 0 || started.empty()) {
        journal->start(next_id * 4096, 1);
        RC_ASSERT(journal->flush().has_value());
        started.push_back(next_id++ * 4096);
      } else {
        const auto at = static_cast<std::size_t>(step) % started.size();
        journal->settled(started[at], 1);
        started.erase(started.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    // Four starts per segment: the oldest open one tells the first segment that must be there.
    const std::size_t last_segment = static_cast<std::size_t>(next_id - 1) / 4;
    std::size_t oldest_needed = last_segment;
    for (const auto id : started)
      oldest_needed = std::min(oldest_needed, static_cast<std::size_t>(id / 4096 - 1) / 4);
    RC_ASSERT(segments().size() == last_segment - oldest_needed + 1);
    for (const auto id : started) journal->settled(id, 1);
    RC_ASSERT(segments().size() == 1U);
  }));
}

}  // namespace
}  // namespace carillon::pipeline
