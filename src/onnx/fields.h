// Fields: checked reading of one protobuf message from untrusted bytes.
//
// A thin guard around protozero: every field is measured against what is left
// before it is handed out, wire types are compared with what the schema says,
// and each fault becomes an Error(kInvalidModel). Nothing is copied.
#pragma once

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace eightfold {

class Fields {
 public:
  explicit Fields(std::string_view bytes) : reader_(bytes.data(), bytes.size()) {}

  bool next();  // to the next field; its value need not be read
  uint32_t number() const { return value_.tag(); }
  std::string_view whole() const { return whole_; }  // the field with its tag

  int64_t int64();
  float float32();
  std::string_view bytes();
  std::string text() { return std::string(bytes()); }

  // Repeated numbers, packed or one by one, appended.
  void append(std::vector<int64_t>* out);
  void append(std::vector<uint64_t>* out);
  void append(std::vector<int32_t>* out);
  void append(std::vector<float>* out);
  void append(std::vector<double>* out);

 private:
  void expect(protozero::pbf_wire_type wire) const;
  template <typename T, typename Packed, typename One>
  void append_numbers(std::vector<T>* out, protozero::pbf_wire_type wire, Packed packed, One one);

  protozero::pbf_reader reader_;  // behind the current field
  protozero::pbf_reader value_;   // at the value of the current field
  std::string_view whole_;
};

// The Error for a damaged file.
[[noreturn]] void throw_damaged(std::string_view what);

}  // namespace eightfold
