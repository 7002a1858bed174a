"""What a picture's file says of itself: read back by others, the pixels and other people's words kept."""

import io
import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from PIL import Image, ImageCms

from gallery import containers, xmp
from gallery.xmp import Facts
from tests.gallery import drawing

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ID = "0b7a3c1e-9f6f-4a83-8a39-5b2a5c0e2f11"
FACTS = Facts("made", "A fox & a <b>hen</b>", ID)

SCENE = drawing.scene((61, 47))
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = Image.Exif()
EXIF[0x0131] = "a camera"
FILES: dict[str, bytes] = {
    "png": drawing.encoded(SCENE),
    "png with palette": drawing.encoded(SCENE.quantize(16)),
    "png with alpha": drawing.png((61, 47), mode="RGBA"),
    "jpeg": drawing.encoded(SCENE, "JPEG", quality=90),
    "jpeg with exif": drawing.encoded(SCENE, "JPEG", exif=EXIF),
    "progressive jpeg": drawing.encoded(SCENE, "JPEG", progressive=True),
    "jpeg in cmyk": drawing.encoded(SCENE.convert("CMYK"), "JPEG"),
    "webp": drawing.encoded(SCENE, "WEBP", quality=70),
    "webp with alpha": drawing.encoded(drawing.scene((61, 47), mode="RGBA"), "WEBP", quality=70),
    "lossless webp": drawing.encoded(SCENE, "WEBP", lossless=True),
    "lossless webp with alpha": drawing.encoded(drawing.scene((61, 47), mode="RGBA"), "WEBP", lossless=True),
    "webp with a profile": drawing.encoded(SCENE, "WEBP", icc_profile=PROFILE),
}
kinds = pytest.mark.parametrize("kind", FILES)


def embedded(data: bytes, facts: Facts = FACTS) -> bytes:
    return xmp.embed(io.BytesIO(data), facts)


def pixels(data: bytes) -> tuple[Any, ...]:
    image = drawing.opened(data)
    return image.format, image.mode, image.size, image.getpalette(), image.tobytes()


def packet_in(data: bytes) -> bytes:
    found = drawing.opened(data).info
    packet = found.get("xmp") or found["XML:com.adobe.xmp"]
    return packet if isinstance(packet, bytes) else str(packet).encode()


def said(data: bytes) -> dict[str, str]:
    """What the file says, as an XML parser finds it in what Pillow finds."""
    found: dict[str, str] = {}
    for description in ET.fromstring(packet_in(data).strip(b"\x00")).iter(f"{RDF}Description"):
        for element in description:
            assert element.tag not in found, "no property twice"
            found[element.tag] = "".join(element.itertext())
    return found


@kinds
def test_pillow_reads_what_was_said_and_the_same_pixels(kind: str) -> None:
    result = embedded(FILES[kind])

    assert said(result) == {
        f"{EXTENSION}DigitalSourceType": f"{TERMS}trainedAlgorithmicMedia",
        f"{EXTENSION}AIPromptInformation": "A fox & a <b>hen</b>",
        f"{DC}description": "A fox & a <b>hen</b>",
        f"{DC}identifier": f"urn:uuid:{ID}",
    }
    assert pixels(result) == pixels(FILES[kind])


@pytest.mark.parametrize(
    ("how", "term"),
    [
        ("made", "trainedAlgorithmicMedia"),
        ("edited", "compositeWithTrainedAlgorithmicMedia"),
        ("drawn", "algorithmicMedia"),
    ],
)
def test_how_it_came_about_is_a_term_of_iptc(how: str, term: str) -> None:
    assert said(embedded(FILES["png"], Facts(how))) == {f"{EXTENSION}DigitalSourceType": TERMS + term}


@kinds
def test_nothing_to_say_leaves_the_file_as_it_is(kind: str) -> None:
    assert embedded(FILES[kind], Facts()) == FILES[kind]


@kinds
@given(prompt=some.text(max_size=300), other=some.text(max_size=300))
@example(prompt="]]> </rdf:RDF> <!-- & ' \" \x00\x1b\ufffe", other="two\r\nlines\rthree")
@example(prompt="&" * 30_000, other="𝕱" * 30_000)
def test_whatever_is_typed_is_read_back_and_a_second_time_replaces_the_first(
    kind: str, prompt: str, other: str
) -> None:
    once = embedded(FILES[kind], Facts("made", prompt, ID))
    twice = embedded(once, Facts("edited", other))

    assert pixels(once) == pixels(twice) == pixels(FILES[kind])
    assert twice == embedded(FILES[kind], Facts("edited", other))
    read = said(twice).get(f"{EXTENSION}AIPromptInformation", "")
    assert read.removesuffix("…") == as_written(other)[: len(read.removesuffix("…"))]
    assert read == as_written(other) or (read.endswith("…") and len(other) > 3000)


def as_written(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one for one in lines if one in "\t\n" or (one >= " " and one not in "\ufffe\uffff"))


@pytest.mark.parametrize("filler", ["&", "a", "é", "𝕱", "<", "\x00"])
def test_a_prompt_of_any_length_fits_a_segment(filler: str) -> None:
    packet = xmp.packet(Facts("made", filler * 30_000, ID))

    assert len(packet) < 42_000
    ET.fromstring(packet)


@given(data=some.binary(max_size=200), kind=some.sampled_from(sorted(FILES)), cut=some.integers(0, 4000))
def test_whatever_the_file_is_it_is_served(data: bytes, kind: str, cut: int) -> None:
    broken = FILES[kind][:cut] + data

    result = embedded(broken)

    # Unchanged, or with what was said added: nothing of the file is ever left out.
    assert result == broken or len(result) > len(broken)


