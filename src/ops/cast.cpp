// Cast and CastLike between the numeric dtypes, bool, float16, bfloat16, uint4 and int4.
// Float to integer truncates towards zero and saturates (ONNX leaves out of range undefined); to
// narrower integers the low bits are kept, as C does; NaN becomes 0. Float to four bits rounds half
// to even and keeps the low bits, as the ONNX page on 4-bit types has it.
#include "ops/cast.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/nibble.h"
#include "ops/elementwise_rows.h"
#include "ops/half.h"
#include "ops/pieces.h"

namespace eightfold {
namespace {

struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};
template <bool is_signed>
struct Nibble {};

template <typename T>
constexpr bool kIsNibble = std::is_same_v<T, Nibble<false>> || std::is_same_v<T, Nibble<true>>;

template <typename T>
T widened(T value) {
  return value;
}
inline float widened(Half value) { return half_to_float(value.bits); }
inline float widened(Brain value) { return bfloat16_to_float(value.bits); }

template <typename To, typename From>
To narrowed(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_same_v<To, Half>) {
    return {float_to_half(static_cast<float>(value))};
  } else if constexpr (std::is_same_v<To, Brain>) {
    return {float_to_bfloat16(static_cast<float>(value))};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (value != value) return 0;
    using Wide = std::conditional_t<std::is_signed_v<To>, int64_t, uint64_t>;
    using Limits = std::numeric_limits<Wide>;
    const auto wide = static_cast<double>(value);
    // Small types wrap through 64 bits, so that -1.0 to uint8 is 255 everywhere.
    if (!(wide > static_cast<double>(std::numeric_limits<int64_t>::min()))) {
      return static_cast<To>(std::is_signed_v<To> ? Limits::min() : 0);
    }
    if (wide >= static_cast<double>(Limits::max())) return static_cast<To>(Limits::max());
    if (wide < 0) return static_cast<To>(static_cast<int64_t>(wide));
    return static_cast<To>(static_cast<Wide>(wide));
  } else {
    return static_cast<To>(value);
  }
}

template <typename From>
auto load(const void* x, int64_t i) {
  if constexpr (kIsNibble<From>) {
    return nibble_at(x, i, std::is_same_v<From, Nibble<true>>);
  } else {
    return widened(static_cast<const From*>(x)[i]);
  }
}

template <typename To, typename From>
void store(void* y, int64_t i, From value) {
  if constexpr (!kIsNibble<To>) {
    static_cast<To*>(y)[i] = narrowed<To>(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    append_nibble(y, i, static_cast<int32_t>(narrowed<int64_t>(std::nearbyint(value)) & 15));
  } else {
    append_nibble(y, i, static_cast<int32_t>(value & 15));
  }
}

// Like dtype_switch, with the two half precision types and those of four bits.
template <typename F>
bool any_dtype(DType dtype, F&& call) {
  if (dtype == DType::kFloat16) return call(Half{}), true;
  if (dtype == DType::kBfloat16) return call(Brain{}), true;
  if (dtype == DType::kUint4) return call(Nibble<false>{}), true;
  if (dtype == DType::kInt4) return call(Nibble<true>{}), true;
  return dtype_switch<float, double, int64_t, int32_t, int16_t, int8_t, uint8_t, uint16_t, uint32_t,
                      uint64_t, bool>(dtype, call);
}

// n + n loops serve n * n pairs of dtypes.
template <typename Wide>
bool cast_pieces(const TensorView& from, const TensorView& to) {
  Piece<Wide> piece;
  const int64_t size = to.size();
  for (int64_t at = 0; at < size; at += kPiece) {
    const int64_t n = std::min(kPiece, size - at);
    if constexpr (std::is_same_v<Wide, uint64_t>) {
      load_piece(from, at, 1, n, reinterpret_cast<int64_t*>(piece.data()));
    } else {
      load_piece(from, at, 1, n, piece.data());
    }
    if (!store_piece(piece.data(), n, to, at)) return false;
  }
  return true;
}

}  // namespace

Kind kind_of(DType dtype) {
  if (is_float(dtype)) return Kind::kFloat;
  if (dtype == DType::kUint64) return Kind::kNatural;
  return any_dtype(dtype, [](auto) {}) ? Kind::kInteger : Kind::kNone;
}

Kind number_kind(const RunContext& context) {
  const DType dtype = context.inputs[0].dtype;
  const Kind kind = kind_of(dtype);
  if (kind == Kind::kNone || dtype == DType::kBool || is_four_bit(dtype)) {
    refuse_dtype(context, dtype);
  }
  return kind;
}

template <typename Wide>
void load_piece(const TensorView& x, int64_t at, int64_t step, int64_t n, Wide* to) {
  any_dtype(x.dtype, [&](auto tag) {
    using From = decltype(tag);
    if constexpr (std::is_integral_v<Wide> &&
                  std::is_floating_point_v<decltype(load<From>(nullptr, 0))>) {
      return;  // never asked for
    } else {
      for (int64_t i = 0; i < n; ++i) to[i] = static_cast<Wide>(load<From>(x.data, at + i * step));
    }
  });
}
template void load_piece<double>(const TensorView&, int64_t, int64_t, int64_t, double*);
template void load_piece<int64_t>(const TensorView&, int64_t, int64_t, int64_t, int64_t*);

template <typename Wide>
bool store_piece(const Wide* from, int64_t n, const TensorView& y, int64_t at) {
  return any_dtype(y.dtype, [&](auto tag) {
    for (int64_t i = 0; i < n; ++i) store<decltype(tag)>(y.data, at + i, from[i]);
  });
}
template bool store_piece<double>(const double*, int64_t, const TensorView&, int64_t);
template bool store_piece<int64_t>(const int64_t*, int64_t, const TensorView&, int64_t);

bool cast_elements(const TensorView& from, const TensorView& to) {
  switch (kind_of(from.dtype)) {
    case Kind::kFloat: return cast_pieces<double>(from, to);
    case Kind::kInteger: return cast_pieces<int64_t>(from, to);
    case Kind::kNatural: return cast_pieces<uint64_t>(from, to);
    case Kind::kNone: break;
  }
  return false;
}

void run_cast(RunContext& context) {
  if (cast_elements(context.inputs[0], context.outputs[0])) return;
  context.fail(ErrorCode::kInvalidType,
               "no conversion from " + std::string(dtype_name(context.inputs[0].dtype)) + " to " +
                   std::string(dtype_name(context.outputs[0].dtype)));
}

}  // namespace eightfold
