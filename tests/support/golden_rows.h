// Rows of a golden file against our answers, as text, and the rows where ours is another one on
// purpose.
//
//   GoldenRows rows("orders", {{"row", "what we answer", "why"}});
//   rows.compare("row", ours, golden);
//   rows.finish(3, 1);  // so many rows, of which so many differ
#pragma once

#include <string>
#include <vector>

namespace eightfold::test {

// A row, or all rows that begin with what stands before '*', and what we answer there.
struct KnownDifference {
  std::string row, ours, reason;
};

// Holds rows of a section against our answers, as text. The table of differences is exact: a row
// of it that agrees with PyTorch, changes or does not occur is a failure.
class GoldenRows {
 public:
  GoldenRows(std::string section, std::vector<KnownDifference> known = {});
  void compare(const std::string& row, const std::string& ours, const std::string& golden);
  // So many rows were compared, `differ` of them as the table says.
  void finish(int compared, int differ = 0);

 private:
  struct Entry {
    KnownDifference known;
    int used = 0;
  };
  std::string section_;
  std::vector<Entry> known_;
  int compared_ = 0, differ_ = 0;
};

}  // namespace eightfold::test
