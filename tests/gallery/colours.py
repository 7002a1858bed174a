"""Display P3 for these tests: a profile of it, and the arithmetic that the profile stands for."""

import struct

# Linear Display P3 to linear sRGB, both of D65.
_P3_TO_SRGB = (
    (1.2249402, -0.2249402, 0.0),
    (-0.0420570, 1.0420570, 0.0),
    (-0.0196376, -0.0786361, 1.0982736),
)
# Its primaries and white as ICC wants them, adapted to D50.
_D50 = {
    b"wtpt": (0.96420, 1.0, 0.82491),
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


def display_p3() -> bytes:
    """An ICC profile, made here rather than taken from somebody."""
    words = "Display P3 for tests".encode("utf-16-be")
    text = (
        b"mluc" + bytes(4) + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(words), 28) + words
    )
    curve = (
        b"para"
        + bytes(4)
        + struct.pack(">HH", 3, 0)
        + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    )
    tags = {b"desc": text, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags |= {name: b"XYZ " + bytes(4) + _fixed(*values) for name, values in _D50.items()}
    table, data = b"", b""
    begin = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", begin + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    header = struct.pack(">I4sI4s4s4s", begin + len(data), b"test", 0x04000000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + _fixed(0.96420, 1.0, 0.82491)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def in_srgb(colour: tuple[int, int, int]) -> tuple[int, ...]:
    """The sRGB levels of a Display P3 colour that sRGB has too."""
    linear = [_linear(level / 255) for level in colour]
    return tuple(
        round(255 * _curved(sum(factor * level for factor, level in zip(row, linear, strict=True))))
        for row in _P3_TO_SRGB
    )


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _linear(level: float) -> float:
    return level / 12.92 if level <= 0.04045 else float(((level + 0.055) / 1.055) ** 2.4)


def _curved(level: float) -> float:
    level = min(1.0, max(0.0, level))
    return level * 12.92 if level <= 0.0031308 else float(1.055 * level ** (1 / 2.4) - 0.055)
