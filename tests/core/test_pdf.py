from __future__ import annotations

import hashlib
import html
import io
import os
import re
import socket
import subprocess
import sys
import threading
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
import uharfbuzz
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from PIL import Image

from app.core.pdf import (
    PdfDocument,
    PdfTemplates,
    UnusablePicture,
    logo_uri,
    measured_height,
    qr_uri,
    render_pdf,
    width,
)
from app.core.pdf import fonts as pdf_fonts
from app.core.pdf.document import RenderFailed
from app.core.pdf.templates import colour
from app.core.pdf.typeset import typeset
from tests.pdf_reading import ReadPdf, typeface

ROOT = Path(__file__).parents[2]
BLOCKS = [chr(start) for start in range(0x985, 0xD80, 0x80)]
FACES = {face.name: face for face in (pdf_fonts.main_face(), *filter(None, map(pdf_fonts.script_face, BLOCKS)))}
PAGE = "<style>@page {{ size: a4; margin: 15mm }} body {{ font-family: noto; font-size: 10pt }}</style><p>{}</p>"
HINDI = ["श्रीमती कृष्णा त्रिपाठी", "चिकित्सा क्लिनिक", "हिन्दी क्षेत्र", "ट्रस्ट", "परामर्श", "विशेषज्ञ"]
INDIAN = ["தமிழ்", "తెలుగు సేవ", "বাংলা", "ગુજરાતી", "ਪੰਜਾਬੀ", "ಕನ್ನಡ", "മലയാളം", "ଓଡ଼ିଆ"]


def page(text: str, **options) -> bytes:
    return render_pdf(PdfDocument(PAGE.format(typeset(text)), title="Test", **options))


def expected_glyphs(font: str, text: str) -> list[int]:
    """What HarfBuzz itself says, word by word."""
    face = typeface(font)
    glyphs: list[int] = []
    for word in text.split():
        buffer = uharfbuzz.Buffer()
        buffer.add_str(word)
        buffer.guess_segment_properties()
        uharfbuzz.shape(uharfbuzz.Font(face.hbFace), buffer, {})
        glyphs += [info.codepoint for info in buffer.glyph_infos]
    return glyphs


def without_spaces(font: str, glyphs: tuple[int, ...]) -> list[int]:
    space = typeface(font).face.charToGlyph[32]
    return [glyph for glyph in glyphs if glyph != space]


@pytest.mark.parametrize(
    "text", ["₹ 1,200.00 – Électrocardiogramme", "Ñandú Ångström Žižek Łódź", "Nguyễn Ελλάς Жанна"]
)
def test_currency_signs_and_accents_are_readable(text):
    assert text in ReadPdf(page(text)).text


@pytest.mark.parametrize("text", HINDI + INDIAN)
def test_indian_scripts_are_drawn_with_the_glyphs_that_harfbuzz_chooses(text):
    runs = [drawn for drawn in ReadPdf(page(text)).drawn if drawn.characters]
    assert " ".join(run.characters for run in runs) == text
    for run in runs:
        assert without_spaces(run.font, run.glyphs) == expected_glyphs(run.font, run.characters)


def test_a_matra_stands_before_its_consonant_and_a_conjunct_is_one_glyph():
    (ki,) = [drawn for drawn in ReadPdf(page("कि")).drawn if drawn.characters]
    (ksha,) = [drawn for drawn in ReadPdf(page("क्ष")).drawn if drawn.characters]
    ka = typeface(ki.font).face.charToGlyph[ord("क")]
    assert ki.glyphs[1] == ka and ki.glyphs[0] != ka
    assert len(ksha.glyphs) == 1


def test_scripts_may_be_mixed_within_a_line():
    read = ReadPdf(page("Dr आशा (राव), தமிழ் ₹ 500"))
    assert read.shaped == ["आशा", "राव", "தமிழ்"]
    assert {drawn.font for drawn in read.drawn if drawn.characters} == {"NotoSans-Regular", "NotoSansTamil-Regular"}
    assert "₹ 500" in read.text


