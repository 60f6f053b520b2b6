// The three formats of a pattern as JSON (spec-facts 1.7).
//
//   pattern               "Conv" or ["Conv", "BatchNormalization", "Relu"], names alone
//   patternComplexFormat  Nested: "Op", "MatchAllNode", {"constant": ...} or ["Op", Nested...]
//   patternGraph          {"nodes": {"relu": {"op": "Relu", "inputs": ["conv"]}, ...}, "outputs"}
#include "core/error.h"
#include "quant/backend_config.h"
#include "quant/config_json_codecs.h"

namespace eightfold {
namespace {

using Format = BackendPatternConfig::Format;

// Patterns become trees that are walked and copied, so their size is limited.
constexpr size_t kMostNodes = 64;
constexpr std::string_view kMatchAll = "MatchAllNode";

std::vector<std::string> read_strings(const JsonPlace& place, size_t most) {
  std::vector<std::string> strings(place.list_size(most));
  for (size_t i = 0; i < strings.size(); ++i) strings[i] = place.item(i).string();
  return strings;
}
ConfigJson strings_json(const std::vector<std::string>& strings) {
  ConfigJson list;
  kStringsCodec.write(&strings, nullptr, list);
  return list;
}
// One, or a list of several.
ConfigJson one_or_more(const std::vector<std::string>& strings) {
  return strings.size() == 1 ? ConfigJson(strings[0]) : strings_json(strings);
}

// ---------------------------------------------------------------- forward
std::string forward_op(const JsonPlace& place) {
  if (!place.is_string() && !place.is_list() && !place.is_object()) {
    place.refuse_type("the name of an operator");
  }
  if (!place.is_string() || place.string() == kMatchAll) {
    place.refuse("a forward pattern holds names of operators alone",
                 "write nodes that branch in patternComplexFormat, the consumer first, such as "
                 "[\"Relu\", [\"Add\", \"MatchAllNode\", \"Conv\"]]");
  }
  return place.string();
}

void read_forward(BackendPatternConfig& config, const JsonPlace& place) {
  std::vector<std::string> ops;
  if (place.is_list()) {
    if (place.list_size(kMostNodes) < 2) {
      place.refuse("a forward pattern needs two or more operators",
                   "write a single operator without the list");
    }
    for (size_t i = 0; i < place.list_size(); ++i) ops.push_back(forward_op(place.item(i)));
  } else {
    if (!place.is_string()) place.refuse_type("the name of an operator, or a list of them");
    ops.push_back(forward_op(place));
  }
  config.set_pattern(std::move(ops));
}
bool write_forward(const BackendPatternConfig& config, const BackendPatternConfig*,
                   ConfigJson& out) {
  if (config.format() != Format::kForward) return false;
  out = one_or_more(config.forward());
  return true;
}

// ---------------------------------------------------------------- constants
constexpr JsonField kConditionFields[] = {
    field<&ConstantCondition::min>("min", kOptionalCodec<double, kDoubleCodec>),
    field<&ConstantCondition::max>("max", kOptionalCodec<double, kDoubleCodec>),
    field<&ConstantCondition::size>("size", kOptionalCodec<int64_t, kInt64Codec>)};

// A number is a scalar of that value; true is any constant.
void read_constant(Pattern& pattern, const JsonPlace& place) {
  pattern = Pattern();
  if (place.is_number()) {
    pattern = Pattern::literal(place.number());
  } else if (place.is_object()) {
    read_fields(kConditionFields, &pattern.constant, place);
  } else if (!place.is_boolean() || !place.boolean()) {
    place.refuse_type("a number, true, or an object of min, max and size");
  }
  pattern.kind = Pattern::Kind::kConstant;
}
bool write_constant(const Pattern& pattern, const Pattern*, ConfigJson& out) {
  if (pattern.kind != Pattern::Kind::kConstant) return false;
  const ConstantCondition& condition = pattern.constant;
  const ConstantCondition none;
  if (condition == none) {
    out = true;
  } else if (condition.min && Pattern::literal(*condition.min).constant == condition) {
    kDoubleCodec.write(&*condition.min, nullptr, out);
  } else {
    out = write_fields(kConditionFields, &condition, &none);
  }
  return true;
}
constexpr JsonCodec kConstantCodec = kCodec<Pattern, read_constant, write_constant>;
constexpr JsonField kConstantFields[] = {{"constant", itself, &kConstantCodec}};

// ---------------------------------------------------------------- complex
void read_nested(Pattern& pattern, const JsonPlace& place);

std::string head_op(const JsonPlace& place) {
  if (place.is_string() && place.string() != kMatchAll) return place.string();
  place.refuse("the head of a pattern must be an operator",
               "write [consumer, patterns of its inputs...]");
}

void read_tuple(Pattern& pattern, const JsonPlace& place) {
  const size_t size = place.list_size(kMostNodes);
  if (size == 0) place.refuse("must be a list that begins with the name of an operator");
  std::vector<Pattern> args(size - 1);
  for (size_t i = 1; i < size; ++i) read_nested(args[i - 1], place.item(i));
  pattern = Pattern::of(head_op(place.item(0)), std::move(args));
}

void read_nested(Pattern& pattern, const JsonPlace& place) {
  if (place.is_list()) return read_tuple(pattern, place);
  if (place.is_object()) {
    if (!place.find("constant")) place.refuse("must be an object of one key, constant");
    return read_fields(kConstantFields, &pattern, place);
  }
  if (!place.is_string()) {
    place.refuse_type("an operator, \"MatchAllNode\", {\"constant\": ...} or a list of these");
  }
  pattern = place.string() == kMatchAll ? Pattern::match_all() : Pattern::of(place.string());
}

void read_complex(BackendPatternConfig& config, const JsonPlace& place) {
  if (place.is_string()) head_op(place);
  Pattern pattern;
  read_nested(pattern, place);
  if (static_cast<size_t>(leaf_count(pattern)) > kMostNodes) {
    place.refuse("has more than " + std::to_string(kMostNodes) + " nodes");
  }
  config.set_pattern_complex_format(std::move(pattern));
}

// What the nested form has no words for.
bool says_more(const Pattern& pattern) {
  return pattern.kind == Pattern::Kind::kSame || !pattern.name.empty() || pattern.output != -1 ||
         pattern.commutative || pattern.optional || pattern.used_outside ||
         !pattern.attributes.empty() || !pattern.also.empty() || pattern.ops.size() > 1;
}

ConfigJson nested_json(const Pattern& pattern) {
  if (says_more(pattern)) {
    throw Error(ErrorCode::kInvalidConfig,
                "the pattern " + to_text(pattern) + " says more than patternComplexFormat can",
                "give it as a pattern graph");
  }
  if (pattern.kind == Pattern::Kind::kMatchAll) return kMatchAll;
  if (pattern.kind == Pattern::Kind::kConstant) {
    const Pattern other;
    return write_fields(kConstantFields, &pattern, &other);
  }
  if (pattern.args.empty()) return pattern.ops[0];
  ConfigJson list = ConfigJson::array();
  append(list) = pattern.ops[0];
  for (const Pattern& arg : pattern.args) append(list) = nested_json(arg);
  return list;
}
bool write_complex(const BackendPatternConfig& config, const BackendPatternConfig*,
                   ConfigJson& out) {
  if (config.format() != Format::kComplex) return false;
  out = nested_json(config.pattern());
  return true;
}

// ---------------------------------------------------------------- conditions on attributes
AttributeCondition::Value condition_value(const JsonPlace& place) {
  if (place.is_null()) return std::monostate();
  if (place.is_number()) return place.number();
  if (place.is_string()) return place.string();
  place.refuse_type("a number, a string or null");
}

// {"group": 1, "auto_pad": ["NOTSET", null]}
void read_conditions(std::vector<AttributeCondition>& conditions, const JsonPlace& place) {
  const size_t size = place.object_size(kMostNodes);
  for (size_t i = 0; i < size; ++i) {
    const JsonPlace values = place.member(i);
    AttributeCondition condition{std::string(values.key()), {}};
    if (values.is_list()) {
      const size_t count = values.list_size(kMostNodes);
      if (count == 0) values.refuse("has no value that would do");
      for (size_t v = 0; v < count; ++v) {
        condition.one_of.push_back(condition_value(values.item(v)));
      }
    } else {
      condition.one_of.push_back(condition_value(values));
    }
    conditions.push_back(std::move(condition));
  }
}

ConfigJson value_json(const AttributeCondition::Value& value) {
  ConfigJson json;
  if (const auto* number = std::get_if<double>(&value)) kDoubleCodec.write(number, nullptr, json);
  if (const auto* text = std::get_if<std::string>(&value)) json = *text;
  return json;
}
bool write_conditions(const std::vector<AttributeCondition>& conditions,
                      const std::vector<AttributeCondition>*, ConfigJson& out) {
  out = ConfigJson::object();
  for (const AttributeCondition& condition : conditions) {
    ConfigJson& values = append(out, condition.attribute);
    if (condition.one_of.size() == 1) {
      values = value_json(condition.one_of[0]);
      continue;
    }
    values = ConfigJson::array();
    for (const auto& value : condition.one_of) append(values) = value_json(value);
  }
  return !conditions.empty();
}

// ---------------------------------------------------------------- graphs
void read_ops(Pattern& pattern, const JsonPlace& place) {
  if (place.is_list()) {
    pattern.ops = read_strings(place, kMostNodes);
    if (pattern.ops.empty()) place.refuse("has no operator");
  } else {
    if (!place.is_string()) place.refuse_type("the name of an operator, or a list of them");
    pattern.ops = {place.string()};
  }
  for (std::string& op : pattern.ops) op = plain_identity(std::move(op));
}
bool write_ops(const Pattern& pattern, const Pattern*, ConfigJson& out) {
  if (pattern.kind != Pattern::Kind::kOp) return false;
  out = one_or_more(pattern.ops);
  return true;
}

void read_any(Pattern& pattern, const JsonPlace& place) {
  if (!place.boolean()) place.refuse("must be true");
  pattern.kind = Pattern::Kind::kMatchAll;
}
bool write_any(const Pattern& pattern, const Pattern*, ConfigJson& out) {
  out = true;
  return pattern.kind == Pattern::Kind::kMatchAll;
}

void read_inputs(std::vector<std::string>& inputs, const JsonPlace& place) {
  inputs = read_strings(place, kMostNodes);
}
bool write_inputs(const std::vector<std::string>& inputs, const std::vector<std::string>*,
                  ConfigJson& out) {
  out = strings_json(inputs);
  return !inputs.empty();
}

constexpr auto kNode = MemberOf<&PatternNode::node>::at;
template <auto member>
void* in_node(void* object) {
  return MemberOf<member>::at(kNode(object));
}

// op, any and constant come first: they say what the node is.
constexpr JsonCodec kOpsCodec = kCodec<Pattern, read_ops, write_ops>;
constexpr JsonCodec kAnyCodec = kCodec<Pattern, read_any, write_any>;
constexpr JsonCodec kInputsCodec = kCodec<std::vector<std::string>, read_inputs, write_inputs>;
constexpr JsonCodec kConditionsCodec =
    kCodec<std::vector<AttributeCondition>, read_conditions, write_conditions>;
constexpr JsonField kNodeFields[] = {
    {"op", kNode, &kOpsCodec},
    {"any", kNode, &kAnyCodec},
    {"constant", kNode, &kConstantCodec},
    {"inputs", MemberOf<&PatternNode::inputs>::at, &kInputsCodec},
    {"attributes", in_node<&Pattern::attributes>, &kConditionsCodec},
    {"commutative", in_node<&Pattern::commutative>, &kBoolCodec},
    {"optional", in_node<&Pattern::optional>, &kBoolCodec},
    {"usedOutside", in_node<&Pattern::used_outside>, &kBoolCodec}};

void read_node(PatternNode& node, const JsonPlace& place) {
  read_fields(kNodeFields, &node, place);
  int kinds = 0;
  for (std::string_view kind : {"op", "any", "constant"}) kinds += place.find(kind) ? 1 : 0;
  if (kinds != 1) place.refuse("a node must have one of op, any and constant");
}

void read_nodes(PatternGraph& graph, const JsonPlace& place) {
  const size_t size = place.object_size(kMostNodes);
  for (size_t i = 0; i < size; ++i) {
    const JsonPlace node = place.member(i);
    graph.nodes.emplace_back(node.key(), PatternNode());
    read_node(graph.nodes.back().second, node);
  }
}
bool write_nodes(const PatternGraph& graph, const PatternGraph*, ConfigJson& out) {
  const PatternNode plain;
  out = ConfigJson::object();
  for (const auto& [name, node] : graph.nodes) {
    append(out, name) = write_fields(kNodeFields, &node, &plain);
  }
  return true;
}

constexpr JsonCodec kNodesCodec = kCodec<PatternGraph, read_nodes, write_nodes>;
constexpr JsonField kGraphFields[] = {
    {"nodes", itself, &kNodesCodec},
    {"outputs", MemberOf<&PatternGraph::outputs>::at, &kInputsCodec}};

void read_graph(BackendPatternConfig& config, const JsonPlace& place) {
  PatternGraph graph;
  read_fields(kGraphFields, &graph, place);
  config.set_pattern_graph(std::move(graph));
}
bool write_graph(const BackendPatternConfig& config, const BackendPatternConfig*, ConfigJson& out) {
  if (config.format() != Format::kGraph) return false;
  const PatternGraph none;
  out = write_fields(kGraphFields, &config.graph(), &none);
  return true;
}

}  // namespace

constinit const JsonCodec kForwardPatternCodec =
    kCodec<BackendPatternConfig, read_forward, write_forward>;
constinit const JsonCodec kComplexPatternCodec =
    kCodec<BackendPatternConfig, read_complex, write_complex>;
constinit const JsonCodec kPatternGraphCodec =
    kCodec<BackendPatternConfig, read_graph, write_graph>;

}  // namespace eightfold
