// Compiled by CMake alone: whether this libjpeg is libjpeg-turbo.
#include "libjpeg.h"

int main() {
  jpeg_decompress_struct jpeg{};
  jpeg.out_color_space = JCS_EXT_RGBX;
  JDIMENSION first = 0, count = 1;
  jpeg_crop_scanline(&jpeg, &first, &count);
  return (int)jpeg_skip_scanlines(&jpeg, 1);
}
