// See ordered.h.
#include "ops/ordered.h"

#include <algorithm>

namespace eightfold {
namespace {

template <typename T>
void fill(const TensorView& x, int64_t from, int64_t step, int64_t count, std::vector<T>& to) {
  to.resize(static_cast<size_t>(count));
  load_piece(x, from, step, count, to.data());
}

}  // namespace

void Ordered::load(const TensorView& x, int64_t from, int64_t step, int64_t count) {
  if (kind_ == Kind::kFloat) return fill(x, from, step, count, floats_);
  fill(x, from, step, count, integers_);
  if (kind_ != Kind::kNatural) return;
  for (int64_t& bits : integers_) bits ^= INT64_MIN;
}

int Ordered::order(int64_t a, int64_t b) const {
  const auto i = static_cast<size_t>(a), j = static_cast<size_t>(b);
  if (kind_ != Kind::kFloat) {
    return (integers_[i] > integers_[j]) - (integers_[i] < integers_[j]);
  }
  const double left = floats_[i], right = floats_[j];
  if (left == right) return 0;
  if (left < right || left > right) return left < right ? -1 : 1;
  return (left != left) - (right != right);
}

}  // namespace eightfold
