// The codecs of whole configs, for those that hold others (config_json_*.cpp).
#pragma once

#include "quant/json_codecs.h"

namespace eightfold {

extern const JsonCodec kDTypeConfigCodec;
extern const JsonCodec kBoundedSumCodec;  // std::optional<BoundedSum>

// Of a BackendPatternConfig: each sets, or writes, the pattern in its own format alone.
extern const JsonCodec kForwardPatternCodec;
extern const JsonCodec kComplexPatternCodec;
extern const JsonCodec kPatternGraphCodec;

extern const JsonCodec kBackendConfigCodec;
extern const JsonCodec kObserverNameCodec;  // std::string
extern const JsonCodec kQConfigMappingCodec;
extern const JsonCodec kPrepareCustomConfigCodec;
extern const JsonCodec kConvertCustomConfigCodec;

}  // namespace eightfold
