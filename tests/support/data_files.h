// The development data (models, tensors), found by EIGHTFOLD_DATA or beside the repository.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eightfold::test {

// Path of the repository: the one place that knows it, so that tests compile alike wherever it
// lies.
std::string source_folder();

// Path of the data folder. When it is absent that is printed, once, and nullopt returned.
std::optional<std::string> data_folder();

std::vector<uint8_t> read_file(const std::string& path);  // throws std::runtime_error
bool file_exists(const std::string& path);

// Models of the data folder as paths: "<folder>/<name>/model.onnx".
std::vector<std::string> model_paths(const std::string& folder);

// (path in the archive, bytes) of the regular files of a .tar.gz.
using ArchiveEntry = std::pair<std::string, std::vector<uint8_t>>;
std::vector<ArchiveEntry> read_tar_gz(const std::string& path);
std::vector<uint8_t> gunzip(const std::vector<uint8_t>& bytes);

}  // namespace eightfold::test
