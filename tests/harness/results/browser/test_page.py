"""The leaderboard's page does in a browser what a reader asks of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

Open = Callable[..., Page]


def entries(page: Page) -> list[str]:
    """The entries of the table, from top to bottom."""
    return page.locator(".board tbody tr:not(.reference) .entry .name").all_inner_texts()


def numbers(page: Page, section: str) -> list[list[str]]:
    """A figure's numbers, from its table."""
    summary = page.locator(f"#{section} summary")
    summary.click()
    page.locator(f"#{section} tbody").wait_for()
    rows = page.locator(f"#{section} details tbody tr").all()
    found = [row.locator("td").all_inner_texts() for row in rows]
    summary.click()
    return found


def test_a_study_is_summarised_and_leads_to_its_tracks(show: Open, small: str) -> None:
    page = show(small)
    expect(page.get_by_role("heading", level=1)).to_have_text("small")
    for title in ("Entries and tracks", "Mean ranks", "Interquartile mean",
                  "Performance profiles", "Probability of improvement"):  # fmt: skip
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator(".matrix .missing")).to_have_text("missing")
    page.locator(".matrix").get_by_role("link", name="adding").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("adding")
    expect(page.locator("main")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("small")


def test_a_click_on_a_heading_sorts_and_says_so(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}")
    assert entries(page) == ["gru", "mgu", "lstm", "rnn", "rnn"]
    head = page.get_by_role("columnheader", name="parameters")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert entries(page) == ["gru", "rnn", "lstm", "rnn", "mgu"]
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert entries(page)[0] == "mgu"
    assert "sort=-parameters" in page.url
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "none")


def test_references_stand_where_their_scores_belong(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}")
    names = page.locator(".board tbody .entry .name").all_inner_texts()
    assert names[-1] == "chance"
    page.get_by_role("columnheader", name="test").get_by_role("button").click()
    assert page.locator(".board tbody .entry .name").first.inner_text() == "chance"


def test_a_filter_holds_for_the_table_and_the_figures(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}")
    page.get_by_label("Filter entries").fill("GRU")
    expect(page.get_by_role("status")).to_have_text("1 of 5 entries")
    expect(page.locator("#scores g.row")).to_have_count(1)
    assert entries(page) == ["gru"]
    page.get_by_label("Filter entries").fill("<none>")
    expect(page.get_by_text("No entry fits the filter.")).to_be_visible()


def test_curves_are_drawn_over_steps_seconds_and_tokens(
    show: Open, small: str, copying: str
) -> None:
    page = show(small, f"track={copying}")
    curves = page.locator("#curves")
    ends = {}
    for axis in ("step", "seconds", "tokens"):
        curves.get_by_role("combobox", name="against").select_option(axis)
        ends[axis] = [row[1] for row in numbers(page, "curves") if row[0] == "gru"][-1]
        canvas = curves.locator("canvas")
        assert canvas.get_attribute("aria-label")
    assert ends == {"step": "100", "seconds": "12.5", "tokens": "2,000"}
    curves.get_by_role("combobox", name="show").select_option("loss")
    assert len([row for row in numbers(page, "curves") if row[0] == "gru"]) == 10
    before = curves.locator("canvas").evaluate("node => node.toDataURL()")
    curves.get_by_label("log y").check()
    assert curves.locator("canvas").evaluate("node => node.toDataURL()") != before
    assert "curves-logy=1" in page.url


def test_a_line_is_hidden_and_shown(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}")
    line = page.locator("#curves").get_by_role("button", name="lstm")
    line.click()
    expect(line).to_have_attribute("aria-pressed", "false")
    expect(line).to_be_focused()
    assert "lstm" not in {row[0] for row in numbers(page, "curves")}
    page.reload()
    expect(page.locator("#curves").get_by_role("button", name="lstm")).to_have_attribute(
        "aria-pressed", "false"
    )
    page.get_by_role("button", name="Hide all lines of Learning curves").click()
    expect(page.locator("#curves").get_by_text("Nothing to draw here.")).to_be_visible()
    page.get_by_role("button", name="Show all lines of Learning curves").click()
    assert "lstm" in {row[0] for row in numbers(page, "curves")}


