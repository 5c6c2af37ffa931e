#include <algorithm>
#include <array>

#include "api/pages.h"
#include "api/recipient_form.h"
#include "api/recipient_pages.h"
#include "base/ids.h"
#include "model/decision.h"
#include "model/local_time.h"

namespace carillon::api {
namespace {

using model::Channel;

Reply page_reply(const RecipientWords& words, int status, std::string title, std::string body) {
  Page page{std::move(title), "<main>" + std::move(body) + "</main>", {}};
  page.has_form = true;
  page.language = words.language;
  Reply reply = uncached(html_reply(page));
  reply.headers.emplace_back("X-Robots-Tag", "noindex, nofollow");
  reply.status = status;
  return reply;
}

template <class... Values>
std::string filled(std::string_view format, const Values&... values) {
  return fmt::format(fmt::runtime(format), values...);
}

// Whether the recipient has anything a message could go to by that channel.
bool is_reachable(const model::Profile& profile, Channel channel) {
  const auto has_address = [&] {
    return std::ranges::any_of(profile.addresses, [&](const auto& each) { return each.channel == channel; });
  };
  switch (channel) {
    case Channel::Push: return !profile.devices.empty();
    case Channel::Sms:
    case Channel::Voice: return !profile.phone_number.empty();
    case Channel::Email: return !profile.email.empty();
    case Channel::Chat:
    case Channel::Webhook: return has_address();
    case Channel::Inbox: return false;  // only where categories use it
  }
  return false;
}

// The channels worth a box: by which the recipient can be reached, of which something was said, or, where
// there is no address yet, which the categories use.
std::vector<Channel> shown_channels(const SettingsView& view) {
  std::array<bool, model::kChannelCount> is_shown{};
  const auto all = [&is_shown](auto&& test) {
    for (std::size_t i = 0; i < is_shown.size(); ++i) {
      if (test(static_cast<Channel>(i))) is_shown[i] = true;
    }
  };
  const auto is_used = [&](Channel channel) {
    return std::ranges::any_of(view.categories, [&](const model::Category* category) {
      return std::ranges::find(category->channels, channel) != category->channels.end();
    });
  };
  all([&](Channel channel) { return is_reachable(view.profile, channel); });
  all([&](Channel channel) {
    return std::ranges::any_of(view.profile.preferences,
                               [&](const auto& each) { return each.channel == model::name(channel); });
  });
  if (std::ranges::none_of(is_shown, [](bool is) { return is; })) all(is_used);
  if (is_used(Channel::Inbox)) is_shown[static_cast<std::size_t>(Channel::Inbox)] = true;
  if (std::ranges::none_of(is_shown, [](bool is) { return is; })) {
    all([](Channel channel) {
      return channel == Channel::Push || channel == Channel::Sms || channel == Channel::Email;
    });
  }
  std::vector<Channel> channels;
  for (std::size_t i = 0; i < is_shown.size(); ++i) {
    if (is_shown[i]) channels.push_back(static_cast<Channel>(i));
  }
  return channels;
}

std::string one_category(const SettingsView& view, const model::Category& category,
                         const std::vector<Channel>& channels) {
  const std::string name = escape_html(shown_name(category, view.words.language));
  std::string out = fmt::format("<fieldset><legend>{}</legend>", name);
  if (category.mandatory) return out + fmt::format("<p>{}</p></fieldset>\n", view.words.mandatory);
  out += "<div class=\"choices\">";
  for (const Channel channel : channels) {
    const bool is_yes = is_opted_in(category, view.ticked, channel, model::Platform::None, nullptr);
    out += fmt::format("<label><input type=\"checkbox\" name=\"on\" value=\"{}\"{}> {}</label>",
                       box_name(category.key, channel), is_yes ? " checked" : "",
                       view.words.channels[static_cast<std::size_t>(channel)]);
  }
  // The button is another form's: Enter in a field of this one saves.
  return out +
         fmt::format("</div><button form=\"stop\" name=\"category\" value=\"{}\">{}</button></fieldset>\n",
                     category.key, filled(view.words.stop, name));
}

std::string quiet_field(std::string_view name, std::string_view label, std::string_view value,
                        bool is_wrong) {
  return fmt::format(
      "<label>{} <input type=\"time\" name=\"{}\" value=\"{}\" aria-describedby=\"quiet-help{}\"{}></label>",
      label, name, escape_html(value), is_wrong ? " quiet-wrong" : "",
      is_wrong ? " aria-invalid=\"true\"" : "");
}

std::string quiet_fields(const SettingsView& view) {
  const RecipientWords& words = view.words;
  std::string out = fmt::format("<fieldset><legend>{}</legend><p id=\"quiet-help\">{}", words.quiet_hours,
                                filled(words.quiet_help, escape_html(view.time_zone)));
  if (view.project_quiet_hours) {
    out += " " + filled(words.quiet_project, clock_text(view.project_quiet_hours->from_min),
                        clock_text(view.project_quiet_hours->to_min));
  }
  out += "</p>";
  if (view.is_quiet_wrong)
    out += fmt::format("<p id=\"quiet-wrong\" role=\"alert\">{}</p>", words.quiet_wrong);
  return out + "<div class=\"choices\">" +
         quiet_field("quiet_from", words.from, view.quiet_from, view.is_quiet_wrong) +
         quiet_field("quiet_to", words.until, view.quiet_to, view.is_quiet_wrong) + "</div></fieldset>\n";
}

// The boxes as stored: only those that are left otherwise are a change.
std::string shown_boxes(const SettingsView& view, const std::vector<Channel>& channels) {
  std::vector<Box> boxes;
  for (const model::Category* category : view.categories) {
    if (category->mandatory) continue;
    for (const Channel channel : channels) {
      boxes.push_back(
          {category->key, channel,
           is_opted_in(*category, view.profile.preferences, channel, model::Platform::None, nullptr)});
    }
  }
  return write_boxes(boxes);
}

std::string entry_item(const HistoryView& view, const OwnEntry& entry) {
  const RecipientWords& words = view.words;
  std::string title(entry.said ? title_of(*entry.said) : std::string_view());
  if (title.empty()) {
    const auto found = std::ranges::find_if(
        view.categories, [&](const model::Category* each) { return each->key == entry.category; });
    const std::string name =
        found == view.categories.end() ? entry.category : shown_name(**found, words.language);
    title = name.empty() ? std::string(words.channels[static_cast<std::size_t>(entry.delivery.channel())])
                         : filled(words.untitled, name);
  }
  const std::string at = model::to_local_text(view.time_zone, base::id_time(entry.delivery.id));
  return fmt::format("<li><strong>{}</strong><br>{} · <time datetime=\"{}\">{} {}</time> · {}</li>\n",
                     escape_html(title), words.channels[static_cast<std::size_t>(entry.delivery.channel())],
                     at, at.substr(0, 10), at.substr(11, 5), shown_state(entry.delivery, words));
}

}  // namespace

std::string clock_text(int minute_of_day) {
  return fmt::format("{:02}:{:02}", minute_of_day / 60, minute_of_day % 60);
}

Reply said_page(const RecipientWords& words, int status, std::string_view heading, std::string_view text,
                std::string_view form) {
  return page_reply(words, status, std::string(heading),
                    fmt::format("<h1>{}</h1><p>{}</p>{}", heading, text, form));
}

Reply settings_page(const SettingsView& view) {
  const RecipientWords& words = view.words;
  const std::vector<Channel> channels = shown_channels(view);
  std::string body = fmt::format("<h1>{}</h1>", words.settings);
  if (!view.done.empty()) body += fmt::format("<p role=\"status\" class=\"done\">{}</p>", view.done);
  body +=
      fmt::format("<p>{}</p><p><a href=\"{}/history\">{}</a></p>\n", words.intro, view.token, words.history);
  body += fmt::format("<form id=\"stop\" method=\"post\" action=\"{}/stop\"></form>\n", view.token);
  body +=
      fmt::format("<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"boxes\" value=\"{}\">\n",
                  view.token, shown_boxes(view, channels));
  for (const model::Category* category : view.categories) body += one_category(view, *category, channels);
  body += quiet_fields(view) + fmt::format("<button>{}</button></form>\n", words.save);
  body += fmt::format(
      "<h2>{0}</h2><p>{1}</p><p><button form=\"stop\" name=\"category\" value=\"*\">{0}</button></p>",
      words.stop_everything, words.stop_everything_help);
  std::string title(words.settings);
  if (view.is_quiet_wrong) title.insert(0, fmt::format("{}: ", words.quiet_hours));
  return page_reply(words, view.is_quiet_wrong ? 422 : 200, std::move(title), std::move(body));
}

Reply history_page(const HistoryView& view) {
  const RecipientWords& words = view.words;
  std::string body =
      fmt::format("<h1>{}</h1><p><a href=\"../{}\">{}</a></p>", words.history, view.token, words.settings);
  if (view.history.entries.empty()) {
    body += fmt::format("<p>{}</p>", words.nothing_yet);
  } else {
    body += fmt::format("<p>{}</p><ul class=\"list\">\n",
                        filled(words.history_intro, escape_html(view.time_zone)));
    for (const OwnEntry& entry : view.history.entries) body += entry_item(view, entry);
    body += "</ul>";
  }
  if (!view.is_newest) body += fmt::format("<p><a href=\"history\">{}</a></p>", words.newest);
  if (!view.next.empty())
    body += fmt::format("<p><a rel=\"next\" href=\"history?after={}\">{}</a></p>", view.next, words.older);
  return page_reply(words, 200, std::string(words.history), std::move(body));
}

}  // namespace carillon::api
