// The parameters of an op's places as text in the model's metadata (unfold_places.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

struct PlaceText {
  std::string path;
  DType dtype = DType::kUndefined;
  float scale = 1;
  int32_t zero_point = 0;
};
// In place of them: the op quantizes its inputs as they come.
inline constexpr std::string_view kDynamicPlaces = "dynamic";
std::string to_text(const std::vector<PlaceText>& places);
// nullopt when it is none.
std::optional<std::vector<PlaceText>> places_from_text(std::string_view text);

// The entry of a node among the model's metadata: null, or its text.
const std::string* find_place_entry(const ModelInfo& model, std::string_view node);
void set_place_entry(ModelInfo& model, std::string_view node, std::string text);
void erase_place_entry(ModelInfo& model, std::string_view node);

}  // namespace eightfold
