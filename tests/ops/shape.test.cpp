// Rows that move data: values, inference with free dims, int8 data, both layouts, refusals.
#include <catch_amalgamated.hpp>
#include <limits>

#include "core/error.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

struct ShapeCase {
  std::string comment;
  OpCase op;
  Tensor want;
};

Attribute ints_attribute(std::string name, std::vector<int64_t> values) {
  return {std::move(name), std::move(values)};
}
Attribute int_attribute(std::string name, int64_t value) { return {std::move(name), value}; }
Attribute text(std::string name, std::string value) { return {std::move(name), std::move(value)}; }

void check(const std::vector<ShapeCase>& cases, Tolerance tolerance = kExact) {
  for (const ShapeCase& c : cases) {
    INFO(c.op.op << ": " << c.comment);
    CHECK(difference(run_op(c.op)[0], c.want, tolerance) == "");
  }
}

// Rows with LayoutRule::kFollow must not notice the layout.
void check_both_layouts(OpCase op) {
  op.layout = Layout::kPlain;
  const std::vector<Tensor> plain = run_op(op);
  op.layout = Layout::kChannelsLast;
  const std::vector<Tensor> last = run_op(op);
  INFO(op.op);
  for (size_t i = 0; i < plain.size(); ++i) CHECK(difference(last[i], plain[i]) == "");
}

