// See place_text.h.
#include "quant/place_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/error.h"
#include "quant/decimal.h"

namespace eightfold {
namespace {

constexpr std::string_view kPrefix = "eightfold.places:";

std::string key_of(std::string_view node) { return std::string(kPrefix) + std::string(node); }

std::string_view next_word(std::string_view& text, char end) {
  const size_t cut = std::min(text.find(end), text.size());
  const std::string_view word = text.substr(0, cut);
  text.remove_prefix(std::min(cut + 1, text.size()));
  return word;
}

// [-]digits[.digits][e[-+]digits]
bool is_number(std::string_view text) {
  const bool known = text.find_first_not_of("0123456789.e-+") == std::string_view::npos;
  return known && !text.empty() && text[0] >= '0' && text[0] <= '9' && text.back() >= '0' &&
         text.back() <= '9' && std::ranges::count(text, 'e') < 2 &&
         std::ranges::count(text, '.') < 2;
}

bool read_place(std::string_view text, PlaceText& place) {
  place.path = next_word(text, ' ');
  const std::string_view dtype = next_word(text, ' '), scale = next_word(text, ' ');
  try {
    place.dtype = dtype_from_name(dtype);
  } catch (const Error&) {
    return false;
  }
  if (!is_number(scale)) return false;
  place.scale = static_cast<float>(nearest_double(scale));
  const char* end = text.data() + text.size();
  const auto zero = std::from_chars(text.data(), end, place.zero_point);
  return zero.ec == std::errc() && zero.ptr == end && place.scale > 0 && std::isfinite(place.scale);
}

}  // namespace

std::string to_text(const std::vector<PlaceText>& places) {
  std::string text;
  for (const PlaceText& place : places) {
    char scale[32];
    std::snprintf(scale, sizeof scale, "%.9g", static_cast<double>(place.scale));
    text += (text.empty() ? "" : ";") + place.path + " " + std::string(dtype_name(place.dtype)) +
            " " + scale + " " + std::to_string(place.zero_point);
  }
  return text;
}

std::optional<std::vector<PlaceText>> places_from_text(std::string_view text) {
  std::vector<PlaceText> places;
  while (!text.empty()) {
    if (!read_place(next_word(text, ';'), places.emplace_back())) return std::nullopt;
  }
  return places;
}

const std::string* find_place_entry(const ModelInfo& model, std::string_view node) {
  const auto found =
      std::ranges::find(model.metadata, key_of(node), &std::pair<std::string, std::string>::first);
  return found == model.metadata.end() ? nullptr : &found->second;
}

void set_place_entry(ModelInfo& model, std::string_view node, std::string text) {
  erase_place_entry(model, node);
  model.metadata.emplace_back(key_of(node), std::move(text));
}

void erase_place_entry(ModelInfo& model, std::string_view node) {
  std::erase_if(model.metadata, [&](const auto& entry) { return entry.first == key_of(node); });
}

}  // namespace eightfold
