// See guard.h: one function sorts the exceptions, so that each guarded function is small.
#include "bindings/guard.h"

#include <exception>
#include <new>

#include "core/error.h"

namespace eightfold::bindings {
namespace {

using emscripten::val;

val error_to_js(const Error& error) {
  val object = val::object();
  object.set("code", std::string(error_code_name(error.code())));
  object.set("message", error.message());
  object.set("node", error.node());
  object.set("opType", error.op_type());
  object.set("hint", error.hint());
  return object;
}

}  // namespace

val thrown_to_js() {
  try {
    throw;
  } catch (const Error& error) {
    return error_to_js(error);
  } catch (const std::bad_alloc&) {
    return error_to_js(Error(ErrorCode::kOutOfMemory, "the instance cannot get more memory",
                             "Free models and sessions with delete(), or use smaller samples."));
  } catch (const std::exception& error) {
    return error_to_js(Error(ErrorCode::kInternal, error.what()));
  } catch (...) {
    return error_to_js(Error(ErrorCode::kInternal, "an unknown exception"));
  }
}

}  // namespace eightfold::bindings