def test_shaped_text_takes_the_room_that_it_is_drawn_in():
    text = "हिन्दी"
    face = typeface("NotoSans-Regular")
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(uharfbuzz.Font(face.hbFace), buffer, {})
    advance = sum(position.x_advance for position in buffer.glyph_positions) / face.hbFace.upem
    assert width(text, 10) == pytest.approx(advance * 10, rel=1e-3)
    assert width(text + " " + text, 10) > 2 * width(text, 10)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("王伟", "WangWei"),
        ("محمد", "mhmd"),
        ("ok 😀", "ok :grinning:"),
        ("narrow\u202fspace\u2009here", "narrow space here"),
        ("tab\tand\nline", "tab and line"),
        ("zero\u200bwidth\ufeff\x00\x07", "zerowidth"),
        ("private \ue123", "private ?"),
        ("unassigned \U000e0fff", "unassigned ?"),
    ],
)
def test_what_no_typeface_has_is_written_in_letters_or_marked(text, shown):
    assert shown in ReadPdf(page(text)).text


@settings(max_examples=400, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("＜script＞alert(1)＜/script＞")
@example("\u093f")
def test_every_character_has_a_glyph_and_none_becomes_markup(text):
    markup = str(typeset(text))
    for family, run in re.findall(r'<span style="font-family: ([\w-]+)">([^<]*)</span>', markup):
        characters = {ord(char) for char in html.unescape(run) if char not in "\u200c\u200d"}
        assert characters <= FACES[family].characters
    rest = re.sub(r'<span style="font-family: [\w-]+">[^<]*</span>', "", markup)
    assert "<" not in rest and ">" not in rest
    assert {ord(char) for char in html.unescape(rest)} <= pdf_fonts.main_face().characters
    if any(unicodedata.category(char)[0] in "LNP" for char in text):
        assert html.unescape(re.sub("<[^>]*>", "", markup)).strip()


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_page_holds_the_glyph_for_a_missing_character(text):
    for drawn in ReadPdf(page(text + " end")).drawn:
        assert 0 not in drawn.glyphs


def test_an_endless_indic_word_is_broken_between_syllables():
    read = ReadPdf(page("कृष्णा" * 40))
    assert "".join(read.shaped).replace(" ", "") == "कृष्णा" * 40
    dotted_circle = typeface("NotoSans-Regular").face.charToGlyph[0x25CC]
    assert all(dotted_circle not in drawn.glyphs for drawn in read.drawn)


@pytest.mark.parametrize(
    "name", ["<b>Bob</b> & <script>x</script>", '"><img src=x>', "＜b＞full width＜/b＞", "{{ 7 * 7 }}", "&lt;b&gt;"]
)
def test_a_name_is_text_whatever_it_looks_like(name):
    shown = unicodedata.normalize("NFKC", name)
    assert shown in ReadPdf(page(name)).text


def test_documents_fetch_and_read_nothing(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    (tmp_path / "secret.png").write_bytes(picture.getvalue())
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        here, there = tmp_path.as_uri(), f"http://127.0.0.1:{listener.getsockname()[1]}"
        body = "".join(f'<img src="{place}/secret.png">' for place in (here, str(tmp_path), there))
        style = (
            f'<style>@import url("{there}/x.css"); @font-face {{ font-family: f; src: url("{there}/f.ttf") }}</style>'
        )
        read = ReadPdf(render_pdf(PdfDocument(style + PAGE.format(body + "end"), title="Test")))
        with suppress(TimeoutError):
            calls.append(listener.accept())
    assert calls == []
    assert read.pictures == 0 and "end" in read.text


def test_the_same_document_gives_the_same_bytes_whatever_came_before():
    text = "₹ 500 हिन्दी தமிழ்"
    first = page(text)
    page("क्षेत्र ട്ട മലയാളം другой 王")
    assert page(text) == first
    code = f"from tests.core.test_pdf import *; print(hashlib.sha256(page({text!r})).hexdigest())"
    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == hashlib.sha256(first).hexdigest()


def test_documents_may_be_drawn_in_several_threads():
    texts = [f"{number} {HINDI[number % 6]}" for number in range(12)]
    alone = [page(text) for text in texts]
    together: dict[str, bytes] = {}
    threads = [threading.Thread(target=lambda text=text: together.update({text: page(text)})) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[text] for text in texts] == alone


def test_every_page_says_which_one_of_how_many_it_is():
    body = "<br>".join(f"line {number}" for number in range(140))
    document = PdfDocument(PAGE.format(body), title="T", page_label=lambda one, of: f"पृष्ठ {one} of {of}")
    read = ReadPdf(render_pdf(document))
    assert len(read.texts) == 3
    assert [f"{number} of 3" in text for number, text in enumerate(read.texts, start=1)] == [True] * 3
    assert read.shaped == ["पृष्ठ"] * 3


def test_the_document_says_its_title_author_and_language():
    read = ReadPdf(page("x", author="सनराइज़ Clinic", language="hi"))
    assert (read.reader.metadata.title, read.reader.metadata.author) == ("Test", "सनराइज़ Clinic")
    assert read.reader.trailer["/Root"]["/Lang"] == "hi"


def test_the_height_of_content_is_measured():
    lines = [measured_height(PAGE.format("<br>".join(["x"] * count))) for count in (1, 11, 21)]
    assert lines[0] > 15
    assert lines[2] - lines[1] == pytest.approx(lines[1] - lines[0], abs=0.01)


def test_a_template_without_a_page_is_refused():
    with pytest.raises(RenderFailed, match="no page"):
        render_pdf(PdfDocument("<p>x</p>", title="T"))


def test_missing_fonts_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(pdf_fonts, "FONTS", tmp_path)
    pdf_fonts.main_face.cache_clear()
    with pytest.raises(pdf_fonts.FontMissing, match="make setup"):
        pdf_fonts.main_face()


def test_a_script_whose_font_is_not_installed_is_transliterated(monkeypatch):
    monkeypatch.setattr("app.core.pdf.typeset.script_face", lambda char: None)
    assert typeset("தமிழ் Ram") == Markup("tmil Ram")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("#0B6E6E", "#0b6e6e"),
        ("red", "#0b6e6e"),
        ("#fff", "#0b6e6e"),
        ("#000000;} @import", "#0b6e6e"),
        ("", "#0b6e6e"),
    ],
)
def test_a_colour_is_six_hexadecimal_digits_or_ours(given, used):
    assert colour(given) == used


