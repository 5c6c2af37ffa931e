// A PostgreSQL of this test process: a cluster of its own in a temporary folder, reached by a socket there,
// gone with the process. Made when it is first asked for; one for all tests of a binary, each with a database
// of its own.
#pragma once

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "store/detail/postgres/connection.h"

namespace carillon::store::detail {

class PostgresCluster {
 public:
  static PostgresCluster& instance() {
    static PostgresCluster cluster;
    return cluster;
  }
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;
  ~PostgresCluster() {
    stop(SIGQUIT);
    std::error_code ec;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ec);
  }

  // Why there is none; empty: it runs. A test then skips with it (tools/run_tests.py makes that a failure in
  // CI).
  [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }

  [[nodiscard]] base::Secret url(const std::string& database) const {
    return base::Secret("postgresql:///" + database + "?user=carillon&host=" + folder_);
  }
  [[nodiscard]] std::string socket() const { return folder_ + "/.s.PGSQL.5432"; }
  void create(const std::string& database) const { administer("CREATE DATABASE " + database + ";"); }
  void drop(const std::string& database) const {
    administer("DROP DATABASE IF EXISTS " + database + " WITH (FORCE);");
  }

  // SIGINT: ends what is under way and stops · SIGQUIT: as after a crash.
  void stop(int signal) {
    if (server_ <= 0) return;
    ::kill(server_, signal);
    ::waitpid(server_, nullptr, 0);
    server_ = -1;
  }
  void start() {
    server_ = spawn({bin_ + "/postgres", "-D", folder_ + "/data"});
    const std::string conninfo(url("postgres").reveal());
    for (int i = 0; i < 1'500; ++i) {
      if (PQping(conninfo.c_str()) == PQPING_OK) return;
      ::poll(nullptr, 0, 20);
    }
    why_not_ = "postgres: it did not start; see " + folder_ + "/log";
    folder_.clear();  // stays to be looked at
  }

 private:
  PostgresCluster() {
    for (const char* version : {"15", "16", "17", "14"}) {
      const std::string bin = std::string("/usr/lib/postgresql/") + version + "/bin";
      if (bin_.empty() && ::access((bin + "/postgres").c_str(), X_OK) == 0) bin_ = bin;
    }
    if (bin_.empty()) {
      why_not_ = "postgres: PostgreSQL is not installed; run tools/install_dependencies.sh test";
      return;
    }
    char path[] = "/tmp/carillon-pg-XXXXXX";
    if (::mkdtemp(path) == nullptr) {
      why_not_ = "postgres: cannot make a folder in /tmp";
      return;
    }
    folder_ = path;
    // It refuses to run as root.
    if (::geteuid() == 0) {
      const passwd* user = ::getpwnam("postgres");
      if (user == nullptr) user = ::getpwnam("nobody");
      if (user != nullptr) user_ = user->pw_uid, group_ = user->pw_gid;
      if (user == nullptr || ::chown(path, user_, group_) != 0) why_not_ = "postgres: no user to run it as";
      if (!why_not_.empty()) return;
    }
    int status = -1;
    ::waitpid(spawn({bin_ + "/initdb", "-D", folder_ + "/data", "-U", "carillon", "-A", "trust", "-E", "UTF8",
                     "--locale=C.UTF-8", "--no-sync", "--no-instructions"}),
              &status, 0);
    if (status != 0) {
      why_not_ = "postgres: initdb failed; see " + folder_ + "/log";
      folder_.clear();
      return;
    }
    std::ofstream(folder_ + "/data/postgresql.conf", std::ios::app)
        << "listen_addresses = ''\nunix_socket_directories = '" << folder_
        << "'\nfsync = off\nfull_page_writes = off\nmax_connections = 200\nshared_buffers = 64MB\nautovacuum "
           "= off\n"
           "max_locks_per_transaction = 256\nlogging_collector = off\n";
    start();
  }

  void administer(const std::string& sql) const {
    auto db = PgDb::open(PgOptions{.url = url("postgres"), .name = "carillon tests"});
    if (db) static_cast<void>((*db)->exec(sql.c_str()));
  }

  pid_t spawn(const std::vector<std::string>& command) const {
    const std::string log = folder_ + "/log";
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0))
      ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    ::setenv("LC_ALL", "C.UTF-8", 1);
    if (std::freopen(log.c_str(), "a", stdout) == nullptr || ::dup2(1, 2) < 0 || ::chdir("/") != 0)
      ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }

  std::string bin_, folder_, why_not_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t server_ = -1;
};

}  // namespace carillon::store::detail
