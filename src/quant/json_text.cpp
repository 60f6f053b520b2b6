// Between JSON text and the values that json_reader.h walks over.
//
// A reader of our own: nlohmann's would bring the C library's strtod, which computes in 128 bits,
// and is four times the size of this file in the module. Its values are nlohmann's; all numbers are
// doubles. Bytes of strings are taken as they are, as names in a model are. Source: RFC 8259.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "quant/decimal.h"
#include "quant/json_reader.h"

namespace eightfold {
namespace {

constexpr size_t kMostBytes = size_t{8} << 20;
constexpr size_t kDeepest = 64;
constexpr size_t kMostKeys = 4096;  // of one object, as they are searched one by one

class Parser {
 public:
  Parser(std::string_view text, const JsonPlace& whole) : text_(text), whole_(whole) {}

  void run(ConfigJson& root) {
    value(root, 0);
    skip_space();
    if (at_ != text_.size()) fail();
  }

 private:
  [[noreturn]] void fail() const {
    const std::string_view before = text_.substr(0, at_);
    const size_t start = before.rfind('\n') + 1;  // 0 when there is none
    whole_.refuse("malformed JSON at line " +
                  std::to_string(std::count(before.begin(), before.end(), '\n') + 1) + ", column " +
                  std::to_string(at_ - start + 1));
  }

  // 0 at the end, which no token begins with.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail();
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++at_;
  }
  char next_token() {
    skip_space();
    return peek();
  }

  void value(ConfigJson& out, size_t depth) {
    const char first = next_token();
    if (depth == kDeepest && (first == '{' || first == '[')) {
      whole_.refuse("is nested deeper than 64 levels");
    }
    switch (first) {
      case '{': return object(out, depth);
      case '[': return list(out, depth);
      case '"': out = string(); return;
      case 't':
        word("true");
        out = true;
        return;
      case 'f':
        word("false");
        out = false;
        return;
      case 'n': word("null"); return;
      default: out = number();
    }
  }

  void word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) fail();
    at_ += word.size();
  }

  void object(ConfigJson& out, size_t depth) {
    out = ConfigJson::object();
    const auto& members = *out.get_ptr<const ConfigJson::object_t*>();
    ++at_;
    if (next_token() == '}') return expect('}');
    do {
      if (next_token() != '"') fail();
      const std::string key = string();
      if (members.find(key) != members.end()) whole_.refuse("has the key '" + key + "' twice");
      if (members.size() == kMostKeys) whole_.refuse("has too many keys in one object");
      next_token();
      expect(':');
      value(append(out, key), depth + 1);
      next_token();
    } while (take(','));
    expect('}');
  }

  void list(ConfigJson& out, size_t depth) {
    out = ConfigJson::array();
    ++at_;
    if (next_token() == ']') return expect(']');
    do {
      value(append(out), depth + 1);
      next_token();
    } while (take(','));
    expect(']');
  }

  // ---- strings
  std::string string() {
    std::string out;
    for (expect('"'); !take('"'); ++at_) {
      const char c = peek();
      if (static_cast<unsigned char>(c) < 0x20) fail();  // also at the end
      if (c != '\\') {
        out += c;
        continue;
      }
      ++at_;
      escape(out);
    }
    return out;
  }

  // What stands behind the backslash; ends on its last character.
  void escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char c = peek();
    const size_t index = c == '\0' ? std::string_view::npos : kLetters.find(c);
    if (index != std::string_view::npos) {
      out += kMeanings[index];
      return;
    }
    if (c != 'u') fail();
    uint32_t code = hex4();
    if (code >= 0xd800 && code < 0xe000) {  // half of a pair
      if (code >= 0xdc00) fail();
      ++at_;
      expect('\\');
      if (peek() != 'u') fail();
      const uint32_t low = hex4();
      if (low < 0xdc00 || low >= 0xe000) fail();
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
  }

  uint32_t hex4() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      ++at_;
      const char c = peek();
      const char letter = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9') {
        code = code * 16 + static_cast<uint32_t>(c - '0');
      } else if (letter >= 'a' && letter <= 'f') {
        code = code * 16 + static_cast<uint32_t>(letter - 'a' + 10);
      } else {
        fail();
      }
    }
    return code;
  }

  static void append_utf8(std::string& out, uint32_t code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
      return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    out += static_cast<char>((0xff00 >> (more + 1)) | (code >> (6 * more)));
    while (more-- > 0) out += static_cast<char>(0x80 | ((code >> (6 * more)) & 0x3f));
  }

  // ---- numbers
  double number() {
    const size_t begin = at_;
    take('-');
    if (!take('0')) digits();
    if (take('.')) digits();
    if (take('e') || take('E')) {
      if (!take('-')) take('+');
      digits();
    }
    const double number = nearest_double(text_.substr(begin, at_ - begin));
    if (std::isinf(number)) whole_.refuse("has a number that no double holds");
    return number;
  }

  void digits() {
    const auto is_digit = [this] { return peek() >= '0' && peek() <= '9'; };
    if (!is_digit()) fail();
    while (is_digit()) ++at_;
  }

  std::string_view text_;
  const JsonPlace& whole_;
  size_t at_ = 0;
};

}  // namespace

void read_json(std::string_view text, std::string_view what, const JsonCodec& codec, void* value) {
  ConfigJson root;
  const JsonPlace place(root, what);
  if (text.size() > kMostBytes) place.refuse("is longer than 8 MiB");
  Parser(text, place).run(root);
  read_at(codec, value, place);
}

std::string write_json(const JsonCodec& codec, const void* value, int indent) {
  ConfigJson json;
  codec.write(value, nullptr, json);
  return json.dump(indent, ' ', false, ConfigJson::error_handler_t::replace);
}

}  // namespace eightfold
