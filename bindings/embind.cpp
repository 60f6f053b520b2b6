// The table of what JavaScript can call, with the names it uses. Every function goes through
// guarded<>; handles are classes without constructors, made by the verbs and freed by delete().
// The other side of this table is bindings/js/core.ts.
#include <emscripten/bind.h>

#include "bindings/fusing.h"
#include "bindings/guard.h"
#include "bindings/loading.h"
#include "bindings/stepping.h"
#include "bindings/verbs.h"
#include "kernels/parallel.h"

namespace eightfold::bindings {
namespace {

using emscripten::allow_raw_pointers;
using emscripten::class_;
using emscripten::function;

template <typename Handle>
class_<Handle> stepped(const char* name) {
  return class_<Handle>(name)
      .function("start", guarded<start<Handle>>)
      .function("advance", guarded<advance<Handle>>);
}

EMSCRIPTEN_BINDINGS(eightfold) {
  class_<ModelHandle>("Model")
      .function("info", guarded<model_info>)
      .function("stage", guarded<model_stage>)
      .function("text", guarded<model_text>)
      .function("fileBytes", guarded<model_file_bytes>)
      .function("save", guarded<save>)
      .function("saveFiles", guarded<save_files>);
  class_<LoadingHandle>("Loading")
      .function("parts", guarded<loading_parts>)
      .function("reserve", guarded<reserve_parts>)
      .function("fill", guarded<fill_part>)
      .function("finish", guarded<finish_loading>);
  class_<PreparedHandle>("Prepared")
      .function("graph", guarded<prepared_graph>)
      .function("samples", guarded<prepared_samples>);
  class_<FusingHandle>("Fusing")
      .function("nextRound", guarded<next_round>)
      .function("questions", guarded<questions>)
      .function("answer", guarded<answer>)
      .function("finish", guarded<finish_fusing>);
  stepped<CalibratorHandle>("Calibrator");
  stepped<BiasCorrectorHandle>("BiasCorrector").function("finish", guarded<finish_correction>);
  stepped<ComparatorHandle>("Comparator").function("result", guarded<comparison>);
  stepped<SessionHandle>("Session")
      .function("finish", guarded<finish_run>)
      .function("inputNames", guarded<input_names>)
      .function("outputNames", guarded<output_names>)
      .function("stats", guarded<session_stats>)
      .function("setProfiling", guarded<set_profiling>)
      .function("nodeTimes", guarded<node_times>);

  function("startLoading", guarded<start_loading>);
  function("fuse", guarded<fuse_model>);
  function("startFusing", guarded<start_fusing>);
  function("prepare", guarded<prepare_model>);
  function("makeCalibrator", guarded<make_calibrator>);
  function("makeBiasCorrector", guarded<make_bias_corrector>);
  function("convert", guarded<convert_model>);
  function("explain", guarded<explain_model>);
  function("lower", guarded<lower_model>);
  function("toQdq", guarded<to_qdq_model>);
  function("toQOperator", guarded<to_qoperator_model>);
  function("makeSession", guarded<make_session>);
  function("makeComparator", guarded<make_comparator>);
  function("report", guarded<report>, allow_raw_pointers());

  function("backendNames", guarded<list_backends>);
  function("observerNames", guarded<list_observers>);
  function("qconfigNames", guarded<list_qconfigs>);
  function("backend", guarded<backend_json>);
  function("errorCodes", guarded<list_error_codes>);
  function("operators", guarded<list_operators>);
  function("isa", guarded<isa>);
  function("setIsa", guarded<choose_isa>);
  function("setThreads", guarded<set_threads>);
  function("heapBytes", guarded<heap_bytes>);
  function("allocatedBytes", guarded<allocated_bytes>);
}

}  // namespace
}  // namespace eightfold::bindings
