// Made by bindings/make_error_codes.mjs from src/core/error.h: do not edit.

/** Every code an `EightfoldError` can carry, and what it means. */
export const errorCodes = {
  invalid_model: 'the bytes are not a well-formed ONNX model',
  unsupported_model: 'the model uses a form that is not handled',
  invalid_graph: 'the graph breaks an invariant',
  unsupported_op: 'no implementation for this operator',
  invalid_attribute: 'an attribute is missing or out of range',
  invalid_shape: 'shapes do not fit the operator',
  invalid_type: 'a dtype does not fit the operator',
  invalid_input: 'the given feeds do not fit the model',
  invalid_data: 'data is NaN, infinite, empty or out of range',
  invalid_config: 'a configuration value is wrong',
  invalid_state: 'the call does not fit the state of the object',
  out_of_memory: 'the memory limit of the instance is reached',
  limit_exceeded: 'a built-in limit (nesting, size) is exceeded',
  aborted: 'the call was cancelled',
  callback_failed: 'a function given by the caller threw',
  internal: 'a fault of Eightfold itself',
} as const;

export type ErrorCode = keyof typeof errorCodes;
