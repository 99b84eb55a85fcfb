"""Is the replay page one small file that asks for nothing, cannot be broken out of, and is made for the path meant?"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.replays.data import FAMILIES
from nobid.runs.replays.film import MOST_FRAMES, chosen, film
from nobid.runs.replays.page import Replay, chosen_path, page, replay
from nobid.runs.run import Run
from nobid.runs.simulation import simulate

DEFAULT, SALE = FAMILIES.index("default"), FAMILIES.index("sale")
PATH = 41  # of mispriced, seed 7: a cluster of defaults in 2026-10, round after round


@pytest.fixture(scope="module")
def toy() -> Run:
    return simulate("toy", path=0)


@pytest.fixture(scope="module")
def crash() -> Run:
    return simulate("mispriced", path=PATH, months=16)


def embedded(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_of_the_worst_path_is_small_and_soon_made() -> None:
    for name in ("baseline", "mispriced"):
        run = simulate(name, path=PATH)
        began = time.process_time()
        made = replay(run)
        text = made.html
        assert time.process_time() - began < 10.0
        assert len(text.encode()) < 1_000_000
        assert embedded(text)["arms"][0]["frames"][-1][0] == 59


def test_no_name_breaks_out_of_the_page(toy: Run) -> None:
    data = replay(toy).data
    evil = '</script><script>alert(1)</script><!-- & "\u2028 {{DATA}}'
    data = {**data, "title": evil, "agents": [{**agent, "name": evil} for agent in data["agents"]]}
    text = page(data)
    assert embedded(text) == json.loads(json.dumps(data))
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "\u2028" not in text.partition('id="data">')[2]
    assert "<title>&lt;/script&gt;" in text


def test_the_page_allows_its_own_script_and_style_and_nothing_else(toy: Run) -> None:
    text = replay(toy).html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    for kind in ("script", "style"):
        (block,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"https?:|\bimport\(|\beval\(|Function\(|innerHTML|<link|<img|\bon[a-z]+=", text)
    assert '"use strict";' in text


@pytest.fixture(scope="module")
def ranked() -> Run:
    return simulate("toy", paths=5, seed=3)


def test_worst_median_and_number_name_a_path(ranked: Run) -> None:
    debts = dict(zip(ranked.outcomes["path"], ranked.outcomes["debt_defaulted"], strict=True))
    order = sorted(debts, key=lambda path: (-debts[path], path))
    assert chosen_path(ranked, "worst") == chosen_path(ranked, None) == order[0]
    assert chosen_path(ranked, "median") == order[2]
    assert chosen_path(ranked, "3") == chosen_path(ranked, 3) == 3


@pytest.mark.parametrize("path", ["best", "-1", 5, "1.5", ""])
def test_a_path_that_there_is_not_is_refused(ranked: Run, path: Any) -> None:
    with pytest.raises(InputError, match=r'must be "median", "worst" or a path of this run, which has'):
        replay(ranked, path)


def test_a_second_arm_meets_the_same_luck_under_a_policy(crash: Run) -> None:
    found = crash.replay(against="buyer_of_last_resort:floor=0.5")
    one, other = found.data["arms"]
    assert other["label"] == "with buyer_of_last_resort:floor=0.5"
    assert found.home.name == "replay-41-against-buyer_of_last_resort-floor=0.5.html"
    assert one["marks"][0] == other["marks"][0]
    assert one["frames"] != other["frames"]


def test_a_run_stands_against_another_run(toy: Run, tmp_path: Path) -> None:
    other = simulate("toy", path=0, set={"auction.reoffers": 0}, out=tmp_path / "once", figures=False)
    found = replay(toy, against=str(tmp_path / "once"))
    assert [arm["label"] for arm in found.data["arms"]] == ["toy", "once"]
    assert replay(toy, against=other).data["arms"] == found.data["arms"]


@pytest.mark.parametrize(
    ("against", "sentence"),
    [
        ("ltv_capp", "did you mean ltv_cap"),
        ("none", "no policy and no run is named"),
        ("no/such/run", "there is no such run directory"),
    ],
)
def test_a_second_arm_that_there_is_not_is_refused(toy: Run, against: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        replay(toy, against=against)


def test_a_run_on_other_luck_or_with_other_agents_is_refused(toy: Run) -> None:
    with pytest.raises(InputError, match=r"its seed is 8, not 7: other luck"):
        replay(toy, against=simulate("toy", path=0, seed=8))
    with pytest.raises(InputError, match=r"its months is 2, not 3"):
        replay(toy, against=simulate("toy", path=0, months=2))
    with pytest.raises(InputError, match="its agents are not those of toy"):
        replay(toy, against=simulate("mispriced", path=0, months=3))


def test_a_fork_keeps_its_policies(toy: Run) -> None:
    fork = toy.fork("2026-02", {"auction.reoffers": 0})
    with pytest.raises(InputError, match="a fork keeps its policies"):
        replay(fork, against="ltv_cap")
    assert len(replay(toy, against=fork).data["arms"]) == 2


def test_the_page_is_saved_beside_its_run_or_where_told(tmp_path: Path) -> None:
    found = replay(simulate("toy", path=0, out=tmp_path / "run", figures=False))
    assert found.save() == tmp_path / "run" / "replay-0.html"
    assert found.save(tmp_path / "deep" / "x.html").read_text(encoding="utf-8") == found.html
    with pytest.raises(InputError, match=r"is a folder: name a file, such as .*replay-0\.html"):
        found.save(tmp_path)
    assert repr(found) == "replay of path 0, 10 frames: .save() writes it"
    assert found._repr_html_().startswith("<iframe")


# ---- films


def test_a_film_is_bounded_and_keeps_every_default() -> None:
    many = [[month, 0, [], [[SALE, 0, 1, 1.0]] if month % 2 else [], []] for month in range(400)]
    for month in range(0, 400, 10):
        many[month][3] = [[DEFAULT, 0, -1, 1.0]]
    shown = dict(chosen(many))
    assert len(shown) <= MOST_FRAMES
    assert {0, 399} | set(range(0, 400, 10)) <= set(shown)
    assert shown[10] > shown[399]


def test_a_gif_has_a_picture_for_every_frame_of_the_toy(toy: Run, tmp_path: Path) -> None:
    from PIL import Image

    found = replay(toy)
    with Image.open(film(found, tmp_path / "toy.gif")) as picture:
        assert picture.n_frames == len(found.data["arms"][0]["frames"])
        assert picture.size == (960, 540)


def test_without_ffmpeg_an_mp4_is_refused_in_a_sentence(toy: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(InputError, match=r"--mp4: no ffmpeg was found on the PATH"):
        film(replay(toy), tmp_path / "toy.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_mp4_is_made_where_ffmpeg_is(toy: Run, tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg on the PATH")
    assert film(replay(toy), tmp_path / "toy.mp4").read_bytes()[4:8] == b"ftyp"


# ---- the command line


def test_the_verb_writes_the_page_and_says_where(tmp_path: Path) -> None:
    simulate("toy", paths=2, out=tmp_path / "run", figures=False)
    runner = CliRunner()
    done = runner.invoke(app, ["replay", str(tmp_path / "run"), "--path", "1", "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told == {"path": 1, "arms": ["toy"], "files": [str(tmp_path / "run" / "replay-1.html")]}
    data = embedded(Path(told["files"][0]).read_text(encoding="utf-8"))
    assert data["where"].startswith("toy · seed 7 · path 1, number ")
    refused = runner.invoke(app, ["replay", str(tmp_path / "run"), "--path", "9"])
    assert refused.exit_code == 2
    assert 'path = 9: must be "median"' in refused.stderr


def test_the_replay_of_a_run_is_a_replay(toy: Run) -> None:
    assert isinstance(toy.replay("median"), Replay)
