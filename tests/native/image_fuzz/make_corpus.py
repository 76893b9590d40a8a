"""Writes corpus/: one small picture of each kind that the decoders tell apart.

    bench/peers/run plain tests/native/image_fuzz/make_corpus.py

libFuzzer starts from them; what it finds on the way stays out of the repository.
"""
import pathlib

from PIL import Image

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus"


def write(name, image, **options):
    image.save(FOLDER / name, **options)


def main():
    FOLDER.mkdir(exist_ok=True)
    color = Image.frombytes("RGB", (19, 17), bytes((i * i // 60 + i) % 256 for i in range(3 * 19 * 17)))
    grey, small = color.convert("L"), color.resize((7, 5))
    tags = Image.Exif()
    tags[0x0112] = 6
    jpeg = {"quality": 30, "optimize": True}
    write("420.jpg", color, subsampling=2, **jpeg)
    write("422-turned.jpg", color, subsampling=1, exif=tags.tobytes(), **jpeg)
    write("444-progressive.jpg", color, subsampling=0, progressive=True, **jpeg)
    write("grey.jpg", grey, **jpeg)
    write("inks.jpg", small.convert("CMYK"), **jpeg)
    write("restarts.jpg", color, restart_marker_blocks=1, **jpeg)
    alpha = small.copy()
    alpha.putalpha(small.convert("L"))
    write("color.png", small)
    write("opacity.png", alpha)
    write("grey.png", grey.resize((9, 4)))
    write("deep.png", Image.frombytes("I;16", (4, 3), bytes(range(100, 124))))
    write("palette.png", small.quantize(7), transparency=bytes([9, 200]))
    write("bitmap.png", small.convert("1"))
    write("animated.png", small, save_all=True, append_images=[small.rotate(180)])
    (FOLDER / "text.pbm").write_bytes(b"P1 # ink\n3 2\n010 1 1 0\n")
    (FOLDER / "text.pgm").write_bytes(b"P2 3 1 15 0 7 15")
    (FOLDER / "text.ppm").write_bytes(b"P3 2 1 255 1 2 3 4 5 6 ")
    (FOLDER / "bits.pbm").write_bytes(b"P4 9 2\n\x80\x80\x7f\xff")
    (FOLDER / "deep.pgm").write_bytes(b"P5 2 2 4095\n\x01\x02\x03\x04\x05\x06\x07\x08")
    (FOLDER / "bytes.ppm").write_bytes(b"P6 2 2 255\nabcdefghijkl")
    for path in sorted(FOLDER.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