def test_a_plot_zooms_by_dragging_and_by_buttons(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}&at=curves")
    picture = "() => document.querySelector('#curves canvas').toDataURL()"
    whole = page.evaluate(picture)
    page.get_by_role("button", name="Zoom in: Learning curves").click()
    page.wait_for_function(f"whole => ({picture})() !== whole", arg=whole)
    page.get_by_role("button", name="Reset the zoom: Learning curves").click()
    page.wait_for_function(f"whole => ({picture})() === whole", arg=whole)
    box = page.locator("#curves .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 150, steps=4)
    page.mouse.up()
    page.wait_for_function(f"whole => ({picture})() !== whole", arg=whole)


def test_a_point_under_the_pointer_is_named(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}&at=cost")
    box = page.locator("#cost .u-over").bounding_box()
    assert box
    tip = page.locator("#cost .tip")
    for step in range(20):
        page.mouse.move(box["x"] + box["width"] * 0.03 + 2, box["y"] + box["height"] * step / 20)
        if tip.is_visible():
            break
    assert "parameters 100" in tip.inner_text()


def test_a_link_keeps_the_view(show: Open, small: str, copying: str) -> None:
    view = (
        f"track={copying}&sort=-val&filter=r&x=seconds&theme=dark&row=0&at=curves&cost=state_size"
    )
    page = show(small, view)
    head = page.locator(".board > thead").get_by_role("columnheader", name="val")
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_label("Filter entries")).to_have_value("r")
    expect(page.locator("#curves").get_by_role("combobox", name="against")).to_have_value("seconds")
    expect(page.locator("#cost").get_by_role("combobox", name="against")).to_have_value(
        "state_size"
    )
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".details")).to_contain_text("chosen setting")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert page.evaluate("document.activeElement.id") == "curves-title"


@pytest.mark.parametrize(
    "view", ["track=none&sort=x&row=99", "study=<b>", "track", "%", "sort=%00&x=__proto__&cost=1"]
)
def test_a_wrong_link_shows_what_there_is(view: str, show: Open, small: str) -> None:
    page = show(small, view)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize(
    ("button", "name", "begins"),
    [
        ("Download the table as CSV", "-table.csv", b"entry,cell,rank from"),
        ("Download the numbers of Scores as CSV", "-scores.csv", b"entry,test,low,high\ngru,"),
        ("Download a picture of Scores as SVG", "-scores.svg", b"<svg"),
        ("Download a picture of Learning curves as PNG", "-curves.png", b"\x89PNG"),
        ("Download the numbers of Tuning as CSV", "-tuning.csv", b"entry,learning rate"),
    ],
)
def test_numbers_and_pictures_are_downloaded(
    button: str, name: str, begins: bytes, show: Open, small: str, copying: str
) -> None:
    page = show(small, f"track={copying}")
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    assert download.value.suggested_filename == f"{copying}{name}"
    assert Path(download.value.path()).read_bytes().startswith(begins)


def test_a_downloaded_picture_stands_alone(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download a picture of Scores as SVG").click()
    picture = Path(download.value.path()).read_text()
    assert 'xmlns="http://www.w3.org/2000/svg"' in picture
    assert "class=" not in picture
    assert "var(" not in picture
    assert "chance" in picture


def test_a_row_opens_its_runs(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}")
    opener = page.locator(".board").get_by_role("button", name="lstm")
    opener.focus()
    opener.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(opener).to_be_focused()
    details = page.locator(".details")
    for text in ("2026-01-01 00:00", "c0ffee000000", "torch 2.13.0", "a processor", "lr=0.003"):
        expect(details).to_contain_text(text)
    expect(details.get_by_role("table", name="Trials of lstm")).to_contain_text("chosen")


def test_failures_are_listed_with_their_messages(show: Open, small: str, copying: str) -> None:
    page = show(small, f"track={copying}")
    expect(page.get_by_role("table", name="Failures")).to_contain_text("E: m")


def test_the_theme_is_switched_and_kept_in_the_address(show: Open, small: str) -> None:
    page = show(small, scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(20, 23, 26)"
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert "theme=light" in page.url
    page.get_by_role("link", name="adding").first.click()
    assert "theme=light" in page.url
