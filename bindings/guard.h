// The one catch between the core and JavaScript.
//
// Every function of the table (embind.cpp) is called through guarded<f>: whatever C++ throws
// becomes a plain JavaScript object {code, message, node, opType, hint}, thrown after the catch has
// ended. The TypeScript side makes an EightfoldError of it, so that no WebAssembly.Exception is
// ever seen outside. Running out of memory is one of the codes.
#pragma once

#include <emscripten/val.h>

#include <memory>
#include <string>
#include <utility>

namespace eightfold::bindings {

// The exception in flight, as JavaScript sees it. Called inside a catch alone.
emscripten::val thrown_to_js();

template <typename F>
auto guard(F&& body) -> decltype(body()) {
  emscripten::val thrown;
  try {
    return body();
  } catch (...) {
    thrown = thrown_to_js();
  }
  thrown.throw_();
}

// Handles (handles.h) are moved into memory that JavaScript owns until delete().
template <typename R>
concept Handle = requires { R::kIsHandle; };
template <typename R>
R to_wire(R&& result) {
  return std::move(result);
}
template <Handle R>
std::unique_ptr<R> to_wire(R&& result) {
  return std::make_unique<R>(std::move(result));
}

// Strings come in as values and are copied here: Embind's own copies of string arguments are not
// freed when the call throws.
template <typename A>
struct Argument {
  using Wire = A;
  static A&& read(A& argument) { return std::forward<A>(argument); }
};
template <>
struct Argument<const std::string&> {
  using Wire = emscripten::val;
  static std::string read(const emscripten::val& text) { return text.as<std::string>(); }
};

template <auto function>
struct Guarded;
template <typename R, typename... Args, R (*function)(Args...)>
struct Guarded<function> {
  static auto call(typename Argument<Args>::Wire... args) {
    return guard([&] { return to_wire(function(Argument<Args>::read(args)...)); });
  }
};
template <typename... Args, void (*function)(Args...)>
struct Guarded<function> {
  static void call(typename Argument<Args>::Wire... args) {
    guard([&] { function(Argument<Args>::read(args)...); });
  }
};

// guarded<f> is f with the catch around it, as a pointer that Embind can bind.
template <auto function>
inline constexpr auto guarded = &Guarded<function>::call;

}  // namespace eightfold::bindings
