// The ONNX operator suite, one row per case: all but the excluded cases pass, and each exclusion
// has its reason. docs/CONFORMANCE.md is the table this makes; EIGHTFOLD_WRITE_DOCS=1 writes it
// anew. EIGHTFOLD_CASE=<part of a name> runs those cases alone and prints each fault.
#include <algorithm>
#include <array>
#include <catch_amalgamated.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "support/data_files.h"
#include "support/node_suite.h"

namespace eightfold::test {
namespace {

// Cases that the listing does not mark `ok` (onnxruntime does not reproduce them either), by the
// beginning of their name. A row whose cases all pass by now must go.
struct Exclusion {
  std::string_view name, reason;
};
constexpr std::array kExcluded{
    Exclusion{"test_gradient_of_", "Gradient is an operator of training"},
    Exclusion{"test_resize_downsample_scales_cubic_align_corners",
              "the expected values follow a length of the output that is not rounded down; those "
              "of later versions of the suite do not"},
};

const Exclusion* exclusion_of(const SuiteCase& one) {
  const auto found = std::ranges::find_if(kExcluded, [&](const Exclusion& row) {
    return !one.reproduced && one.name.starts_with(row.name);
  });
  return found == kExcluded.end() ? nullptr : &*found;
}

struct Group {
  int passed = 0, excluded = 0, failed = 0;
};

std::string page(const std::map<std::string, Group>& groups,
                 const std::map<std::string_view, int>& reasons) {
  std::ostringstream text;
  text << "# Conformance\n\n"
          "The operator suite of ONNX (`onnx-node-tests` of the development data), run by `npm "
          "test` in every build:\n"
          "integers exactly, floats within 1e-6 + 1e-3 of the value, 16-bit floats within one unit "
          "of their type.\n"
          "This page is written by `EIGHTFOLD_WRITE_DOCS=1 eightfold_tests \"[conformance]\"`, and "
          "the test fails when it is "
          "out of date.\n\n"
          "| group | passed | excluded | failed |\n| --- | ---: | ---: | ---: |\n";
  Group all;
  for (const auto& [name, group] : groups) {
    text << "| " << name << " | " << group.passed << " | " << group.excluded << " | "
         << group.failed << " |\n";
    all.passed += group.passed;
    all.excluded += group.excluded;
    all.failed += group.failed;
  }
  text << "| **all** | " << all.passed << " | " << all.excluded << " | " << all.failed << " |\n\n"
       << "Excluded, none of them reproduced by onnxruntime either:\n\n"
          "| cases | reason | number |\n| --- | --- | ---: |\n";
  for (const Exclusion& row : kExcluded) {
    const auto found = reasons.find(row.name);
    const int count = found == reasons.end() ? 0 : found->second;
    text << "| `" << row.name << "...` | " << row.reason << " | " << count << " |\n";
  }
  return text.str();
}

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("the ONNX operator suite", "[conformance][data]") {
  const auto folder = data_folder();
  if (!folder) SKIP("no data folder");
  const char* only = std::getenv("EIGHTFOLD_CASE");
  std::map<std::string, Group> groups;
  std::map<std::string_view, int> reasons;
  for (const SuiteCase& one : read_suite(*folder)) {
    if (only && one.name.find(only) == std::string::npos) continue;
    const std::string fault = suite_fault(one);
    const Exclusion* excluded = fault.empty() ? nullptr : exclusion_of(one);
    Group& group = groups[one.group];
    ++(fault.empty() ? group.passed : excluded ? group.excluded : group.failed);
    if (excluded) ++reasons[excluded->name];
    if (only && excluded)
      std::cout << one.group << "/" << one.name << " (excluded) " << fault << "\n";
    if (fault.empty() || excluded) continue;
    UNSCOPED_INFO(one.group << "/" << one.name << " [" << one.operators << "] " << fault);
    CHECK(fault == "");
  }
  if (only) return;
  const std::string made = page(groups, reasons);
  std::cout << made << "\n";
  for (const Exclusion& row : kExcluded) {
    INFO("excluded " << row.name << " passes");
    CHECK(reasons.contains(row.name));
  }
  const std::string path = source_folder() + "/docs/CONFORMANCE.md";
  if (std::getenv("EIGHTFOLD_WRITE_DOCS")) std::ofstream(path) << made;
  CHECK(file_text(path) == made);
}

}  // namespace
}  // namespace eightfold::test
