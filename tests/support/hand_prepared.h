// A PreparedModel made by hand: graphs of a few lines, quantization parameters as stated. So
// convert and lower are tested on known numbers, without prepare and calibrate.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "core/qparams.h"
#include "ir/graph.h"
#include "quant/route.h"

namespace eightfold::test {

// Says what it was told.
class KnownObserver : public Observer {
 public:
  KnownObserver(ObserverSpec spec, QParams qparams)
      : Observer(std::move(spec)), qparams_(std::move(qparams)) {}
  void observe(const TensorView&) override {}
  bool observed() const override { return true; }
  QParams qparams() const override { return qparams_; }
  std::pair<float, float> range() const override { return {0.0f, 0.0f}; }

 private:
  QParams qparams_;
};

// node("Conv", {x, w}) adds a node named after its op and returns its output.
class Sketch {
 public:
  explicit Sketch(int64_t opset = 13);
  ValueId input(const std::string& name, Shape shape);
  ValueId constant(const std::string& name, Tensor tensor);
  ValueId node(const std::string& op, std::vector<ValueId> inputs,
               std::vector<Attribute> attributes = {}, const std::string& output = "",
               const std::string& domain = "");
  Graph finish(std::vector<ValueId> outputs);  // types inferred
  Graph graph;
};

class HandPrepared {
 public:
  explicit HandPrepared(Graph graph, Stage stage = Stage::kFused);
  HandPrepared& observe(const std::string& value, float scale, int32_t zero_point,
                        DType dtype = DType::kUint8);
  HandPrepared& share(const std::string& value, const std::string& with);
  // Plans the producer of `output` as quantized; int8 symmetric weights, per channel unless said.
  HandPrepared& quantize(const std::string& output, bool per_channel = true);
  PreparedModel model;
};

// Symmetric int8 parameters of a weight: scale = max |w| / 127.5 per index of axis (-1: one).
QParams weight_qparams(const Tensor& weight, int axis);

NodeId producer_of(const Graph& graph, const std::string& value);
int count_ops(const Graph& graph, const std::string& op, const std::string& domain = "");
// Deterministic numbers in [lo, hi).
Tensor noise(Shape shape, float lo = -1.0f, float hi = 1.0f, uint32_t seed = 1);

}  // namespace eightfold::test
