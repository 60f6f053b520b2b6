// See golden_rows.h.
#include "support/golden_rows.h"

#include <catch_amalgamated.hpp>
#include <string_view>

namespace eightfold::test {
namespace {

bool is_named(const std::string& known, const std::string& row) {
  if (!known.ends_with('*')) return known == row;
  return row.starts_with(std::string_view(known).substr(0, known.size() - 1));
}

}  // namespace

GoldenRows::GoldenRows(std::string section, std::vector<KnownDifference> known)
    : section_(std::move(section)) {
  for (KnownDifference& row : known) known_.push_back({std::move(row), 0});
}

void GoldenRows::compare(const std::string& row, const std::string& ours,
                         const std::string& golden) {
  INFO(section_ << ", " << row);
  ++compared_;
  for (Entry& entry : known_) {
    if (!is_named(entry.known.row, row)) continue;
    INFO("known to differ: " << entry.known.reason);
    CHECK(ours == entry.known.ours);
    CHECK(ours != golden);
    ++entry.used;
    ++differ_;
    return;
  }
  CHECK(ours == golden);
}

void GoldenRows::finish(int compared, int differ) {
  INFO(section_);
  CHECK(compared_ == compared);
  CHECK(differ_ == differ);
  for (const Entry& entry : known_) {
    INFO("never used: " << entry.known.row);
    CHECK(entry.used > 0);
    CHECK_FALSE(entry.known.reason.empty());
  }
}

}  // namespace eightfold::test
