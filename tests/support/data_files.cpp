// Files of the development data; tar by its 512-byte headers.
#include "support/data_files.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace eightfold::test {

namespace fs = std::filesystem;

std::string source_folder() { return EIGHTFOLD_SOURCE_DIR; }

std::optional<std::string> data_folder() {
  static const std::optional<std::string> folder = []() -> std::optional<std::string> {
    const char* given = std::getenv("EIGHTFOLD_DATA");
    const std::string path = given ? given : EIGHTFOLD_SOURCE_DIR "/../shared/data";
    if (fs::is_directory(path)) return path;
    std::printf("note: no data folder (EIGHTFOLD_DATA), tests on real models are skipped\n");
    return std::nullopt;
  }();
  return folder;
}

bool file_exists(const std::string& path) { return fs::exists(path); }

std::vector<uint8_t> read_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) throw std::runtime_error("cannot open " + path);
  std::vector<uint8_t> bytes(fs::file_size(path));
  const size_t got = bytes.empty() ? 0 : std::fread(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  if (got != bytes.size()) throw std::runtime_error("cannot read " + path);
  return bytes;
}

std::vector<std::string> model_paths(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path model = entry.path() / "model.onnx";
    if (fs::exists(model)) paths.push_back(model.string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<ArchiveEntry> read_tar_gz(const std::string& path) {
  constexpr size_t kBlock = 512;
  const std::vector<uint8_t> tar = gunzip(read_file(path));
  std::vector<ArchiveEntry> entries;
  std::string long_name;  // of the next entry, when it does not fit its header (kind L)
  for (size_t at = 0; at + kBlock <= tar.size();) {
    const auto* header = reinterpret_cast<const char*>(tar.data() + at);
    if (header[0] == '\0') break;
    const std::string name(header, strnlen(header, 100));
    const std::string prefix(header + 345, strnlen(header + 345, 155));
    const size_t size = std::strtoul(std::string(header + 124, 12).c_str(), nullptr, 8);
    const char kind = header[156];
    at += kBlock;
    if (at + size > tar.size()) throw std::runtime_error("cut off: " + path);
    const auto begin = tar.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<uint8_t> bytes(begin, begin + static_cast<std::ptrdiff_t>(size));
    if (kind == 'L') {
      long_name.assign(bytes.begin(), std::find(bytes.begin(), bytes.end(), '\0'));
    } else if (kind == '0' || kind == '\0') {
      const std::string short_name = prefix.empty() ? name : prefix + "/" + name;
      entries.emplace_back(long_name.empty() ? short_name : std::exchange(long_name, {}), bytes);
    }
    at += (size + kBlock - 1) / kBlock * kBlock;
  }
  return entries;
}

}  // namespace eightfold::test
