// What every place for objects promises, the same for all backends.
//
// S3 is asked for real: tests/conformance/s3_server.py runs moto, which checks every signature.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ostream>
#include <thread>

#include "base/crypto.h"
#include "base/json.h"
#include "net/http_client.h"
#include "objects/objects.h"

namespace carillon::objects {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr int kNotInstalled = 77;

// The server of a test run: started by the first test that asks for it, ended with this process.
class S3Server {
 public:
  static S3Server& get() {
    static S3Server server;
    return server;
  }

  // nullopt: moto is not installed.
  [[nodiscard]] const std::optional<S3Options>& options() const { return options_; }

 private:
  S3Server() {
    int in[2], out[2];
    if (::pipe(in) != 0 || ::pipe(out) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
      ::execlp("python3", "python3", "tests/conformance/s3_server.py", "bells", nullptr);
      ::_exit(kNotInstalled);
    }
    ::close(in[0]);
    ::close(out[1]);
    stop_ = in[1];
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    base::JsonDocument document;
    const auto root = document.parse(line);
    if (!root) return;
    const auto text = [&](const char* key) { return std::string((*root)[key].get_string().value()); };
    S3Options options;
    options.bucket = "bells";
    options.prefix = "tests/";
    options.endpoint = text("endpoint");
    options.access_key_id = text("access_key_id");
    options.secret_access_key = base::Secret(text("secret_access_key"));
    options_ = std::move(options);
  }
  ~S3Server() {
    if (pid_ <= 0) return;
    ::close(stop_);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid_ = -1;
  int stop_ = -1;
  std::optional<S3Options> options_;
};

struct Backend {
  std::string name;
  // Null: it cannot be had here.
  std::function<std::unique_ptr<Objects>(asio::any_io_executor, const std::string& folder)> make;
  friend void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
};

class ObjectsSuite : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "objects_" + base::random_text(12);
    objects_ = GetParam().make(context_.get_executor(), folder_);
    if (!objects_) GTEST_SKIP() << "moto is not installed: tools/install_dependencies.sh test";
  }
  void TearDown() override {
    if (objects_) run(objects_->close());
    objects_.reset();
    guard_.reset();
    thread_.join();
    std::filesystem::remove_all(folder_);
  }

  // Awaited on another thread than the backend's.
  template <class T>
  T run(Task<T> task) {
    asio::io_context context;
    auto value = asio::co_spawn(context, std::move(task), asio::use_future);
    context.run();
    return value.get();
  }
  static base::Deadline soon() { return base::Deadline::after(60s); }

  Result<void> put(const std::string& name, std::string bytes) {
    return put(name, net::Body(std::move(bytes)));
  }
  Result<void> put(const std::string& name, net::Body body) {
    return run(objects_->put(name, std::make_shared<const net::Body>(std::move(body)), soon()));
  }
  Result<std::string> read(const std::string& name, std::uint64_t offset = 0, std::size_t count = kPieceMax) {
    return run(objects_->read(name, offset, count, soon()));
  }
  Result<std::string> read_all(const std::string& name) {
    std::string all;
    while (true) {
      CARILLON_TRY(const std::string piece, read(name, all.size()));
      all += piece;
      if (piece.size() < kPieceMax) return all;
    }
  }
  Result<void> remove(const std::string& name) { return run(objects_->remove(name, soon())); }

  std::string folder_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(context_);
  std::thread thread_{[this] { context_.run(); }};
  std::unique_ptr<Objects> objects_;
};

TEST_P(ObjectsSuite, GivesBackWhatItKeeps) {
  ASSERT_TRUE(put("obj_1", "bells\0of glass"));
  EXPECT_EQ(read("obj_1").value(), "bells\0of glass");
  const std::string binary = base::random_bytes(1000);
  ASSERT_TRUE(put("obj_2", binary));
  EXPECT_EQ(read("obj_2").value(), binary);
  EXPECT_EQ(read("obj_1").value(), "bells\0of glass");
}

