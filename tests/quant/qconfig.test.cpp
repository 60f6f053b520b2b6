// QConfigMapping: five styles and their precedence; the name patterns.
#include "quant/qconfig.h"
#include "quant/backend_config.h"

#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "quant/name_pattern.h"

namespace eightfold {
namespace {

// A QConfig that can be told from others.
QConfig marked(int bins) {
  QConfig qconfig = default_qconfig();
  qconfig.activation.bins = bins;
  return qconfig;
}

int mark(const MaybeQConfig& found) { return found ? found->activation.bins : -1; }

const QConfigMapping::Query kQuery{"net/block/conv1", "Conv", "net/block", 2};

TEST_CASE("each style overrides the ones before it", "[qconfig]") {
  QConfigMapping mapping;
  CHECK(mark(mapping.find(kQuery)) == -1);
  mapping.set_global(marked(10));
  CHECK(mark(mapping.find(kQuery)) == 10);
  mapping.set_object_type("Conv", marked(11));
  CHECK(mark(mapping.find(kQuery)) == 11);
  mapping.set_module_name_regex("net/.*", marked(12));
  CHECK(mark(mapping.find(kQuery)) == 12);
  mapping.set_module_name("net/block", marked(13));
  CHECK(mark(mapping.find(kQuery)) == 13);
  mapping.set_module_name_object_type_order("net/block", "Conv", 2, marked(14));
  CHECK(mark(mapping.find(kQuery)) == 14);
  CHECK(mark(mapping.find({"net/block/conv1", "Conv", "net/block", 1})) == 13);
  CHECK(mark(mapping.find({"other", "Conv", "", 0})) == 11);
  CHECK(mark(mapping.find({"other", "Gemm", "", 0})) == 10);
}

TEST_CASE("\"do not quantize\" wins like any other entry", "[qconfig]") {
  QConfigMapping mapping;
  mapping.set_global(marked(10)).set_object_type("Conv", std::nullopt);
  CHECK(mark(mapping.find(kQuery)) == -1);
  mapping.set_module_name("net/block/conv1", marked(11));
  CHECK(mark(mapping.find(kQuery)) == 11);
}

TEST_CASE("names: exact, then the nearest ancestor, with dots as with slashes", "[qconfig]") {
  QConfigMapping mapping;
  mapping.set_module_name("a", marked(10)).set_module_name("a.b", marked(11));
  CHECK(mark(mapping.find({"a.b.c", "Conv", "a.b", 0})) == 11);
  CHECK(mark(mapping.find({"a/x/y", "Conv", "a/x", 0})) == 10);
  CHECK(mark(mapping.find({"ab", "Conv", "", 0})) == -1);
  mapping.set_module_name("", marked(12));
  CHECK(mark(mapping.find({"z", "Conv", "", 0})) == -1);  // an empty name never matches
}

TEST_CASE("regexes: the first registered match wins, setting again keeps the place", "[qconfig]") {
  QConfigMapping mapping;
  mapping.set_module_name_regex("net/.*", marked(10)).set_module_name_regex("net/b", marked(11));
  CHECK(mark(mapping.find(kQuery)) == 10);
  mapping.set_module_name_regex("net/.*", marked(12));
  CHECK(mark(mapping.find(kQuery)) == 12);
  CHECK_THROWS_AS(mapping.set_module_name_regex("net/(", marked(1)), Error);
}

TEST_CASE("fused ops are found under the name of their layer", "[qconfig]") {
  QConfigMapping mapping;
  mapping.set_object_type("Conv", std::nullopt).set_object_type("ai.onnx:Gemm", marked(10));
  CHECK(mark(mapping.find({"c", "eightfold:Conv", "", 0})) == -1);
  CHECK(mark(mapping.find({"g", "eightfold:Gemm", "", 0})) == 10);
  mapping.set_object_type("eightfold:Conv", marked(11));
  CHECK(mark(mapping.find({"c", "eightfold:Conv", "", 0})) == 11);
  CHECK(mark(mapping.find({"c", "com.microsoft:Gemm", "", 0})) == -1);
}

TEST_CASE("mappings compare by value", "[qconfig]") {
  CHECK(default_qconfig_mapping() == get_default_qconfig_mapping(kDefaultBackend));
  CHECK_FALSE(default_qconfig_mapping() == QConfigMapping());
  CHECK(default_qconfig().weight.observer == "PerChannelMinMaxObserver");
  CHECK(default_qconfig().activation.range() == QRange{0, 255});
}

TEST_CASE("name patterns match at the start of the text", "[name_pattern]") {
  struct Row {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Row rows[] = {
      {"", "anything", true},
      {"conv", "conv1", true},     // a prefix is enough
      {"conv", "my_conv", false},  // anchored at the start
      {"conv$", "conv1", false},
      {"^conv1$", "conv1", true},
      {".*conv", "my_conv", true},
      {"a.c", "abc", true},
      {"a\\.c", "abc", false},
      {"a\\.c", "a.c", true},
      {"ab*c", "ac", true},
      {"ab*c", "abbbc", true},
      {"ab+c", "ac", false},
      {"ab?c", "abbc", false},
      {"a(bc)+d", "abcbcd", true},
      {"(layer1|layer2)/conv", "layer2/conv", true},
      {"(layer1|layer2)/conv", "layer3/conv", false},
      {"(?:a|b)c", "bc", true},
      {"a||b", "zzz", true},  // an empty alternative
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[^a-c]x", "dx", true},
      {"[]]x", "]x", true},  // ] first stands for itself
      {"[a-]x", "-x", true},
      {"[\\d.]+$", "1.25", true},
      {"conv\\d{2}$", "conv12", true},
      {"conv\\d{2}$", "conv123", false},
      {"a{2,}$", "aaaa", true},
      {"a{1,2}$", "aaa", false},
      {"a{,2}", "a{,2}", true},  // not a repeat, so literal
      {"\\w+/\\W", "ab_1/+", true},
      {"(a*)*b", "aaab", true},          // empty repetitions end
      {"(a|ab)(c|bcd)$", "abcd", true},  // backtracks
      {"x*?y", "xxy", true},
  };
  for (const Row& row : rows) {
    INFO(row.pattern << " on " << row.text);
    CHECK(NamePattern(row.pattern).matches_start_of(row.text) == row.matches);
  }
}

TEST_CASE("malformed name patterns are refused", "[name_pattern]") {
  for (const char* pattern : {"(", ")", "(a", "a)", "[a", "[", "*a", "+", "?", "a|*", "\\", "[a\\",
                              "(?=a)", "a{3,1}", "a{2", "a{99999}", "[z-a]"}) {
    INFO(pattern);
    CHECK_THROWS_AS(NamePattern(pattern), Error);
  }
  CHECK_THROWS_AS(NamePattern(std::string(1000, '(') + std::string(1000, ')')), Error);
}

TEST_CASE("a hopeless name pattern ends with an error", "[name_pattern]") {
  const NamePattern pattern("(a+)+$");
  CHECK_THROWS_AS(pattern.matches_start_of(std::string(40, 'a') + "b"), Error);
  CHECK(pattern.matches_start_of(std::string(40, 'a')));
  CHECK_FALSE(NamePattern(".*x").matches_start_of(std::string(50000, 'a')));
  CHECK_THROWS_AS(NamePattern("(a)*x").matches_start_of(std::string(50000, 'a')), Error);
}

}  // namespace
}  // namespace eightfold
