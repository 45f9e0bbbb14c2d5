"""The drawings hold what the study declares: each stage once, each way from one to the next, the commands as they are."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
import yaml

from thalutils.cli import app
from thalutils.report import diagrams
from thalutils.report.drawing import Box, Drawing, direct, levels

REPOSITORY = Path(__file__).parents[2]
STAGES = yaml.safe_load((REPOSITORY / "notebooks" / "stages.yml").read_text())
HERE = {stage["name"] for stage in STAGES}
SVG = "{http://www.w3.org/2000/svg}"


def boxes(drawing):
    return {box.key: box for row in drawing.rows for box in row}


def reachable(arrows):
    """Return what can be reached from each start of some arrows."""
    found = {}
    for start, _ in arrows:
        seen, open_ = set(), [start]
        while open_:
            here = open_.pop()
            new = {end for begin, end in arrows if begin == here} - seen
            seen |= new
            open_ += new
        found[start] = seen
    return found


def test_arrows_that_a_longer_way_says_are_left_out_and_no_way_is_lost():
    after = {stage["name"]: stage.get("after", []) for stage in STAGES}
    arrows = direct(after)
    every = [(one, name) for name in after for one in after[name]]
    assert len(arrows) < len(every)
    assert reachable(arrows) == {start: ends for start, ends in reachable(every).items() if ends}
    depth = {name: step for step, names in enumerate(levels(after)) for name in names}
    assert all(depth[one] < depth[name] for one, name in every)


def test_stages_that_wait_for_each_other_are_refused():
    with pytest.raises(ValueError, match="waits for another"):
        levels({"a": ["b"], "b": ["a"]})


def test_the_road_has_each_joined_stage_once_and_leads_to_its_page():
    drawing = diagrams.road(STAGES, HERE)
    pages = [page for box in boxes(drawing).values() for page in box.pages]
    read = {one for stage in STAGES for one in stage.get("after", [])}
    expected = [
        f"notebooks/{stage['name']}" for stage in STAGES if stage.get("after") or stage["name"] in read
    ]
    assert sorted(pages) == sorted(expected)
    assert f"{len(expected)} stages" in drawing.caption
    assert "Dashed" not in drawing.caption
    assert set(boxes(drawing)) >= {key for arrow in drawing.arrows for key in arrow}


def test_stages_in_one_box_have_the_same_arrows():
    drawing = diagrams.road(STAGES, HERE)
    arrows = direct({stage["name"]: stage.get("after", []) for stage in STAGES})
    shared = [box for box in boxes(drawing).values() if len(box.pages) > 1]
    assert shared
    for box in shared:
        names = [page.removeprefix("notebooks/") for page in box.pages]
        ways = {
            (frozenset(a for a, b in arrows if b == name), frozenset(b for a, b in arrows if a == name))
            for name in names
        }
        assert len(ways) == 1


def test_what_the_book_lacks_is_dashed():
    drawing = diagrams.road(STAGES, HERE - {"2-6-3-volumes"})
    assert [key for key, box in boxes(drawing).items() if box.dashed] == ["2-6-3-volumes"]
    assert "Dashed: not in this book." in drawing.caption


def test_every_sliced_stage_is_a_job_of_each_participant_and_one_job_waits_for_all():
    drawing = diagrams.jobs(STAGES, HERE)
    sliced = {stage["name"] for stage in STAGES if stage.get("slices")}
    assert set(boxes(drawing)) == sliced | {"everyone"}
    ends = reachable(drawing.arrows)
    assert all("everyone" in ends[name] for name in sliced)
    memory = {stage["name"]: stage.get("memory_gb", diagrams.GB) for stage in STAGES}
    for name in sliced:
        assert boxes(drawing)[name].text.endswith(f"\n{memory[name]:g} GB")


def test_tables_of_both_doors_are_made_by_stages_of_scans_and_by_the_ready_ones():
    text = boxes(diagrams.doors(STAGES, HERE))["tables"].text
    names = text.removeprefix("tables: ").split(", ")
    made = {stage["name"]: set(stage.get("tables", ())) for stage in STAGES}
    ready = made.pop("2-6-tables")
    assert "volumes" in names
    assert set(names) == ready & set().union(*made.values())


def test_the_commands_drawn_are_those_of_the_command_line():
    known = set(typer.main.get_command(app).commands)
    drawn = {name for name, _ in (*diagrams.COMMANDS, *diagrams.ALONE)}
    assert drawn <= known
    assert known - drawn == {"plan", "stages"}, "these two tell of the study and lead to nothing"


@pytest.mark.parametrize("name", diagrams.DRAWN)
def test_a_drawing_is_whole_its_text_fits_its_boxes_and_none_overlap(name):
    drawing = diagrams.DRAWN[name](STAGES, HERE)
    root = ElementTree.fromstring(drawing.svg(lambda page: f"{page}.html"))  # noqa: S314  (our own)
    wide, high = (float(root.get(side)) for side in ("width", "height"))
    rects = []
    for rect in root.iter(f"{SVG}rect"):
        if rect.get("fill") == "#f3f4f6":  # the pile on which the jobs lie
            continue
        left, top, width, height = (float(rect.get(side)) for side in ("x", "y", "width", "height"))
        assert left >= 0
        assert top >= 0
        assert left + width <= wide
        assert top + height <= high
        rects.append((left, top, left + width, top + height))
    assert len(rects) == len(boxes(drawing))
    for n, a in enumerate(rects):
        for b in rects[:n]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for box in boxes(drawing).values():
        shown = " ".join(line for line, _ in drawing._lines(box))
        assert re.sub(r"\W", "", shown) == re.sub(r"\W", "", box.text)
    assert root.find(f"{SVG}title").text
    assert drawing.svg(lambda _: None) == drawing.svg(lambda _: None)


def test_nothing_of_a_title_becomes_markup():
    drawing = Drawing([[Box("a", "<b>&", "file", ('x"y',))]], [], "<t>", "c")
    root = ElementTree.fromstring(drawing.svg(lambda page: page))  # noqa: S314  (our own)
    assert root.find(f"{SVG}title").text == "<t>"
    assert [text.text for text in root.iter(f"{SVG}text")] == ["<b>&"]
    assert root.find(f"{SVG}a").get("href") == 'x"y'
