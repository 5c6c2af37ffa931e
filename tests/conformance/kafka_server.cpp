#include "tests/conformance/kafka_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/crypto.h"
#include "queue/hint.h"
#include "queue/kafka_handles.h"

namespace carillon::conformance {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int kStarts = 3;  // somebody may take a port that was free a moment ago
constexpr const char* kJars = "build/kafka/lib";

std::uint16_t free_port() {
  asio::io_context context;
  return tcp::acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)).local_endpoint().port();
}

bool is_installed() {
  static const bool found = std::filesystem::exists(std::string(kJars) + "/kafka_2.13-3.9.1.jar") &&
                            std::system("command -v java >/dev/null") == 0;
  return found;
}

class Broker final : public KafkaServer {
 public:
  Broker() : folder_(testing::TempDir() + "kafka_" + base::random_text(10)) {
    std::filesystem::create_directories(folder_);
  }
  ~Broker() override {
    kill();
    std::filesystem::remove_all(folder_);
  }

  bool launch() {
    port_ = free_port();
    write_settings(free_port());
    return run();
  }

  [[nodiscard]] std::string url() const override { return "kafka://127.0.0.1:" + std::to_string(port_); }
  void make_topics(const std::string&, int) override {}
  void signal(int number) override { ::kill(pid_, number); }
  void break_producers(std::size_t) override {}
  void kill() override {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    if (listener_.joinable()) listener_.join();
  }
  void restart() override {
    kill();
    if (!run()) ADD_FAILURE() << "the broker does not start again";
  }
  void wipe() override {
    kill();
    std::filesystem::remove_all(folder_ + "/data");
  }

 private:
  void write_settings(std::uint16_t controller) const {
    std::ofstream(folder_ + "/server.properties")
        << "process.roles=broker,controller\nnode.id=1\n"
        << "controller.quorum.voters=1@127.0.0.1:" << controller << "\n"
        << "listeners=PLAINTEXT://127.0.0.1:" << port_ << ",CONTROLLER://127.0.0.1:" << controller << "\n"
        << "advertised.listeners=PLAINTEXT://127.0.0.1:" << port_ << "\n"
        << "controller.listener.names=CONTROLLER\n"
        << "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
        << "inter.broker.listener.name=PLAINTEXT\n"
        << "log.dirs=" << folder_ << "/data\n"
        << "num.partitions=1\noffsets.topic.num.partitions=4\noffsets.topic.replication.factor=1\n"
        << "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
        << "group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n"
        << "num.network.threads=2\nnum.io.threads=2\nlog.cleaner.dedupe.buffer.size=4194304\n";
    std::ofstream(folder_ + "/log4j.properties")
        << "log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
        << "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
        << "log4j.appender.out.layout.ConversionPattern=%p %m%n\n";
  }

  // Runs a class of the broker's and reads what it says until `awaited`; empty: until it ends.
  bool java(std::vector<std::string> more, const char* awaited) {
    std::vector<std::string> words{"java",
                                   "-Xms64m",
                                   "-Xmx384m",
                                   "-XX:+UseSerialGC",
                                   "-XX:TieredStopAtLevel=1",
                                   "-Dlog4j.configuration=file:" + folder_ + "/log4j.properties",
                                   "-cp",
                                   std::string(kJars) + "/*"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::array<int, 2> out{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return false;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(out[1], 1);
      ::dup2(out[1], 2);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(out[1]);
    std::string said;
    std::array<char, 4096> buffer;
    bool is_there = false;
    while (!is_there) {
      const auto n = ::read(out[0], buffer.data(), buffer.size());
      if (n <= 0) break;
      said.append(buffer.data(), static_cast<std::size_t>(n));
      is_there = *awaited != 0 && said.contains(awaited);
    }
    if (is_there) {
      listen_on(out[0]);
      return true;
    }
    ::close(out[0]);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return *awaited == 0 && status == 0;
  }

  // A broker that cannot write its log stops; what it says after its start is of no interest.
  void listen_on(int fd) {
    listener_ = std::thread([fd] {
      std::array<char, 4096> buffer;
      while (::read(fd, buffer.data(), buffer.size()) > 0) {}
      ::close(fd);
    });
  }

  bool run() {
    const std::string settings = folder_ + "/server.properties";
    const bool is_new = !std::filesystem::exists(folder_ + "/data/meta.properties");
    if (is_new &&
        !java({"kafka.tools.StorageTool", "format", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c", settings}, "")) {
      return false;
    }
    return java({"kafka.Kafka", settings}, "Kafka Server started");
  }

  const std::string folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  std::thread listener_;
};

class Mock final : public KafkaServer {
 public:
  Mock() {
    std::array<char, 256> why{};
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why.data(), why.size()));
    cluster_ = rd_kafka_mock_cluster_new(client_.get(), 3);
  }
  ~Mock() override { rd_kafka_mock_cluster_destroy(cluster_); }

  [[nodiscard]] std::string url() const override {
    return std::string("kafka://") + rd_kafka_mock_cluster_bootstraps(cluster_);
  }
  void make_topics(const std::string& prefix, int partitions) override {
    for (const model::Lane lane : queue::all_lanes()) {
      rd_kafka_mock_topic_create(cluster_, queue::topic_of(prefix, lane).c_str(), partitions, 3);
    }
  }
  void kill() override {}
  void restart() override {}
  void wipe() override {}
  void signal(int) override {}
  void break_producers(std::size_t count) override {
    constexpr std::int16_t kInitProducerId = 22;  // of the protocol's requests
    for (std::size_t i = 0; i < count; ++i) {
      rd_kafka_mock_push_request_errors(cluster_, kInitProducerId, 1,
                                        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    }
  }

 private:
  queue::ClientPtr client_;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

}  // namespace

std::unique_ptr<KafkaServer> KafkaServer::start() {
  if (!is_installed()) return nullptr;
  for (int i = 0; i < kStarts; ++i) {
    auto broker = std::make_unique<Broker>();
    if (broker->launch()) return broker;
  }
  ADD_FAILURE() << "the broker does not start";
  return nullptr;
}

KafkaServer* KafkaServer::shared() {
  static const std::unique_ptr<KafkaServer> server = start();
  return server.get();
}

KafkaServer* KafkaServer::mock() {
  static Mock mock;
  return &mock;
}

}  // namespace carillon::conformance
