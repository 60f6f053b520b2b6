// See name_pattern.h. The pattern is parsed into alternatives of repeated atoms; matching
// walks them with a continuation, the plain way to backtrack.
//
//   alternatives := sequence ('|' sequence)*      sequence := (atom repeat?)*
//   repeat := '*' | '+' | '?' | '{' m (',' n?)? '}'
#include "quant/name_pattern.h"

#include <bitset>
#include <climits>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace eightfold {
namespace {

constexpr int kStepLimit = 100000;
constexpr int kDepthLimit = 600;
constexpr int kNestingLimit = 50;
constexpr int kMaxRepeat = 1000;

using CharSet = std::bitset<256>;

void add_range(CharSet& set, unsigned char first, unsigned char last) {
  for (int c = first; c <= last; ++c) set.set(static_cast<size_t>(c));
}

// The class of an escape: \d \w \s and their complements, else the character itself.
CharSet escaped(char c) {
  CharSet set;
  switch (c) {
    case 'd':
    case 'D': add_range(set, '0', '9'); break;
    case 's':
    case 'S':
      for (char space : {' ', '\t', '\n', '\r', '\f', '\v'})
        set.set(static_cast<unsigned char>(space));
      break;
    case 'w':
    case 'W':
      add_range(set, 'a', 'z');
      add_range(set, 'A', 'Z');
      add_range(set, '0', '9');
      set.set('_');
      break;
    default: set.set(static_cast<unsigned char>(c)); return set;
  }
  return c == 'D' || c == 'S' || c == 'W' ? ~set : set;
}

}  // namespace

// Alternatives of sequences; the root and every group is one.
struct NamePattern::Sequence {
  struct Atom {
    enum class Kind : unsigned char { kChars, kStart, kEnd, kGroup } kind = Kind::kChars;
    CharSet chars;
    std::unique_ptr<Sequence> group;
    int at_least = 1, at_most = 1;
  };
  std::vector<std::vector<Atom>> alternatives;
};

namespace {

using Atom = NamePattern::Sequence::Atom;

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  std::unique_ptr<NamePattern::Sequence> parse() {
    auto root = alternatives(0);
    if (!done()) fail("unbalanced ')'");
    return root;
  }

 private:
  bool done() const { return at_ >= pattern_.size(); }
  char peek() const { return pattern_[at_]; }
  bool take(char c) {
    if (done() || peek() != c) return false;
    ++at_;
    return true;
  }
  char next(const char* missing) {
    if (done()) fail(missing);
    return pattern_[at_++];
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidConfig,
                "the name pattern '" + std::string(pattern_) + "' is wrong at position " +
                    std::to_string(at_) + ": " + what,
                "write a regular expression of . * + ? {m,n} [] | () ^ $; escape others with \\");
  }

  std::unique_ptr<NamePattern::Sequence> alternatives(int nesting) {
    if (nesting > kNestingLimit) fail("too many nested groups");
    auto out = std::make_unique<NamePattern::Sequence>();
    do {
      auto& sequence = out->alternatives.emplace_back();
      while (!done() && peek() != '|' && peek() != ')') {
        sequence.push_back(atom(nesting));
        repeat(sequence.back());
      }
    } while (take('|'));
    return out;
  }

  Atom atom(int nesting) {
    Atom out;
    const char c = next("");
    switch (c) {
      case '(':
        if (take('?') && !take(':')) fail("only (?: is known of the (? forms");
        out.kind = Atom::Kind::kGroup;
        out.group = alternatives(nesting + 1);
        if (!take(')')) fail("a ')' is missing");
        break;
      case '^': out.kind = Atom::Kind::kStart; break;
      case '$': out.kind = Atom::Kind::kEnd; break;
      case '.': out.chars.set(); break;
      case '[': out.chars = bracket(); break;
      case '\\': out.chars = escaped(next("nothing follows the '\\'")); break;
      case '*':
      case '+':
      case '?': --at_; fail("nothing to repeat");
      default: out.chars.set(static_cast<unsigned char>(c));
    }
    return out;
  }

  CharSet bracket() {
    CharSet set;
    const bool complement = take('^');
    for (bool first = true; first || !take(']'); first = false) {
      const char c = next("a ']' is missing");
      if (c == '\\') {
        set |= escaped(next("nothing follows the '\\'"));
      } else if (at_ + 1 < pattern_.size() && peek() == '-' && pattern_[at_ + 1] != ']') {
        ++at_;
        const char last = next("");
        if (static_cast<unsigned char>(last) < static_cast<unsigned char>(c))
          fail("a range runs backwards");
        add_range(set, static_cast<unsigned char>(c), static_cast<unsigned char>(last));
      } else {
        set.set(static_cast<unsigned char>(c));
      }
    }
    return complement ? ~set : set;
  }

  void repeat(Atom& atom) {
    if (take('*')) {
      atom.at_least = 0, atom.at_most = INT_MAX;
    } else if (take('+')) {
      atom.at_most = INT_MAX;
    } else if (take('?')) {
      atom.at_least = 0;
    } else if (!done() && peek() == '{' && at_ + 1 < pattern_.size() &&
               is_digit(pattern_[at_ + 1])) {
      ++at_;
      atom.at_least = number();
      atom.at_most = atom.at_least;
      if (take(',')) atom.at_most = !done() && is_digit(peek()) ? number() : INT_MAX;
      if (!take('}')) fail("a '}' is missing");
      if (atom.at_most < atom.at_least) fail("a repeat runs backwards");
    } else {
      return;
    }
    take('?');  // "as few as possible" finds the same yes or no
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  int number() {
    int value = 0;
    while (!done() && is_digit(peek())) {
      value = value * 10 + (pattern_[at_++] - '0');
      if (value > kMaxRepeat) fail("a repeat is too large");
    }
    return value;
  }

  std::string_view pattern_;
  size_t at_ = 0;
};

