// DTypeConfig and DTypeWithConstraints as JSON (spec-facts 1.2, 1.3).
#include "quant/config_json.h"
#include "quant/config_json_codecs.h"

namespace eightfold {
namespace {

void read_group(int& group, const JsonPlace& place) {
  group = static_cast<int>(place.whole(0, 1 << 20));
  if (group != 2 && group != 4) place.refuse("must be 2 or 4", "as many weights share a lane");
}
bool write_group(const int& group, const int*, ConfigJson& out) {
  out = group;
  return true;
}

constexpr JsonField kBoundedSumFields[] = {
    field<&BoundedSum::group>("group", kCodec<int, read_group, write_group>),
    field<&BoundedSum::limit>("limit", kIndexCodec, FieldRule::kAlways)};

constexpr JsonField kConstraintFields[] = {
    field<&DTypeWithConstraints::dtype>("dtype", kOptionalCodec<DType, kDTypeCodec>),
    field<&DTypeWithConstraints::quant_min_lower_bound>("quantMinLowerBound",
                                                        kOptionalCodec<int64_t, kInt64Codec>),
    field<&DTypeWithConstraints::quant_max_upper_bound>("quantMaxUpperBound",
                                                        kOptionalCodec<int64_t, kInt64Codec>),
    field<&DTypeWithConstraints::scale_min_lower_bound>("scaleMinLowerBound",
                                                        kOptionalCodec<float, kFloatCodec>),
    field<&DTypeWithConstraints::scale_max_upper_bound>("scaleMaxUpperBound",
                                                        kOptionalCodec<float, kFloatCodec>),
    field<&DTypeWithConstraints::scale_exact_match>("scaleExactMatch",
                                                    kOptionalCodec<float, kFloatCodec>),
    field<&DTypeWithConstraints::zero_point_exact_match>("zeroPointExactMatch",
                                                         kOptionalCodec<int32_t, kIntCodec>),
    field<&DTypeWithConstraints::bounded_sum>("boundedSum", kBoundedSumCodec)};

// A bare dtype is one without constraints. Written as an object, and only if the dtype is set.
void read_constraints(DTypeWithConstraints& value, const JsonPlace& place) {
  if (place.is_string()) {
    value = DTypeWithConstraints();
    return read_at(kDTypeCodec, &value.dtype.emplace(), place);
  }
  if (!place.is_object()) place.refuse_type("a dtype, or an object with one and its constraints");
  read_fields(kConstraintFields, &value, place);
}
bool write_constraints(const DTypeWithConstraints& value, const DTypeWithConstraints*,
                       ConfigJson& out) {
  if (!value.dtype) return false;
  const DTypeWithConstraints none;
  out = write_fields(kConstraintFields, &value, &none);
  return true;
}
constexpr JsonCodec kConstraintsCodec =
    kCodec<DTypeWithConstraints, read_constraints, write_constraints>;

constexpr JsonField kDTypeConfigFields[] = {
    field<&DTypeConfig::input>("inputDtype", kConstraintsCodec),
    field<&DTypeConfig::output>("outputDtype", kConstraintsCodec),
    field<&DTypeConfig::weight>("weightDtype", kConstraintsCodec),
    field<&DTypeConfig::bias>("biasDtype", kOptionalCodec<DType, kDTypeCodec>),
    field<&DTypeConfig::is_dynamic>("isDynamic", kOptionalCodec<bool, kBoolCodec>)};

constexpr JsonCodec kOneBoundedSum = kObjectCodec<BoundedSum, kBoundedSumFields>;

}  // namespace

constinit const JsonCodec kBoundedSumCodec = kOptionalCodec<BoundedSum, kOneBoundedSum>;
constinit const JsonCodec kDTypeConfigCodec = kObjectCodec<DTypeConfig, kDTypeConfigFields>;

DTypeConfig dtype_config_from_json(std::string_view text) {
  return from_json<DTypeConfig>(text, "DTypeConfig", kDTypeConfigCodec);
}
std::string to_json(const DTypeConfig& config, int indent) {
  return write_json(kDTypeConfigCodec, &config, indent);
}

}  // namespace eightfold
