// A graph taken through every step of the route, each one verified, and what tests ask of it.
//
//   const Routed routed = route(g.build(), route_options("native"));
//   CHECK(pairs(routed.quantized) == Pairs{2, 2});
//   CHECK(lowered_apart(routed) == "");
#pragma once

#include <catch_amalgamated.hpp>
#include <map>
#include <ostream>
#include <string>
#include <string_view>

#include "quant/route.h"

namespace eightfold::test {

struct RouteOptions {
  QConfigMapping mapping;
  BackendConfig backend;
  PrepareCustomConfig prepare = {};
  ConvertOptions convert = {};
};
// The preset with its default mapping; its mapping around another QConfig; around uint8 in 0..255,
// so that no Clip stands before a QuantizeLinear.
RouteOptions route_options(std::string_view preset);
RouteOptions route_options(std::string_view preset, const QConfig& global);
RouteOptions full_range(std::string_view preset);

struct Routed {
  Graph source, fused;
  PreparedModel prepared;
  Graph quantized, lowered;
  Remarks remarks;  // of all steps
  Feeds sample;     // calibrated on, once

  // Of a value of the graph as built: its slot, -1 when it has none, and its producer's plan.
  int slot(const std::string& value) const;
  const ObserverSpec& spec(const std::string& value) const;
  const NodePlan& plan(const std::string& value) const;
};
Routed route(const Graph& graph, const RouteOptions& options);

// Numbers in [-2, 2) for float inputs, 0, 1, 2 ... for whole ones; free dims are 2.
Feeds feeds_for(const Graph& graph, uint32_t seed = 7);

// QuantizeLinear and DequantizeLinear of activations: what a graph spends on going in and out of
// integers. DequantizeLinear of constants is not counted.
struct Pairs {
  int quantize = 0, dequantize = 0;
  bool operator==(const Pairs&) const = default;
};
Pairs pairs(const Graph& graph);
std::ostream& operator<<(std::ostream& out, const Pairs& pairs);

// How many nodes of each op, by type, without QuantizeLinear and DequantizeLinear.
using OpCounts = std::map<std::string, int>;
OpCounts compute_ops(const Graph& graph);

// Empty when the lowered graph gives the numbers of the reference, up to `steps` of the scale of
// each output; otherwise the first difference.
std::string lowered_apart(const Routed& routed, float steps = 1);
// Empty when two graphs give the same bytes.
std::string bytes_apart(const Graph& a, const Graph& b, const Feeds& feeds);

// The lines of a graph's nodes, without types and attributes.
std::string lines(const Graph& graph);

}  // namespace eightfold::test

template <>
struct Catch::StringMaker<eightfold::test::OpCounts> {
  static std::string convert(const eightfold::test::OpCounts& counts) {
    std::string text;
    for (const auto& [op, count] : counts) text += op + " " + std::to_string(count) + ", ";
    return "{" + text + "}";
  }
};