TEST_P(ObjectsSuite, GivesPartsAndNothingBehindTheEnd) {
  ASSERT_TRUE(put("obj_parts", "0123456789"));
  EXPECT_EQ(read("obj_parts", 3, 4).value(), "3456");
  EXPECT_EQ(read("obj_parts", 8, 4).value(), "89");
  EXPECT_EQ(read("obj_parts", 9, 1).value(), "9");
  EXPECT_EQ(read("obj_parts", 10, 4).value(), "");
  EXPECT_EQ(read("obj_parts", 1'000'000, 4).value(), "");
}

TEST_P(ObjectsSuite, KeepsWhatIsLargerThanAPiece) {
  net::Body body;
  const std::string bytes = base::random_bytes(2 * kPieceMax + 12'345);
  for (std::size_t at = 0; at < bytes.size(); at += 100'000) body.add(bytes.substr(at, 100'000));
  ASSERT_TRUE(put("obj_large", body));
  EXPECT_EQ(read_all("obj_large").value(), bytes);
  EXPECT_EQ(read("obj_large", kPieceMax - 2, 4).value(), bytes.substr(kPieceMax - 2, 4));
}

TEST_P(ObjectsSuite, TakesAFileAsItStands) {
  std::FILE* const file = std::tmpfile();
  const std::string bytes = base::random_bytes(700'000);
  ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  std::fflush(file);
  net::Body body;
  body.add_file(std::make_shared<const base::Descriptor>(::dup(::fileno(file))), bytes.size());
  std::fclose(file);
  ASSERT_TRUE(put("obj_file", body));
  EXPECT_EQ(read_all("obj_file").value(), bytes);
}

TEST_P(ObjectsSuite, ReplacesANameThatIsThere) {
  ASSERT_TRUE(put("obj_same", "the first, which is longer"));
  ASSERT_TRUE(put("obj_same", "the second"));
  EXPECT_EQ(read("obj_same").value(), "the second");
}

TEST_P(ObjectsSuite, KnowsNothingOfWhatWasRemoved) {
  ASSERT_TRUE(put("obj_gone", "x"));
  ASSERT_TRUE(remove("obj_gone"));
  EXPECT_EQ(read("obj_gone").error().code, Errc::NotFound);
  EXPECT_TRUE(remove("obj_gone"));
  EXPECT_TRUE(remove("obj_never"));
  EXPECT_EQ(read("obj_never").error().code, Errc::NotFound);
}

TEST_P(ObjectsSuite, RefusesNamesThatCouldClimb) {
  for (const auto* const name : {"../x", "a/b", "", "A", "a\nb", "obj_1.part"}) {
    EXPECT_EQ(put(name, "x").error().code, Errc::InvalidArgument) << name;
    EXPECT_EQ(read(name).error().code, Errc::InvalidArgument) << name;
    EXPECT_EQ(remove(name).error().code, Errc::InvalidArgument) << name;
  }
}

TEST_P(ObjectsSuite, DoesSeveralThingsAtATime) {
  constexpr std::size_t kMany = 20;
  asio::io_context context;
  std::vector<std::future<Result<void>>> done;
  for (std::size_t i = 0; i < kMany; ++i) {
    auto body = std::make_shared<const net::Body>(std::string(100'000 + i, static_cast<char>('a' + i)));
    done.push_back(asio::co_spawn(context, objects_->put("obj_" + std::to_string(i), std::move(body), soon()),
                                  asio::use_future));
  }
  context.run();
  for (auto& each : done) EXPECT_TRUE(each.get());
  for (std::size_t i = 0; i < kMany; ++i) {
    EXPECT_EQ(read_all("obj_" + std::to_string(i)).value(),
              std::string(100'000 + i, static_cast<char>('a' + i)));
  }
}

TEST_P(ObjectsSuite, SaysThatItCanBeUsed) { EXPECT_TRUE(run(objects_->check(soon()))); }

TEST_P(ObjectsSuite, LetsAnybodyWithItsUrlFetchAnObjectForAWhileOrHasNoUrls) {
  ASSERT_TRUE(put("obj_shown", "a picture"));
  const ShownAs as{"image/png", "inline; filename=\"a b.png\""};
  const auto url = objects_->presign("obj_shown", as, 60s);
  if (!url) return;
  asio::io_context context;
  const auto fetch = [&](const std::string& from) {
    const auto http = net::HttpClient::open(context.get_executor());
    net::HttpCall call;
    call.url = from;
    auto answer = asio::co_spawn(context, http->call(std::move(call), soon()), asio::use_future);
    context.restart();
    context.run();
    return answer.get().value();
  };
  const auto answer = fetch(*url);
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body, "a picture");
  EXPECT_EQ(answer.header("content-type"), "image/png");
  EXPECT_EQ(answer.header("content-disposition"), as.disposition);
  std::string forged = *url;
  forged.replace(forged.find("obj_shown"), 9, "obj_other");
  EXPECT_EQ(fetch(forged).status, 403);
}

std::unique_ptr<Objects> make_s3(asio::any_io_executor executor, const std::string&) {
  const auto& options = S3Server::get().options();
  return options ? open_s3(*options, std::move(executor)).value() : nullptr;
}

INSTANTIATE_TEST_SUITE_P(Backends, ObjectsSuite,
                         testing::Values(Backend{"file",
                                                 [](asio::any_io_executor executor,
                                                    const std::string& folder) {
                                                   return open_folder(folder, std::move(executor)).value();
                                                 }},
                                         Backend{"s3", make_s3}),
                         [](const auto& param) { return param.param.name; });

// ---- what is of one backend only

class S3Suite : public ObjectsSuite {};

TEST_P(S3Suite, SaysWhichSettingsAreWrong) {
  S3Options wrong = *S3Server::get().options();
  wrong.secret_access_key = base::Secret("somebody else's");
  const auto objects = open_s3(wrong, context_.get_executor()).value();
  const auto body = std::make_shared<const net::Body>(std::string("x"));
  const auto kept = run(objects->put("obj_1", body, soon()));
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, Errc::FailedPrecondition);
  EXPECT_NE(kept.error().message.find("SignatureDoesNotMatch"), std::string::npos) << kept.error().message;
  EXPECT_EQ(run(objects->check(soon())).error().code, Errc::FailedPrecondition);
  run(objects->close());
}

TEST_P(S3Suite, IsUnavailableWhenNobodyAnswers) {
  S3Options nowhere = *S3Server::get().options();
  nowhere.endpoint = "http://127.0.0.1:1";
  const auto objects = open_s3(nowhere, context_.get_executor()).value();
  EXPECT_EQ(run(objects->read("obj_1", 0, 1, soon())).error().code, Errc::Unavailable);
  run(objects->close());
}

INSTANTIATE_TEST_SUITE_P(Backends, S3Suite, testing::Values(Backend{"s3", make_s3}),
                         [](const auto& param) { return param.param.name; });

class FolderSuite : public ObjectsSuite {};

TEST_P(FolderSuite, LeavesNothingOfWhatItCouldNotKeep) {
  net::Body broken("begin");
  broken.add_file(std::make_shared<const base::Descriptor>(), 10);
  EXPECT_EQ(put("obj_broken", broken).error().code, Errc::Unavailable);
  EXPECT_EQ(read("obj_broken").error().code, Errc::NotFound);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    EXPECT_FALSE(entry.is_regular_file()) << entry.path();
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, FolderSuite,
                         testing::Values(Backend{
                             "file",
                             [](asio::any_io_executor executor, const std::string& folder) {
                               return open_folder(folder, std::move(executor)).value();
                             }}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace carillon::objects
