// The checks of Fields. No protozero exception leaves this file.
#include "onnx/fields.h"

#include "core/error.h"

namespace eightfold {

using protozero::pbf_wire_type;

void throw_damaged(std::string_view what) {
  throw Error(ErrorCode::kInvalidModel, what,
              "the file is damaged or incomplete; download or export it again");
}

bool Fields::next() {
  const protozero::data_view before = reader_.data();
  try {
    if (!reader_.next()) return false;
    value_ = reader_;
    if (reader_.wire_type() == pbf_wire_type::length_delimited) {
      // protozero compares the length as a signed number of pointer size, which on wasm32 would
      // let lengths of 2^31 and more through.
      const protozero::data_view left = reader_.data();
      const char* data = left.data();
      const char* const end = data + left.size();
      const uint64_t length = protozero::decode_varint(&data, end);
      if (length > static_cast<uint64_t>(end - data)) {
        throw_damaged("a field claims " + std::to_string(length) + " bytes, " +
                      std::to_string(end - data) + " are left");
      }
    }
    reader_.skip();
  } catch (const protozero::exception& error) {
    throw_damaged(std::string("malformed protobuf: ") + error.what());
  }
  whole_ = {before.data(), before.size() - reader_.length()};
  return true;
}

void Fields::expect(pbf_wire_type wire) const {
  if (value_.wire_type() != wire) {
    throw_damaged("field " + std::to_string(number()) + " has an unexpected wire type");
  }
}

int64_t Fields::int64() {
  expect(pbf_wire_type::varint);
  return protozero::pbf_reader(value_).get_int64();
}

float Fields::float32() {
  expect(pbf_wire_type::fixed32);
  return protozero::pbf_reader(value_).get_float();
}

std::string_view Fields::bytes() {
  expect(pbf_wire_type::length_delimited);
  const protozero::data_view view = protozero::pbf_reader(value_).get_view();
  return {view.data(), view.size()};
}

template <typename T, typename Packed, typename One>
void Fields::append_numbers(std::vector<T>* out, pbf_wire_type wire, Packed packed, One one) {
  protozero::pbf_reader reader(value_);
  if (value_.wire_type() == wire) {
    out->push_back(static_cast<T>(one(reader)));
    return;
  }
  expect(pbf_wire_type::length_delimited);
  try {
    for (const auto number : packed(reader)) out->push_back(static_cast<T>(number));
  } catch (const protozero::exception& error) {
    throw_damaged(std::string("malformed list of numbers: ") + error.what());
  }
}

void Fields::append(std::vector<int64_t>* out) {
  append_numbers(
      out, pbf_wire_type::varint, [](auto& r) { return r.get_packed_int64(); },
      [](auto& r) { return r.get_int64(); });
}

void Fields::append(std::vector<uint64_t>* out) {
  append_numbers(
      out, pbf_wire_type::varint, [](auto& r) { return r.get_packed_uint64(); },
      [](auto& r) { return r.get_uint64(); });
}

void Fields::append(std::vector<int32_t>* out) {
  append_numbers(
      out, pbf_wire_type::varint, [](auto& r) { return r.get_packed_int32(); },
      [](auto& r) { return r.get_int32(); });
}

void Fields::append(std::vector<float>* out) {
  append_numbers(
      out, pbf_wire_type::fixed32, [](auto& r) { return r.get_packed_float(); },
      [](auto& r) { return r.get_float(); });
}

void Fields::append(std::vector<double>* out) {
  append_numbers(
      out, pbf_wire_type::fixed64, [](auto& r) { return r.get_packed_double(); },
      [](auto& r) { return r.get_double(); });
}

}  // namespace eightfold
