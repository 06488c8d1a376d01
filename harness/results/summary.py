"""Studies as tables: each entry over all tracks, on one scale."""

from collections.abc import Iterator
from dataclasses import dataclass

from recurbench.harness.results.board import Board
from recurbench.harness.results.sheets import Line, Sheet
from recurbench.harness.results.studies import Standing, Study


@dataclass(frozen=True)
class Column:
    """A column of a summary; those of tracks are dropped last to first, where there is no room."""

    heading: str
    left: bool = False
    dropped: int | None = None
    wraps: bool = False


def summaries(board: Board) -> list[Sheet]:
    """A table for each study of a board that was asked for."""
    return [_sheet(board, study) for study in board.studies]


def _sheet(board: Board, study: Study) -> Sheet:
    names = track_names(board, study)
    tracks = [Column(name, dropped=-number) for number, name in enumerate(names)]
    head = [
        Column("cell", left=True, wraps=True),
        Column("mean rank", dropped=3),
        Column("IQM", dropped=2),
        Column("95 %", dropped=1),
    ]
    return Sheet(
        f"study {study.name}: all tracks",
        [*head, *tracks],
        [_line(study, standing) for standing in study.standings],
        list(_captions(board, study, names)),
    )


def track_names(board: Board, study: Study) -> list[str]:
    """Tracks by their task and what ranks them, with a number where several have one."""
    tasks = {track.id: track.asked for track in board.tracks}
    found: list[str] = []
    for scale in study.scales:
        task = tasks[scale.track]
        alike = [other for other in study.scales if tasks[other.track] == task]
        found.append(f"{task} {alike.index(scale) + 1}" if len(alike) > 1 else task)
    return found


def _line(study: Study, standing: Standing) -> Line:
    interval = standing.iqm_interval
    scores = (standing.scores.get(scale.track) for scale in study.scales)
    return Line(
        (
            standing.label,
            "-" if standing.mean_rank is None else f"{standing.mean_rank:.1f}",
            "-" if standing.iqm is None else f"{standing.iqm:.3f}",
            "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}",
            *("missing" if score is None else f"{score:.3f}" for score in scores),
        )
    )


def _captions(board: Board, study: Study, names: list[str]) -> Iterator[str]:
    yield "columns of tracks: mean normalised score over seeds; 0 and 1 stand for"
    for name, scale in zip(names, study.scales, strict=True):
        (zero, low), (one, high) = scale.zero, scale.one
        yield f"  {name} ({scale.track}): {zero} {low:.4g} and {one} {high:.4g}"
    for track, why in study.left_out.items():
        yield f"  left out: {track}: {why}"
    yield "IQM: interquartile mean of all normalised scores; 95 % by stratified bootstrap over runs"
    if study.critical_difference is not None:
        yield (
            f"mean ranks that differ by less than {study.critical_difference:.2f} cannot be told "
            "apart (Nemenyi's test over tracks, 5 %)"
        )
    if any(standing.missing for standing in study.standings):
        yield "missing: no completed run; such an entry has neither a mean rank nor an IQM"