ErrorCode code_of(const OpCase& op) {
  try {
    run_op(op);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

const Tensor kSix = f32({2, 3}, {1, 2, 3, 4, 5, 6});
constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

TEST_CASE("views", "[ops][shape]") {
  check({
      {"plain", {.op = "Reshape", .inputs = {kSix, i64({3, 2})}}, f32({3, 2}, {1, 2, 3, 4, 5, 6})},
      {"-1 takes the rest",
       {.op = "Reshape", .inputs = {kSix, i64({-1})}},
       f32({6}, {1, 2, 3, 4, 5, 6})},
      {"0 copies",
       {.op = "Reshape", .inputs = {kSix, i64({0, 1, -1})}},
       f32({2, 1, 3}, {1, 2, 3, 4, 5, 6})},
      {"attribute",
       {.op = "Reshape",
        .opset = 1,
        .attributes = {ints_attribute("shape", {6})},
        .inputs = {kSix}},
       f32({6}, {1, 2, 3, 4, 5, 6})},
      {"int8", {.op = "Reshape", .inputs = {s8({2}, {-1, 1}), i64({1, 2})}}, s8({1, 2}, {-1, 1})},
      {"axis 1",
       {.op = "Flatten", .inputs = {f32({2, 1, 2}, {1, 2, 3, 4})}},
       f32({2, 2}, {1, 2, 3, 4})},
      {"axis 0",
       {.op = "Flatten", .attributes = {int_attribute("axis", 0)}, .inputs = {kSix}},
       f32({1, 6}, {1, 2, 3, 4, 5, 6})},
      {"axis at the end",
       {.op = "Flatten", .attributes = {int_attribute("axis", 2)}, .inputs = {kSix}},
       f32({6, 1}, {1, 2, 3, 4, 5, 6})},
      {"all ones", {.op = "Squeeze", .inputs = {f32({1, 2, 1}, {1, 2})}}, f32({2}, {1, 2})},
      {"one axis",
       {.op = "Squeeze", .inputs = {f32({1, 2, 1}, {1, 2}), i64({-1})}},
       f32({1, 2}, {1, 2})},
      {"attribute",
       {.op = "Squeeze",
        .opset = 11,
        .attributes = {ints_attribute("axes", {0})},
        .inputs = {f32({1, 2, 1}, {1, 2})}},
       f32({2, 1}, {1, 2})},
      {"axes of the result",
       {.op = "Unsqueeze", .inputs = {f32({2}, {1, 2}), i64({0, -1})}},
       f32({1, 2, 1}, {1, 2})},
      {"attribute",
       {.op = "Unsqueeze",
        .opset = 11,
        .attributes = {ints_attribute("axes", {1})},
        .inputs = {f32({2}, {1, 2})}},
       f32({2, 1}, {1, 2})},
      {"", {.op = "Identity", .inputs = {kSix}}, kSix},
      {"not training", {.op = "Dropout", .inputs = {kSix}}, kSix},
  });
  const auto dropout = run_op({.op = "Dropout", .inputs = {f32({2}, {1, 2})}, .outputs = 2});
  CHECK(difference(dropout[1], booleans({2}, {1, 1})) == "");
  CHECK(code_of({.op = "Reshape", .inputs = {kSix, i64({4})}}) == ErrorCode::kInvalidShape);
  CHECK(code_of({.op = "Reshape", .inputs = {kSix, i64({-1, -1})}}) == ErrorCode::kInvalidShape);
  CHECK(code_of({.op = "Reshape", .inputs = {kSix, i64({-1, 4})}}) == ErrorCode::kInvalidShape);
  CHECK(code_of({.op = "Squeeze", .inputs = {kSix, i64({0})}}) == ErrorCode::kInvalidShape);
}

TEST_CASE("reshape infers around a free batch", "[ops][shape]") {
  const Dim n{-1, "N"};
  const auto infer = [&](Dims x, std::vector<int64_t> shape) {
    return *infer_op({.op = "Reshape", .inputs = {ramp({1}), i64(shape)}, .constants = {1}}, {x})[0]
                .dims;
  };
  CHECK(infer({n, {3, {}}, {4, {}}}, {0, -1}) == Dims{n, {12, {}}});
  CHECK(infer({n, {256, {}}, {1, {}}}, {-1, 256}) == Dims{n, {256, {}}});
  CHECK(infer({n, {6, {}}}, {-1, 4}) == Dims{{}, {4, {}}});
  CHECK(infer({{}, {6, {}}}, {0, 2, -1}) == Dims{{}, {2, {}}, {3, {}}});
}

TEST_CASE("concat and split", "[ops][shape]") {
  check({
      {"rows",
       {.op = "Concat",
        .attributes = {int_attribute("axis", 0)},
        .inputs = {kSix, f32({1, 3}, {7, 8, 9})}},
       f32({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9})},
      {"columns",
       {.op = "Concat",
        .attributes = {int_attribute("axis", -1)},
        .inputs = {kSix, f32({2, 1}, {7, 8})}},
       f32({2, 4}, {1, 2, 3, 7, 4, 5, 6, 8})},
      {"int64",
       {.op = "Concat",
        .attributes = {int_attribute("axis", 0)},
        .inputs = {i64({1}), i64({2, 3})}},
       i64({1, 2, 3})},
  });
  for (int64_t axis : {0, 1, 2, 3}) {
    check_both_layouts({.op = "Concat",
                        .attributes = {int_attribute("axis", axis)},
                        .inputs = {ramp({2, 3, 2, 4}), ramp({2, 3, 2, 4}, 100)}});
    check_both_layouts({.op = "Split",
                        .attributes = {int_attribute("axis", axis)},
                        .inputs = {ramp({2, 4, 2, 6})},
                        .outputs = 2});
  }
  const auto split = run_op({.op = "Split",
                             .attributes = {int_attribute("axis", 1)},
                             .inputs = {kSix, i64({1, 2})},
                             .outputs = 2});
  CHECK(difference(split[0], f32({2, 1}, {1, 4})) == "");
  CHECK(difference(split[1], f32({2, 2}, {2, 3, 5, 6})) == "");
  const auto uneven = run_op({.op = "Split",
                              .attributes = {int_attribute("num_outputs", 2)},
                              .inputs = {ramp({5})},
                              .outputs = 2});
  CHECK(difference(uneven[1], f32({2}, {3, 4})) == "");
  const auto old = run_op({.op = "Split",
                           .opset = 11,
                           .attributes = {ints_attribute("split", {2, 3})},
                           .inputs = {ramp({5})},
                           .outputs = 2});
  CHECK(difference(old[0], f32({2}, {0, 1})) == "");
  CHECK(code_of({.op = "Split", .inputs = {ramp({5}), i64({2, 2})}, .outputs = 2}) ==
        ErrorCode::kInvalidShape);
  CHECK(code_of({.op = "Concat",
                 .attributes = {int_attribute("axis", 0)},
                 .inputs = {kSix, ramp({1, 4})}}) == ErrorCode::kInvalidShape);
}

TEST_CASE("slice", "[ops][shape]") {
  const auto slice = [](std::vector<int64_t> starts, std::vector<int64_t> ends,
                        std::vector<int64_t> axes, std::vector<int64_t> steps) {
    return OpCase{.op = "Slice",
                  .inputs = {ramp({3, 4}), i64(starts), i64(ends), i64(axes), i64(steps)}};
  };
  check({
      {"inner box", slice({1, 1}, {3, 3}, {0, 1}, {1, 1}), f32({2, 2}, {5, 6, 9, 10})},
      {"from the end", slice({-2}, {kEnd}, {1}, {1}), f32({3, 2}, {2, 3, 6, 7, 10, 11})},
      {"steps", slice({0, 3}, {3, 0}, {0, 1}, {2, -2}), f32({2, 2}, {3, 1, 11, 9})},
      {"reversed whole", slice({-1}, {std::numeric_limits<int64_t>::min()}, {0}, {-1}),
       f32({3, 4}, {8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3})},
      {"clamped", slice({-99}, {99}, {0}, {5}), f32({1, 4}, {0, 1, 2, 3})},
      {"empty", slice({2}, {1}, {0}, {1}), f32({0, 4}, {})},
      {"attributes",
       {.op = "Slice",
        .opset = 9,
        .attributes = {ints_attribute("starts", {1}), ints_attribute("ends", {2}),
                       ints_attribute("axes", {1})},
        .inputs = {ramp({3, 4})}},
       f32({3, 1}, {1, 5, 9})},
      {"int8",
       {.op = "Slice", .inputs = {s8({4}, {1, 2, 3, 4}), i64({1}), i64({3})}},
       s8({2}, {2, 3})},
  });
  check_both_layouts(
      {.op = "Slice",
       .inputs = {ramp({2, 4, 5, 3}), i64({1, 4}), i64({4, 0}), i64({1, 2}), i64({2, -1})}});
  CHECK(code_of(slice({0}, {1}, {0}, {0})) == ErrorCode::kInvalidAttribute);
  CHECK(code_of(slice({0}, {1}, {2}, {1})) == ErrorCode::kInvalidAttribute);
}

TEST_CASE("pad", "[ops][shape]") {
  const Tensor x = f32({3}, {1, 2, 3});
  const auto pad = [&](std::string mode, std::vector<int64_t> pads) {
    return OpCase{.op = "Pad", .attributes = {text("mode", mode)}, .inputs = {x, i64(pads)}};
  };
  check({
      {"zeros", pad("constant", {1, 2}), f32({6}, {0, 1, 2, 3, 0, 0})},
      {"reflect", pad("reflect", {2, 2}), f32({7}, {3, 2, 1, 2, 3, 2, 1})},
      {"edge", pad("edge", {2, 1}), f32({6}, {1, 1, 1, 2, 3, 3})},
      {"wrap", pad("wrap", {1, 2}), f32({6}, {3, 1, 2, 3, 1, 2})},
      {"negative", pad("constant", {-1, 1}), f32({3}, {2, 3, 0})},
      {"value", {.op = "Pad", .inputs = {x, i64({1, 0}), f32({}, {9})}}, f32({4}, {9, 1, 2, 3})},
      {"axes",
       {.op = "Pad", .inputs = {f32({1, 2}, {1, 2}), i64({1, 0}), Tensor{}, i64({1})}},
       f32({1, 3}, {0, 1, 2})},
      {"attributes",
       {.op = "Pad",
        .opset = 2,
        .attributes = {ints_attribute("pads", {1, 0}), {"value", 5.0f}},
        .inputs = {x}},
       f32({4}, {5, 1, 2, 3})},
      {"uint8 with its own fill",
       {.op = "Pad", .inputs = {u8({1}, {7}), i64({1, 1}), u8({}, {128})}},
       u8({3}, {128, 7, 128})},
  });
  for (const std::string mode : {"constant", "reflect", "edge"}) {
    check_both_layouts({.op = "Pad",
                        .attributes = {text("mode", mode)},
                        .inputs = {ramp({2, 3, 4, 5}), i64({0, 1, 2, 1, 0, 2, 1, 3})}});
  }
}

TEST_CASE("transpose, depth to space and back", "[ops][shape]") {
  check({
      {"reversed", {.op = "Transpose", .inputs = {kSix}}, f32({3, 2}, {1, 4, 2, 5, 3, 6})},
      {"perm",
       {.op = "Transpose",
        .attributes = {ints_attribute("perm", {1, 0, 2})},
        .inputs = {ramp({2, 2, 2})}},
       f32({2, 2, 2}, {0, 1, 4, 5, 2, 3, 6, 7})},
      {"int8", {.op = "Transpose", .inputs = {s8({1, 2}, {1, 2})}}, s8({2, 1}, {1, 2})},
      {"DCR",
       {.op = "DepthToSpace",
        .attributes = {int_attribute("blocksize", 2)},
        .inputs = {ramp({1, 8, 1, 1})}},
       f32({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7})},
      {"CRD",
       {.op = "DepthToSpace",
        .attributes = {int_attribute("blocksize", 2), text("mode", "CRD")},
        .inputs = {ramp({1, 8, 1, 1})}},
       f32({1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7})},
      {"",
       {.op = "SpaceToDepth",
        .attributes = {int_attribute("blocksize", 2)},
        .inputs = {f32({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7})}},
       ramp({1, 8, 1, 1})},
  });
  for (const std::string mode : {"DCR", "CRD"}) {
    check_both_layouts({.op = "DepthToSpace",
                        .attributes = {int_attribute("blocksize", 3), text("mode", mode)},
                        .inputs = {ramp({2, 18, 3, 2})}});
  }
  check_both_layouts({.op = "SpaceToDepth",
                      .attributes = {int_attribute("blocksize", 2)},
                      .inputs = {ramp({2, 3, 4, 6})}});
  // larger than one block of the copy, and back again
  const Tensor large = ramp({3, 70, 45});
  const Tensor turned = run_op(
      {.op = "Transpose", .attributes = {ints_attribute("perm", {2, 0, 1})}, .inputs = {large}})[0];
  CHECK(turned.data<float>()[3 * 70 + 1 * 70 + 2] == 70 * 45 + 2 * 45 + 1);
  CHECK(difference(run_op({.op = "Transpose",
                           .attributes = {ints_attribute("perm", {1, 2, 0})},
                           .inputs = {turned}})[0],
                   large) == "");
  CHECK(code_of({.op = "Transpose",
                 .attributes = {ints_attribute("perm", {0, 0})},
                 .inputs = {kSix}}) == ErrorCode::kInvalidAttribute);
  CHECK(code_of({.op = "DepthToSpace",
                 .attributes = {int_attribute("blocksize", 2)},
                 .inputs = {ramp({1, 6, 1, 1})}}) == ErrorCode::kInvalidShape);
}

TEST_CASE("gather and scatter", "[ops][shape]") {
  check({
      {"rows",
       {.op = "Gather", .inputs = {kSix, i64({1, 0, -1})}},
       f32({3, 3}, {4, 5, 6, 1, 2, 3, 4, 5, 6})},
      {"scalar index",
       {.op = "Gather", .attributes = {int_attribute("axis", 1)}, .inputs = {kSix, i64({}, {2})}},
       f32({2}, {3, 6})},
      {"matrix of int32",
       {.op = "Gather",
        .attributes = {int_attribute("axis", 1)},
        .inputs = {kSix, i32({1, 2}, {0, 2})}},
       f32({2, 1, 2}, {1, 3, 4, 6})},
      {"elements",
       {.op = "GatherElements",
        .attributes = {int_attribute("axis", 1)},
        .inputs = {kSix, i64({2, 1}, {2, -3})}},
       f32({2, 1}, {3, 4})},
      {"points", {.op = "GatherND", .inputs = {kSix, i64({2, 2}, {0, 0, 1, 2})}}, f32({2}, {1, 6})},
      {"rows", {.op = "GatherND", .inputs = {kSix, i64({1, 1}, {1})}}, f32({1, 3}, {4, 5, 6})},
      {"batch",
       {.op = "GatherND",
        .attributes = {int_attribute("batch_dims", 1)},
        .inputs = {kSix, i64({2, 1}, {1, 2})}},
       f32({2}, {2, 6})},
      {"",
       {.op = "ScatterND", .inputs = {kSix, i64({1, 1}, {0}), f32({1, 3}, {7, 8, 9})}},
       f32({2, 3}, {7, 8, 9, 4, 5, 6})},
      {"add",
       {.op = "ScatterND",
        .attributes = {text("reduction", "add")},
        .inputs = {f32({2}, {1, 2}), i64({2, 1}, {1, 1}), f32({2}, {10, 20})}},
       f32({2}, {1, 32})},
      {"",
       {.op = "ScatterElements",
        .attributes = {int_attribute("axis", 1)},
        .inputs = {kSix, i64({1, 2}, {2, 0}), f32({1, 2}, {8, 9})}},
       f32({2, 3}, {9, 2, 8, 4, 5, 6})},
  });
  CHECK(code_of({.op = "Gather", .inputs = {kSix, i64({2})}}) == ErrorCode::kInvalidData);
  CHECK(code_of({.op = "GatherND", .inputs = {kSix, i64({1, 1}, {-3})}}) ==
        ErrorCode::kInvalidData);
  CHECK(code_of({.op = "ScatterND", .inputs = {kSix, i64({1, 1}, {5}), f32({1, 3}, {7, 8, 9})}}) ==
        ErrorCode::kInvalidData);
}

TEST_CASE("ScatterND: constant indices, single elements, whole and broken runs", "[ops][shape]") {
  // Updates 0 and 1 are neighbours on both sides; the last ones go back, and over what was written.
  const Tensor places = i64({5, 2}, {0, 1, 0, 2, 1, -1, 0, 0, 0, 1});
  const Tensor updates = f32({5}, {10, 20, 30, 40, 50});
  for (const std::string reduction : {"none", "add"}) {
    INFO(reduction);
    const Tensor want = reduction == "none" ? f32({2, 3}, {40, 50, 20, 4, 5, 30})
                                            : f32({2, 3}, {41, 62, 23, 4, 5, 36});
    for (const std::vector<size_t>& constants : {std::vector<size_t>{}, std::vector<size_t>{1}}) {
      OpCase run{.op = "ScatterND",
                 .attributes = {text("reduction", reduction)},
                 .inputs = {kSix, places, updates},
                 .constants = constants};
      CHECK(difference(run_op(run)[0], want) == "");
      run.inputs[1] = i64({5, 2}, {0, 1, 0, 2, 1, 3, 0, 0, 0, 1});
      CHECK(code_of(run) == ErrorCode::kInvalidData);
    }
  }
  CHECK(difference(run_op({.op = "ScatterND",
                           .inputs = {kSix, i64({2, 1}, {1, 0}), f32({2, 3}, {6, 5, 4, 3, 2, 1})},
                           .constants = {1}})[0],
                   f32({2, 3}, {3, 2, 1, 6, 5, 4})) == "");
}

TEST_CASE("repeat and create", "[ops][shape]") {
  check({
      {"",
       {.op = "Expand", .inputs = {f32({2, 1}, {1, 2}), i64({3, 1, 2})}},
       f32({3, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2})},
      {"1 keeps the larger dim", {.op = "Expand", .inputs = {kSix, i64({1, 1})}}, kSix},
      {"",
       {.op = "Tile", .inputs = {f32({1, 2}, {1, 2}), i64({2, 2})}},
       f32({2, 4}, {1, 2, 1, 2, 1, 2, 1, 2})},
      {"", {.op = "Shape", .inputs = {ramp({2, 3, 4})}}, i64({2, 3, 4})},
      {"part",
       {.op = "Shape",
        .attributes = {int_attribute("start", -2), int_attribute("end", -1)},
        .inputs = {ramp({2, 3, 4})}},
       i64({3})},
      {"", {.op = "Size", .inputs = {kSix}}, i64({}, {6})},
      {"float zero", {.op = "ConstantOfShape", .inputs = {i64({2})}}, f32({2}, {0, 0})},
      {"value",
       {.op = "ConstantOfShape", .attributes = {{"value", i64({-3})}}, .inputs = {i64({2})}},
       i64({-3, -3})},
      {"ints",
       {.op = "Range", .inputs = {i64({}, {2}), i64({}, {7}), i64({}, {2})}},
       i64({2, 4, 6})},
      {"down",
       {.op = "Range", .inputs = {f32({}, {1}), f32({}, {0}), f32({}, {-0.5f})}},
       f32({2}, {1, 0.5f})},
      {"empty",
       {.op = "Range", .inputs = {i64({}, {2}), i64({}, {2}), i64({}, {1})}},
       i64({0}, {})},
      {"upper", {.op = "Trilu", .inputs = {kSix}}, f32({2, 3}, {1, 2, 3, 0, 5, 6})},
      {"lower, above the diagonal",
       {.op = "Trilu", .attributes = {int_attribute("upper", 0)}, .inputs = {kSix, i64({}, {1})}},
       f32({2, 3}, {1, 2, 0, 4, 5, 6})},
      {"",
       {.op = "OneHot", .inputs = {i64({2, -1}), i64({3}), f32({2}, {0, 1})}},
       f32({2, 3}, {0, 0, 1, 0, 0, 1})},
      {"",
       {.op = "EyeLike", .attributes = {int_attribute("k", 1)}, .inputs = {kSix}},
       f32({2, 3}, {0, 1, 0, 0, 0, 1})},
      {"",
       {.op = "NonZero", .inputs = {f32({2, 2}, {1, 0, 2, 3})}},
       i64({2, 3}, {0, 1, 1, 0, 0, 1})},
      {"list",
       {.op = "Constant", .attributes = {ints_attribute("value_ints", {4, 5})}},
       i64({4, 5})},
  });
  CHECK(code_of({.op = "Range", .inputs = {i64({}, {0}), i64({}, {1}), i64({}, {0})}}) ==
        ErrorCode::kInvalidData);
  CHECK(code_of({.op = "Expand", .inputs = {kSix, i64({4})}}) == ErrorCode::kInvalidShape);
}

TEST_CASE("resize", "[ops][shape]") {
  const Tensor x = f32({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor none;
  const auto resize = [&](std::string mode, std::string coordinates, std::vector<float> scales) {
    return OpCase{
        .op = "Resize",
        .attributes = {text("mode", mode), text("coordinate_transformation_mode", coordinates)},
        .inputs = {x, none, f32({4}, scales)}};
  };
  check(
      {
          {"nearest", resize("nearest", "half_pixel", {1, 1, 2, 2}),
           f32({1, 1, 4, 4}, {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4})},
          {"linear, asymmetric", resize("linear", "asymmetric", {1, 1, 1, 2}),
           f32({1, 1, 2, 4}, {1, 1.5f, 2, 2, 3, 3.5f, 4, 4})},
          {"linear, half pixel", resize("linear", "half_pixel", {1, 1, 1, 2}),
           f32({1, 1, 2, 4}, {1, 1.25f, 1.75f, 2, 3, 3.25f, 3.75f, 4})},
          {"linear, corners", resize("linear", "align_corners", {1, 1, 2, 1}),
           f32({1, 1, 4, 2}, {1, 2, 5.0f / 3, 8.0f / 3, 7.0f / 3, 10.0f / 3, 3, 4})},
          {"sizes",
           {.op = "Resize",
            .attributes = {text("mode", "nearest")},
            .inputs = {x, none, none, i64({1, 1, 1, 2})}},
           f32({1, 1, 1, 2}, {1, 2})},
          {"axes",
           {.op = "Resize",
            .attributes = {ints_attribute("axes", {3})},
            .inputs = {x, none, f32({1}, {2})}},
           f32({1, 1, 2, 4}, {1, 1, 2, 2, 3, 3, 4, 4})},
          {"opset 10",
           {.op = "Resize", .opset = 10, .inputs = {x, f32({4}, {1, 1, 1, 2})}},
           f32({1, 1, 2, 4}, {1, 1, 2, 2, 3, 3, 4, 4})},
          {"Upsample 7",
           {.op = "Upsample",
            .opset = 7,
            .attributes = {{"scales", floats({1, 1, 2, 1})}},
            .inputs = {x}},
           f32({1, 1, 4, 2}, {1, 2, 1, 2, 3, 4, 3, 4})},
          {"Upsample 9, linear",
           {.op = "Upsample",
            .opset = 9,
            .attributes = {text("mode", "linear")},
            .inputs = {x, f32({4}, {1, 1, 1, 2})}},
           f32({1, 1, 2, 4}, {1, 1.5f, 2, 2, 3, 3.5f, 4, 4})},
          {"uint8 moves",
           {.op = "Resize", .inputs = {u8({1, 1, 1, 2}, {5, 9}), none, f32({4}, {1, 1, 1, 2})}},
           u8({1, 1, 1, 4}, {5, 5, 9, 9})},
      },
      kFloatMath);
  for (const std::string mode : {"nearest", "linear", "cubic"}) {
    check_both_layouts({.op = "Resize",
                        .attributes = {text("mode", mode)},
                        .inputs = {ramp({2, 3, 4, 5}), none, f32({4}, {1, 1, 1.5f, 2.5f})}});
  }
  CHECK(code_of({.op = "Resize", .inputs = {x, none, f32({3}, {1, 1, 2})}}) ==
        ErrorCode::kInvalidShape);
}

}  // namespace
}  // namespace eightfold::test
