// CPU per mail of the SMTP provider against the simulator, with STARTTLS and kept connections, without and
// with a DKIM signature of RSA-2048; and of building and signing alone.
// Usage: smtp_bench [mails] [connections] [bytes of HTML]
#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "providers/load_bench.h"
#include "providers/smtp.h"

namespace carillon::providers {
namespace {

namespace asio = boost::asio;

using bench::cpu_us;
using bench::read_file;

constexpr std::string_view kDomain = "mail.example.com";
constexpr int kRounds = 3;

// As much HTML as asked for, of what mails are made of: tags, attributes, words, here and there no ASCII.
std::string html_of(std::size_t size) {
  std::string html = "<html><body style=\"margin:0;font-family:sans-serif\">\n<table width=\"600\">\n";
  for (int i = 1; html.size() < size; ++i) {
    html += fmt::format("<tr><td style=\"padding:8px;color:#333\">{} × blue bell, 20 cm</td>\n", i);
    html +=
        fmt::format("<td align=\"right\"><a href=\"https://example.com/o?id={}\">look</a></td></tr>\n", i);
  }
  return html + "</table></body></html>\n";
}

// Each mail has an address and a message of its own, as the pipeline renders them.
Job job_of(std::size_t i, const std::string& html) {
  auto message = std::make_shared<model::Message>();
  message->subject = "Your order is on its way";
  for (int line = 0; line < 10; ++line) {
    message->body += "Order A-1700 left our warehouse today and should be with you by tomorrow noon.\n";
  }
  message->html = html;
  message->headers = {{"List-Unsubscribe", "<https://example.com/u>"}};
  Job job;
  job.delivery = static_cast<std::int64_t>(0x0123456789abcdef + i);
  job.notification = 0x0123456789abcdee;
  job.target.channel = model::Channel::Email;
  job.target.address = fmt::format("somebody.number.{}@example.com", i);
  job.message = std::move(message);
  job.now = base::SystemClock().now();
  return job;
}

void run_provider(std::string_view what, const std::string& settings, std::size_t total, std::size_t window,
                  const std::string& html) {
  asio::io_context io(1);
  const auto work = asio::make_work_guard(io);
  base::SystemClock clock;
  Context context;
  context.executor = io.get_executor();
  context.clock = &clock;
  context.hello_name = kDomain;
  const auto provider = bench::open("smtp", settings, context);
  const auto run = [&](std::size_t count) {
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < window; ++i) jobs.push_back(job_of(i, html));
    return bench::Load(io, *provider, std::move(jobs), count).run();
  };
  run(10 * window);  // connects, shakes hands
  const double cpu = cpu_us(RUSAGE_THREAD);
  const auto start = std::chrono::steady_clock::now();
  const std::size_t bad = run(total);
  const double us = (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(total);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  fmt::print("{}: {:.1f} us/mail = {:.0f} mails/s/core, {:.0f}/s, {} bad\n", what, us, 1e6 / us,
             static_cast<double>(total) / wall.count(), bad);
  std::fflush(stdout);
  bench::close(io, *provider);
}

void run_pure(const std::string& html, const std::string& key) {
  constexpr std::size_t kCount = 2'000;
  const Job job = job_of(1, html);
  smtp_detail::Options options;
  options.from_email = "shop@example.com";
  std::string mail;
  double cpu = cpu_us(RUSAGE_THREAD);
  for (std::size_t i = 0; i < kCount; ++i) {
    mail = write_mail(smtp_detail::mail_of(job, options, std::string(kDomain))).begin;
  }
  fmt::print("build: {:.1f} us/mail of {} bytes\n", (cpu_us(RUSAGE_THREAD) - cpu) / kCount, mail.size());
  const auto signer = DkimSigner::open("example.com", "s1", base::Secret(key)).value();
  cpu = cpu_us(RUSAGE_THREAD);
  for (std::size_t i = 0; i < kCount; ++i) static_cast<void>(signer.sign(mail, job.now).value());
  fmt::print("sign: {:.1f} us/mail\n", (cpu_us(RUSAGE_THREAD) - cpu) / kCount);
}

int run(std::size_t total, std::size_t window, std::size_t html_bytes) {
  const bench::TemporaryFolder folder;
  sim::SimOptions options = bench::counting(folder.path());
  options.smtp_requires_starttls = true;  // no mail in the clear
  const auto sim = std::move(sim::Sim::open(options).value());
  base::JsonDocument document;
  const base::JsonElement all = *document.parse(sim->description());
  const auto vendor = all["smtp"].value();
  const std::string key = read_file(folder.path() + "/webhook-rsa.key");  // any of RSA-2048 will do
  const auto settings = [&](bool is_signed) {
    base::JsonWriter out;
    out.object().field("endpoint", std::string_view(vendor["url"]));
    out.field("ca_file", std::string_view(all["ca_file"])).field("from_email", "shop@example.com");
    out.field("username", std::string_view(vendor["user"]));
    out.field("password", std::string_view(vendor["password"]));
    out.field("max_in_flight", static_cast<std::int64_t>(window));
    if (is_signed) {
      out.field("dkim_domain", "example.com").field("dkim_selector", "s1").field("dkim_private_key", key);
    }
    out.end_object();
    return out.str();
  };
  const std::string html = html_of(html_bytes);
  run_pure(html, key);
  for (int round = 0; round < kRounds; ++round) {
    run_provider("plain", settings(false), total, window, html);
    run_provider("dkim", settings(true), total, window, html);
  }
  return 0;
}

}  // namespace
}  // namespace carillon::providers

int main(int argc, char** argv) {
  const carillon::providers::bench::Arguments argument{argc, argv};
  return carillon::providers::run(argument(1, 20'000), argument(2, 16), argument(3, 10'000));
}
