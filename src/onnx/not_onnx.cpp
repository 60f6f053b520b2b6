// A table of first bytes, for an error that says what the user dropped in.
#include "onnx/not_onnx.h"

#include "core/error.h"

namespace eightfold {
namespace {

using namespace std::string_view_literals;

struct Magic {
  size_t offset;
  std::string_view bytes;
  std::string_view what;
  std::string_view hint;
};

constexpr std::string_view kExport = "export the model to ONNX first";
constexpr std::string_view kPick = "choose a .onnx file";

constexpr Magic kMagics[] = {
    {0, "\x89PNG"sv, "a PNG image", kPick},
    {0, "\xff\xd8\xff"sv, "a JPEG image", kPick},
    {0, "GIF8"sv, "a GIF image", kPick},
    {0, "%PDF"sv, "a PDF document", kPick},
    {0, "PK\x03\x04"sv, "a zip archive (or a PyTorch checkpoint)",
     "unpack it, or export the PyTorch model with torch.onnx.export"},
    {0, "\x1f\x8b"sv, "a gzip archive", "unpack it first"},
    {0, "\x28\xb5\x2f\xfd"sv, "a Zstandard archive", "unpack it first"},
    {0, "\x80\x02"sv, "a Python pickle (or an old PyTorch checkpoint)", kExport},
    {0, "\x89HDF"sv, "an HDF5 (Keras) file", "convert the model with tf2onnx first"},
    {4, "TFL3"sv, "a TensorFlow Lite model", "convert the model with tf2onnx first"},
    {4, "ORTM"sv, "a model in ONNX Runtime's own format", "use the .onnx file it was made from"},
    {0, "GGUF"sv, "a GGUF model", kExport},
    {0, "version https://git-lfs"sv, "a Git LFS pointer",
     "fetch the file itself with git lfs pull"},
    {0, "<!DOCTYPE"sv, "an HTML page", "the download returned a page in place of the file"},
    {0, "<!doctype"sv, "an HTML page", "the download returned a page in place of the file"},
    {0, "<html"sv, "an HTML page", "the download returned a page in place of the file"},
    {0, "<"sv, "a text file", kPick},
    {0, "{"sv, "a JSON file", kPick},
};

const Magic* find_magic(std::string_view bytes) {
  for (const Magic& magic : kMagics) {
    if (bytes.size() >= magic.offset && bytes.substr(magic.offset).starts_with(magic.bytes)) {
      return &magic;
    }
  }
  return nullptr;
}

}  // namespace

std::string_view recognize(std::string_view bytes) {
  const Magic* magic = find_magic(bytes);
  return magic ? magic->what : std::string_view();
}

void throw_not_onnx(std::string_view bytes, const std::string& reason) {
  if (const Magic* magic = find_magic(bytes)) {
    throw Error(ErrorCode::kInvalidModel,
                "this is " + std::string(magic->what) + ", not an ONNX model",
                std::string(magic->hint));
  }
  throw Error(ErrorCode::kInvalidModel, "this is not an ONNX model, or a damaged one: " + reason,
              "download or export the file again");
}

}  // namespace eightfold