class Matcher {
 public:
  using Next = std::function<bool(size_t)>;
  explicit Matcher(std::string_view text) : text_(text) {}

  bool alternatives(const NamePattern::Sequence& group, size_t at, const Next& next) {
    for (const auto& sequence : group.alternatives) {
      if (run(sequence, 0, at, next)) return true;
    }
    return false;
  }

 private:
  bool run(const std::vector<Atom>& sequence, size_t index, size_t at, const Next& next) {
    if (index == sequence.size()) return next(at);
    return repeat(sequence[index], 0, at,
                  [&](size_t after) { return run(sequence, index + 1, after, next); });
  }

  // Greedy: as many of the atom as there are, then fewer.
  bool repeat(const Atom& atom, int done, size_t at, const Next& next) {
    if (++depth_ > kDepthLimit) too_much();
    const bool matched = atom.kind == Atom::Kind::kChars ? repeat_chars(atom, at, next)
                                                         : repeat_group(atom, done, at, next);
    --depth_;
    return matched;
  }

  bool repeat_chars(const Atom& atom, size_t at, const Next& next) {
    const auto at_most = static_cast<size_t>(atom.at_most);
    const auto at_least = static_cast<size_t>(atom.at_least);
    size_t count = 0;
    while (count < at_most && at + count < text_.size() &&
           atom.chars.test(static_cast<unsigned char>(text_[at + count]))) {
      ++count;
    }
    for (++count; count-- > at_least;) {
      if (++steps_ > kStepLimit) too_much();
      if (next(at + count)) return true;
    }
    return false;
  }

  bool repeat_group(const Atom& atom, int done, size_t at, const Next& next) {
    if (++steps_ > kStepLimit) too_much();
    const bool more = done < atom.at_most && once(
                                                 atom, at,
                                                 [&](size_t after) {
                                                   // An empty repetition adds nothing and would
                                                   // repeat for ever.
                                                   return (after != at || done < atom.at_least) &&
                                                          repeat(atom, done + 1, after, next);
                                                 });
    return more || (done >= atom.at_least && next(at));
  }

  [[noreturn]] static void too_much() {
    throw Error(ErrorCode::kLimitExceeded, "a name pattern takes too many steps",
                "write it without nested repeats");
  }

  bool once(const Atom& atom, size_t at, const Next& next) {
    if (atom.kind == Atom::Kind::kStart) return at == 0 && next(at);
    if (atom.kind == Atom::Kind::kEnd) return at == text_.size() && next(at);
    return alternatives(*atom.group, at, next);
  }

  std::string_view text_;
  int steps_ = 0, depth_ = 0;
};

}  // namespace

NamePattern::NamePattern(std::string_view pattern) : root_(Parser(pattern).parse()) {}
NamePattern::~NamePattern() = default;
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;

bool NamePattern::matches_start_of(std::string_view text) const {
  return Matcher(text).alternatives(*root_, 0, [](size_t) { return true; });
}

}  // namespace eightfold
