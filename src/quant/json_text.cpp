// Between JSON text and the values that json_reader.h walks over.
//
// The events of the parser become values here, so that nesting is limited while it is read, a key
// given twice is noticed, and a fault has a line and a column. Nothing of the parser's is thrown.
#include <algorithm>
#include <vector>

#include "core/error.h"
#include "quant/json_reader.h"

namespace eightfold {
namespace {

constexpr size_t kMostBytes = size_t{8} << 20;
constexpr size_t kDeepest = 64;
constexpr size_t kMostKeys = 4096;  // of one object, as they are searched one by one

class Builder {
 public:
  ConfigJson root;
  std::string fault;       // of what was read, empty when there is none
  size_t fault_at = 0;     // bytes read until then; 0: the fault is not of a place
  std::string fault_near;  // the text there

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(int64_t value) { return put(value); }
  bool number_unsigned(uint64_t value) { return put(value); }
  bool number_float(double value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(ConfigJson::binary_t&) { return false; }

  bool start_object(size_t) { return open(ConfigJson::object()); }
  bool start_array(size_t) { return open(ConfigJson::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    ConfigJson::object_t& object = *stack_.back()->get_ptr<ConfigJson::object_t*>();
    if (object.size() == kMostKeys) return stop("has too many keys in one object");
    if (object.find(name) != object.end()) return stop("has the key '" + name + "' twice");
    append(*stack_.back(), name);
    return true;
  }

  bool parse_error(size_t position, const std::string& near, const std::exception&) {
    fault_at = position;
    fault_near = near;
    return stop("malformed JSON");
  }

 private:
  bool stop(std::string what) {
    fault = std::move(what);
    return false;
  }

  ConfigJson* slot() {
    if (stack_.empty()) return &root;
    ConfigJson& outer = *stack_.back();
    if (auto* object = outer.get_ptr<ConfigJson::object_t*>()) return &object->back().second;
    return &append(outer);
  }
  bool put(ConfigJson value) {
    *slot() = std::move(value);
    return true;
  }
  bool open(ConfigJson value) {
    if (stack_.size() == kDeepest) {
      return stop("is nested deeper than " + std::to_string(kDeepest) + " levels");
    }
    ConfigJson* place = slot();
    *place = std::move(value);
    stack_.push_back(place);
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  std::vector<ConfigJson*> stack_;
};

// " at line 3, column 7, near 'tru'"
std::string position_text(std::string_view text, size_t read, std::string_view near) {
  const std::string_view before = text.substr(0, read == 0 ? 0 : std::min(read, text.size()) - 1);
  size_t line = 1, start = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] != '\n') continue;
    ++line;
    start = i + 1;
  }
  std::string out =
      " at line " + std::to_string(line) + ", column " + std::to_string(before.size() - start + 1);
  if (!near.empty() && near.size() <= 32) out += ", near '" + std::string(near) + "'";
  return out;
}

}  // namespace

void read_json(std::string_view text, std::string_view what, const JsonCodec& codec, void* value) {
  Builder builder;
  const JsonPlace place(builder.root, what);
  if (text.size() > kMostBytes) place.refuse("is longer than 8 MiB");
  if (!ConfigJson::sax_parse(text, &builder)) {
    if (builder.fault_at != 0) {
      builder.fault += position_text(text, builder.fault_at, builder.fault_near);
    }
    place.refuse(builder.fault);
  }
  read_at(codec, value, place);
}

std::string write_json(const JsonCodec& codec, const void* value, int indent) {
  ConfigJson json;
  codec.write(value, nullptr, json);
  return json.dump(indent, ' ', false, ConfigJson::error_handler_t::replace);
}

}  // namespace eightfold
