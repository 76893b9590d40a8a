// Decodes the pictures of a folder and resamples a crop of each to 224 x 224, on one thread, by the C
// interface. Usage: picture_bench FOLDER, where crops.txt has lines "NAME X Y WIDTH HEIGHT MIRROR".
// Answers lines on the standard input: "round": the seconds of one pass over all; "write FILE": the crops.
#include <deepnative.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr int kSide = 224;

struct Picture {
  std::vector<char> file;
  dn_image_request request;
};

std::vector<Picture> read(const std::string& folder) {
  std::vector<Picture> pictures;
  std::ifstream crops(folder + "/crops.txt");
  std::string name;
  dn_image_request request{};
  request.struct_size = sizeof request;
  request.channels = 3;
  request.values = DN_IMAGE_COLORS;
  request.filter = DN_IMAGE_TRIANGLE;
  request.width = request.height = kSide;
  while (crops >> name >> request.crop_x >> request.crop_y >> request.crop_width >>
         request.crop_height >> request.mirror) {
    std::ifstream file(folder + "/" + name, std::ios::binary);
    pictures.push_back({{std::istreambuf_iterator<char>(file), {}}, request});
  }
  return pictures;
}

void decode(const Picture& picture, std::vector<char>& planes) {
  const dn_image_limits limits{sizeof limits, 0, 0, 0};
  dn_image_info info{};
  info.struct_size = sizeof info;
  // As a loader does, which needs the size to draw the crop.
  const auto bytes = (int64_t)picture.file.size();
  if (dn_image_probe(picture.file.data(), bytes, &limits, &info) == DN_OK &&
      dn_image_decode(picture.file.data(), bytes, &limits, &picture.request, planes.data(),
                      (int64_t)planes.size()) == DN_OK)
    return;
  std::fprintf(stderr, "picture_bench: %s\n", dn_last_error());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Picture> pictures = read(argc > 1 ? argv[1] : ".");
  if (pictures.empty()) {
    std::fprintf(stderr, "usage: picture_bench FOLDER, which holds crops.txt\n");
    return 2;
  }
  std::vector<char> planes((size_t)3 * kSide * kSide);
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.starts_with("write ")) {
      std::ofstream file(line.substr(6), std::ios::binary);
      for (const Picture& picture : pictures) {
        decode(picture, planes);
        file.write(planes.data(), (std::streamsize)planes.size());
      }
      std::cout << "{}" << std::endl;
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    for (const Picture& picture : pictures) decode(picture, planes);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << "{\"seconds\": " << seconds.count() << "}" << std::endl;
  }
}
