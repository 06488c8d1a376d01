"""Each property catches a task that breaks it and nothing else."""

import socket

import broken_data
import broken_scores
import pytest
import sound_tasks

from recurbench.harness.conformance import (
    TASK_PROPERTIES,
    ConformanceError,
    check_task,
    examine_task,
)


def of_status(cls, status):
    return {finding.name for finding in examine_task(cls, {}) if finding.status == status}


@pytest.mark.parametrize(
    "cls",
    [sound_tasks.Sound, sound_tasks.SoundStream, sound_tasks.SoundEndless, broken_data.Recall],
)
def test_the_tasks_that_the_others_break_are_sound(cls):
    check_task(cls)


def test_every_property_says_something_of_a_task_with_files():
    assert of_status(sound_tasks.Sound, "does not apply") == set()


@pytest.mark.parametrize(
    ("cls", "expected"),
    sound_tasks.BROKEN.items(),
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_task_fails_just_the_properties_that_it_breaks(cls, expected):
    assert of_status(cls, "fails") == expected


@pytest.mark.parametrize("name", TASK_PROPERTIES)
def test_each_property_alone_catches_some_task(name):
    assert {name} in sound_tasks.BROKEN.values()


def test_the_report_says_what_was_seen_what_was_expected_and_why():
    with pytest.raises(ConformanceError, match=r"seen: chance is said to score 0.25") as error:
        check_task(broken_scores.WrongFormula)
    assert "expected: the same, to" in str(error.value)
    assert "usual cause: a formula of another layout" in str(error.value)


def test_a_task_is_checked_without_a_network_which_is_there_again_afterwards():
    before = socket.socket.connect, socket.getaddrinfo
    found = {finding.name: finding for finding in examine_task(broken_scores.Online, {})}
    assert found["loads_once"].status == "fails"
    assert "there is no network while a task is checked" in found["loads_once"].message
    assert "no network" in found["other_process"].message
    assert (socket.socket.connect, socket.getaddrinfo) == before


def test_knobs_are_part_of_what_is_checked():
    check_task(sound_tasks.Sound, pessimist=True, longest=7)