def test_a_file_of_countless_parts_stays_as_it_is() -> None:
    png = FILES["png"]
    empty = b"\x00\x00\x00\x00prIv" + bytes(4)
    data = png[:33] + empty * (containers.PARTS_MAX + 1) + png[33:]

    assert embedded(data) == data


# Other people's words

THEIRS = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:e="http://iptc.org/std/Iptc4xmpExt/'
    '2008-02-29/"><photoshop:Credit>Made with Google AI</photoshop:Credit>'
    "<e:DigitalSourceType>theirs</e:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
).encode()


def with_packet(kind: str, packet: bytes) -> bytes:
    if kind != "png":
        return drawing.encoded(SCENE, kind.upper(), xmp=packet)
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode())
    return drawing.encoded(SCENE, pnginfo=info)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_what_a_provider_says_is_kept_and_added_to(kind: str) -> None:
    result = embedded(with_packet(kind, THEIRS))

    told = said(result)
    assert told["{http://ns.adobe.com/photoshop/1.0/}Credit"] == "Made with Google AI"
    assert told[f"{EXTENSION}DigitalSourceType"] == "theirs"
    assert told[f"{EXTENSION}AIPromptInformation"] == "A fox & a <b>hen</b>"
    assert embedded(result) == result


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(
    "packet",
    [
        THEIRS.replace(b"rdf:", b"r:").replace(b"xmlns:rdf", b"xmlns:r"),
        THEIRS.replace(b"<photoshop:Credit>", b"<photoshop:Credit a:provenance='https://a.example'>"),
        b"no packet at all",
    ],
    ids=["another prefix", "credentials elsewhere", "nonsense"],
)
def test_what_cannot_be_added_to_stays_as_it_is(kind: str, packet: bytes) -> None:
    data = with_packet(kind, packet)

    assert embedded(data) == data


def test_a_jpeg_whose_packet_is_full_stays_as_it_is() -> None:
    data = with_packet("jpeg", THEIRS.replace(b"Google AI", b"Google AI" + b"!" * 60_000))

    assert embedded(data, Facts("made", "a" * 9000)) == data


# Signed files

BOX = b"\x00\x00\x00\x10jumb" + bytes(8)


def signed(kind: str) -> bytes:
    data = FILES[kind]
    if kind == "png":
        chunk = b"caBX" + BOX
        return data[:33] + len(BOX).to_bytes(4, "big") + chunk + crc32(chunk).to_bytes(4, "big") + data[33:]
    if kind == "jpeg":
        body = b"JP\x00\x01\x00\x00\x00\x01" + BOX
        return data[:2] + b"\xff\xeb" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]
    new = b"C2PA" + len(BOX).to_bytes(4, "little") + BOX
    return data[:4] + (len(data) - 8 + len(new)).to_bytes(4, "little") + data[8:] + new


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_file_with_signed_credentials_stays_as_it_is(kind: str) -> None:
    data = signed(kind)
    file = io.BytesIO(data)

    assert containers.holds_credentials(file, containers.look(file))
    assert embedded(data) == data


@kinds
def test_no_other_file_has_credentials(kind: str) -> None:
    file = io.BytesIO(FILES[kind])

    assert not containers.holds_credentials(file, containers.look(file))


# Readers that nobody here wrote


def exiftool(data: bytes, folder: Path, *options: str) -> list[dict[str, Any]]:
    file = folder / "picture"
    file.write_bytes(data)
    done = subprocess.run(["exiftool", "-j", "-G", *options, str(file)], capture_output=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.needs_exiftool
@kinds
def test_exiftool_reads_it(kind: str, tmp_path: Path) -> None:
    (read,) = exiftool(embedded(FILES[kind]), tmp_path)

    assert read["XMP:DigitalSourceType"] == f"{TERMS}trainedAlgorithmicMedia"
    assert read["XMP:Description"] == read["XMP:AIPromptInformation"] == "A fox & a <b>hen</b>"
    assert read["XMP:Identifier"] == f"urn:uuid:{ID}"
    if "jpeg" in kind:
        assert read["IPTC:Caption-Abstract"] == "A fox & a <b>hen</b>"


@pytest.mark.needs_exiftool
@kinds
def test_exiftool_finds_no_fault_that_was_not_there_before(kind: str, tmp_path: Path) -> None:
    faults = ("-validate", "-warning", "-error", "-a")

    before, after = (exiftool(data, tmp_path, *faults) for data in (FILES[kind], embedded(FILES[kind])))

    assert after == before


@pytest.mark.needs_exiv2
@kinds
def test_exiv2_reads_it(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(embedded(FILES[kind], Facts("edited", "Ein Fuchs im Schnee ❄", ID)))

    done = subprocess.run(["exiv2", "-q", "-PXkv", str(file)], capture_output=True, check=True)

    read = dict(line.split(None, 1) for line in done.stdout.decode().splitlines())
    assert read["Xmp.iptcExt.DigitalSourceType"] == f"{TERMS}compositeWithTrainedAlgorithmicMedia"
    assert read["Xmp.dc.description"] == 'lang="x-default" Ein Fuchs im Schnee ❄'


@pytest.mark.needs_exiftool
def test_a_long_prompt_is_cut_in_the_caption_at_a_whole_character(tmp_path: Path) -> None:
    (read,) = exiftool(embedded(FILES["jpeg"], Facts("made", "❄" * 1000)), tmp_path)

    assert read["IPTC:Caption-Abstract"] == "❄" * 666