def test_templates_escape_and_insist_on_their_values(tmp_path):
    (tmp_path / "t.html").write_text("{{ _('Hello') }} {{ name }}")
    templates = PdfTemplates(tmp_path)
    assert templates.render("t.html", str.upper, name="<b>") == "HELLO &lt;b&gt;"
    with pytest.raises(Exception, match="name"):
        templates.render("t.html", str)


def picture(size=(40, 20), kind="PNG", mode="RGBA") -> bytes:
    octets = io.BytesIO()
    Image.new(mode, size, 128).save(octets, kind)
    return octets.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("JPEG", "RGB"), ("GIF", "P"), ("WEBP", "RGB"), ("PNG", "LA")]
)
def test_logos_of_the_usual_kinds_are_taken(kind, mode):
    assert logo_uri(picture(kind=kind, mode=mode)).startswith("data:image/png;base64,")


@pytest.mark.parametrize("side", [7_000, 60_000])
def test_a_logo_that_claims_too_many_pixels_is_not_decoded(side):
    from tests.core.test_pictures import png_claiming

    with pytest.raises(UnusablePicture):
        logo_uri(png_claiming(side, side))


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        picture()[:60],
        picture(size=(2100, 2100), mode="1"),
        picture(kind="TIFF"),
        bytes(3_000_000),
    ],
)
def test_other_files_are_no_logos(octets):
    with pytest.raises(UnusablePicture):
        logo_uri(octets)


def test_a_qr_code_has_a_quiet_zone_and_is_the_same_each_time():
    import base64

    octets = base64.b64decode(qr_uri("https://clinic.example/pay/x").partition(",")[2])
    with Image.open(io.BytesIO(octets)) as code:
        grey = code.convert("L")
        assert grey.width == grey.height
        assert grey.crop((0, 0, grey.width, 12)).getextrema() == (255, 255)
        assert grey.getextrema() == (0, 255)
    assert qr_uri("https://clinic.example/pay/x") == qr_uri("https://clinic.example/pay/x")
