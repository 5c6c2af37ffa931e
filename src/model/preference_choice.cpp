#include "model/preference_choice.h"

#include <algorithm>
#include <iterator>

#include "model/decision.h"

namespace carillon::model {
namespace {

constexpr std::string_view kAll = "*";

bool holds(const Category& category, const std::vector<Preference>& preferences, Channel channel) {
  return is_opted_in(category, preferences, channel, Platform::None, nullptr);
}

// In the place of whatever was said about exactly that.
void put(std::vector<Preference>& preferences, std::string_view channel, std::string_view category,
         bool is_yes) {
  std::erase_if(preferences,
                [&](const Preference& p) { return p.channel == channel && p.category == category; });
  preferences.push_back({std::string(channel), std::string(category), is_yes});
}

// Whether a no to this stands in the way of that pair.
bool covers(const Preference& no, std::string_view category, std::string_view channel) {
  return !no.opt_in && (no.category == kAll || no.category == category) &&
         (no.channel == kAll || no.channel == channel);
}

// A broad no without one pair: as broad as can be, so that it holds for categories made later too.
void split(std::vector<Preference>& preferences, const Preference& no, std::string_view category,
           std::string_view channel, const std::vector<const Category*>& categories) {
  if (no.channel == kAll) {
    for (std::size_t i = 0; i < kChannelCount; ++i) {
      const std::string_view other = name(static_cast<Channel>(i));
      if (other != channel) put(preferences, other, no.category, false);
    }
  }
  if (no.category != kAll) return;
  for (const Category* other : categories) {
    if (other->key != category) put(preferences, channel, other->key, false);
  }
}

void say_yes(std::vector<Preference>& preferences, const Category& category, Channel channel,
             const std::vector<const Category*>& categories) {
  const std::string_view channel_name = name(channel);
  const auto is_in_the_way = [&](const Preference& p) { return covers(p, category.key, channel_name); };
  std::vector<Preference> in_the_way;
  std::ranges::copy_if(preferences, std::back_inserter(in_the_way), is_in_the_way);
  std::erase_if(preferences, is_in_the_way);
  for (const Preference& no : in_the_way) split(preferences, no, category.key, channel_name, categories);
  if (!holds(category, preferences, channel)) put(preferences, channel_name, category.key, true);
}

}  // namespace

std::vector<Preference> choose(std::vector<Preference> preferences, const std::vector<Choice>& choices,
                               const std::vector<const Category*>& categories) {
  for (const Choice& choice : choices) {
    const auto found = std::ranges::find_if(
        categories, [&](const Category* category) { return category->key == choice.category; });
    if (found == categories.end() || (*found)->mandatory) continue;
    const Category& category = **found;
    if (holds(category, preferences, choice.channel) == choice.is_yes) continue;
    if (choice.is_yes) {
      say_yes(preferences, category, choice.channel, categories);
    } else {
      put(preferences, name(choice.channel), category.key, false);
    }
  }
  return preferences;
}

std::vector<Preference> refuse_all(std::vector<Preference> preferences, std::string_view category) {
  std::erase_if(preferences, [&](const Preference& p) { return category == kAll || p.category == category; });
  preferences.push_back({std::string(kAll), std::string(category), false});
  return preferences;
}

}  // namespace carillon::model
