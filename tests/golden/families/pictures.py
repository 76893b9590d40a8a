"""Picture files that Pillow writes, what it reads from them, and its antialiased bilinear resize of a crop."""
import io

import numpy
import torch
from PIL import Image, ImageOps

from golden import Case


def scene(height, width):
    """Gradients, a disc and noise: (height, width, 3) bytes."""
    y, x = numpy.mgrid[0:height, 0:width]
    disc = ((x - width / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2) * 90
    planes = [255 * x / width, 255 * y / height + disc, 128 + 100 * numpy.sin(x / 5) - disc]
    noise = torch.rand(height, width, 3).numpy() * 30
    return numpy.clip(numpy.stack(planes, -1) * 0.8 + noise, 0, 255).astype("u1")


def planes(image):
    array = numpy.array(image)
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def case(name, image, extension, crop=(3, 2, 41, 30), size=(16, 12), **options):
    file = io.BytesIO()
    image.save(file, extension, **options)
    data = file.getvalue()
    read = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if read.mode in ("LA", "RGBA", "PA") or "transparency" in read.info:
        over = Image.new("RGBA", read.size, "white")
        over.alpha_composite(read.convert("RGBA"))
        read = over
    color, grey = read.convert("RGB"), read.convert("L")
    if extension == "JPEG" and image.mode == "RGB":
        stored = Image.open(io.BytesIO(data))
        stored.draft("L", stored.size)           # its luminance as it is stored, not by way of RGB
        grey = ImageOps.exif_transpose(stored).convert("L")
    resized = color.crop(crop).resize(size, Image.BILINEAR)
    whole = {"color": planes(color), "grey": planes(grey)} if image.width < 100 else {}
    return Case(name, {"crop": list(crop)},
                {"file": torch.frombuffer(bytearray(data), dtype=torch.uint8), "resized": planes(resized), **whole})


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def cases():
    image = Image.fromarray(scene(37, 53))
    grey = image.convert("L")
    for name, subsampling in (("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)):
        yield case(f"jpeg {name}", image, "JPEG", quality=90, subsampling=subsampling)
    yield case("jpeg progressive", image, "JPEG", quality=85, progressive=True)
    yield case("jpeg grey", grey, "JPEG", quality=90)
    yield case("jpeg grey progressive", grey, "JPEG", quality=90, progressive=True)
    yield case("jpeg stored as red, green, blue", image, "JPEG", quality=90, keep_rgb=True)
    yield case("jpeg inks", image.convert("CMYK"), "JPEG", quality=95)
    yield case("jpeg restarts", image, "JPEG", quality=90, restart_marker_blocks=2)
    for orientation in range(2, 9):
        crop = (3, 2, 30, 35) if orientation >= 5 else (3, 2, 41, 30)
        yield case(f"jpeg orientation {orientation}", image, "JPEG", crop, quality=90, exif=exif(orientation))
    # Ours lets libjpeg shrink it to a half; Pillow does not.
    smooth = Image.fromarray(scene(40, 50)).resize((500, 400), Image.BICUBIC)
    yield case("jpeg large", smooth, "JPEG", (10, 20, 480, 390), quality=92)

    alpha = image.copy()
    alpha.putalpha(grey)
    small = image.resize((20, 15))
    box = (1, 2, 18, 13)
    yield case("png", image, "PNG")
    yield case("png grey", grey, "PNG")
    yield case("png opacity", alpha, "PNG")
    yield case("png grey opacity", alpha.convert("LA"), "PNG")
    yield case("png palette", image.quantize(31), "PNG")
    yield case("png palette of 4", image.quantize(4), "PNG", bits=2)
    yield case("png palette transparency", image.quantize(31), "PNG", transparency=bytes(range(0, 248, 8)))
    yield case("png transparent colour", small, "PNG", box, transparency=small.getpixel((3, 3)))
    yield case("png bitmap", grey.convert("1"), "PNG")
    yield case("png orientation 6", small, "PNG", (1, 2, 13, 18), exif=exif(6))
    yield case("png animated", small, "PNG", box, save_all=True, append_images=[small.rotate(180)])
    yield case("ppm", small, "PPM", box)
    yield case("pgm", small.convert("L"), "PPM", box)
    yield case("pbm", small.convert("1"), "PPM", box)
