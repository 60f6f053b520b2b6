// The one catch between the core and JavaScript.
//
// Every function of the table (embind.cpp) is called through guarded<f>: whatever C++ throws
// becomes a plain JavaScript object {code, message, node, opType, hint}, thrown after the catch has
// ended. The TypeScript side makes an EightfoldError of it, so that no WebAssembly.Exception is
// ever seen outside. Running out of memory is one of the codes.
#pragma once

#include <emscripten/val.h>

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "core/error.h"

namespace eightfold::bindings {

inline emscripten::val error_to_js(const Error& error) {
  emscripten::val object = emscripten::val::object();
  object.set("code", std::string(error_code_name(error.code())));
  object.set("message", error.message());
  object.set("node", error.node());
  object.set("opType", error.op_type());
  object.set("hint", error.hint());
  return object;
}

inline Error out_of_memory() {
  return Error(ErrorCode::kOutOfMemory, "the instance cannot get more memory",
               "Free models and sessions with delete(), or use smaller samples.");
}

template <typename F>
auto guard(F&& body) -> decltype(body()) {
  emscripten::val thrown;
  try {
    return body();
  } catch (const Error& error) {
    thrown = error_to_js(error);
  } catch (const std::bad_alloc&) {
    thrown = error_to_js(out_of_memory());
  } catch (const std::exception& error) {
    thrown = error_to_js(Error(ErrorCode::kInternal, error.what()));
  } catch (...) {
    thrown = error_to_js(Error(ErrorCode::kInternal, "an unknown exception"));
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
