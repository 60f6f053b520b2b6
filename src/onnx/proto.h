// Field numbers of the ONNX protobuf schema: the messages Eightfold reads and writes.
//
// Source: onnx.proto (IR version 13). Fields not listed are carried through as raw bytes.
#pragma once

#include <cstdint>

namespace eightfold::proto {

namespace model {
enum : uint32_t {
  kIrVersion = 1,
  kProducerName = 2,
  kProducerVersion = 3,
  kDomain = 4,
  kModelVersion = 5,
  kDocString = 6,
  kGraph = 7,
  kOpsetImport = 8,
  kMetadataProps = 14,
  kFunctions = 25,
};
}

namespace opset {
enum : uint32_t { kDomain = 1, kVersion = 2 };
}

namespace entry {  // StringStringEntryProto
enum : uint32_t { kKey = 1, kValue = 2 };
}

namespace graph {
enum : uint32_t {
  kNode = 1,
  kName = 2,
  kInitializer = 5,
  kDocString = 10,
  kInput = 11,
  kOutput = 12,
  kValueInfo = 13,
  kSparseInitializer = 15,
};
}

namespace node {
enum : uint32_t {
  kInput = 1,
  kOutput = 2,
  kName = 3,
  kOpType = 4,
  kAttribute = 5,
  kDocString = 6,
  kDomain = 7,
  kOverload = 8,
};
}

namespace attribute {
enum : uint32_t {
  kName = 1,
  kF = 2,
  kI = 3,
  kS = 4,
  kT = 5,
  kG = 6,
  kFloats = 7,
  kInts = 8,
  kStrings = 9,
  kTensors = 10,
  kGraphs = 11,
  kDocString = 13,
  kTp = 14,
  kTypeProtos = 15,
  kType = 20,
  kRefAttrName = 21,
  kSparseTensor = 22,
  kSparseTensors = 23,
};
// AttributeProto.AttributeType
enum Kind : int32_t {
  kUndefined = 0,
  kKindFloat = 1,
  kKindInt = 2,
  kKindString = 3,
  kKindTensor = 4,
  kKindGraph = 5,
  kKindFloats = 6,
  kKindInts = 7,
  kKindStrings = 8,
  kKindTensors = 9,
  kKindGraphs = 10,
  kKindSparseTensor = 11,
  kKindSparseTensors = 12,
  kKindTypeProto = 13,
  kKindTypeProtos = 14,
};
}  // namespace attribute

namespace tensor {
enum : uint32_t {
  kDims = 1,
  kDataType = 2,
  kSegment = 3,
  kFloatData = 4,
  kInt32Data = 5,
  kStringData = 6,
  kInt64Data = 7,
  kName = 8,
  kRawData = 9,
  kDoubleData = 10,
  kUint64Data = 11,
  kDocString = 12,
  kExternalData = 13,
  kDataLocation = 14,
};
inline constexpr int64_t kLocationExternal = 1;
}  // namespace tensor

namespace sparse_tensor {
enum : uint32_t { kValues = 1 };
}

namespace value_info {
enum : uint32_t { kName = 1, kType = 2, kDocString = 3 };
}

namespace type {
enum : uint32_t { kTensor = 1, kDenotation = 6 };
}

namespace tensor_type {
enum : uint32_t { kElemType = 1, kShape = 2 };
}

namespace shape {
enum : uint32_t { kDim = 1 };
}

namespace dim {
enum : uint32_t { kValue = 1, kParam = 2 };
}

namespace function {
enum : uint32_t {
  kName = 1,
  kInput = 4,
  kOutput = 5,
  kNode = 7,
  kOpsetImport = 9,
  kDomain = 10,
  kAttributeProto = 11,
  kOverload = 13,
};
}

}  // namespace eightfold::proto
