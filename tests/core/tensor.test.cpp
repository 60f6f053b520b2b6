// Tensors: shapes and sizes with their limits, sharing, copy on write, borrowing, dtype names.
#include <catch_amalgamated.hpp>
#include <cstring>

#include "core/error.h"
#include "core/tensor.h"

using namespace eightfold;

namespace {

ErrorCode count_fault(const Shape& shape) {
  try {
    element_count(shape);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;  // nothing was thrown
}

}  // namespace

TEST_CASE("element counts", "[core][tensor]") {
  CHECK(element_count(Shape{}) == 1);
  CHECK(element_count(Shape{2, 3, 4}) == 24);
  CHECK(element_count(Shape{5, 0, 7}) == 0);
  CHECK(count_fault({2, -1}) == ErrorCode::kInvalidShape);
  CHECK(count_fault({int64_t{1} << 32, int64_t{1} << 32}) == ErrorCode::kLimitExceeded);
  CHECK(count_fault({INT64_MAX, 2}) == ErrorCode::kLimitExceeded);
}

TEST_CASE("byte counts round sub-byte types up", "[core][tensor]") {
  CHECK(byte_count(DType::kFloat32, 3) == 12);
  CHECK(byte_count(DType::kInt4, 3) == 2);
  CHECK(byte_count(DType::kUint2, 5) == 2);
  CHECK(byte_count(DType::kBool, 3) == 3);
  CHECK(byte_count(DType::kComplex128, 1) == 16);
}

TEST_CASE("dtype names go both ways, aliases one way", "[core][tensor]") {
  for (int i = 1; i <= 26; ++i) {
    const auto dtype = static_cast<DType>(i);
    CHECK(dtype_from_name(dtype_name(dtype)) == dtype);
  }
  CHECK(dtype_from_name("quint8") == DType::kUint8);
  CHECK(dtype_from_name("qint8") == DType::kInt8);
  CHECK(dtype_from_name("nonsense") == DType::kUndefined);
  CHECK(dtype_name(static_cast<DType>(99)) == "undefined");
}

TEST_CASE("new tensors are zero, aligned, and readable past their end", "[core][tensor]") {
  const Tensor tensor = Tensor::allocate(DType::kUint8, {3});
  CHECK(reinterpret_cast<uintptr_t>(tensor.raw()) % kAlignment == 0);
  const auto* bytes = static_cast<const uint8_t*>(tensor.raw());
  int sum = 0;
  for (size_t i = 0; i < 3 + kTailBytes; ++i) sum += bytes[i];
  CHECK(sum == 0);
}

TEST_CASE("copies share until one is written", "[core][tensor]") {
  const Tensor first = Tensor::of<float>({2}, std::vector<float>{1, 2});
  Tensor second = first;
  CHECK(second.raw() == first.raw());
  second.mutable_data<float>()[0] = 9;
  CHECK(second.raw() != first.raw());
  CHECK(first.data<float>()[0] == 1);
  CHECK(second.data<float>()[1] == 2);
  const void* own = second.raw();
  second.mutable_data<float>()[0] = 10;
  CHECK(second.raw() == own);  // alone: no further copy
}

TEST_CASE("borrowed bytes keep their owner alive and are copied before a write", "[core][tensor]") {
  auto owner = std::make_shared<std::vector<uint8_t>>(std::vector<uint8_t>{1, 2, 3, 4});
  const std::weak_ptr<std::vector<uint8_t>> watch = owner;
  Tensor tensor = Tensor::wrap(DType::kUint8, {4}, Buffer::borrow(owner, owner->data(), 4));
  owner.reset();
  CHECK(!watch.expired());
  CHECK(tensor.data<uint8_t>()[3] == 4);
  tensor.mutable_data<uint8_t>()[0] = 9;
  CHECK(watch.expired());
  CHECK(tensor.data<uint8_t>()[0] == 9);
}

TEST_CASE("too small a buffer, a wrong type and a wrong shape are errors", "[core][tensor]") {
  const uint8_t bytes[3] = {};
  CHECK_THROWS_AS(Tensor::wrap(DType::kFloat32, {1}, Buffer::borrow(nullptr, bytes, 3)), Error);
  CHECK_THROWS_AS(Tensor::wrap(DType::kFloat32, {1}, nullptr), Error);
  const Tensor tensor = Tensor::allocate(DType::kFloat32, {2, 3});
  CHECK_THROWS_AS(tensor.data<int32_t>(), Error);
  CHECK_THROWS_AS(tensor.reshaped({7}), Error);
  CHECK(tensor.reshaped({3, 2}).raw() == tensor.raw());
  CHECK_THROWS_AS(Tensor::strings({2}, {"one"}), Error);
  CHECK(Tensor::strings({1}, {"one"}).string_data()[0] == "one");
  CHECK(!Tensor().defined());
}

TEST_CASE("an allocation nobody can serve is an error, not a crash", "[core][tensor]") {
  try {
    Tensor::allocate(DType::kFloat64, {int64_t{1} << 47});
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kOutOfMemory);
  }
}
