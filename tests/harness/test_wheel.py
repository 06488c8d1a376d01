"""A wheel of the checkout works in another folder, without the checkout."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_wheel_installed_elsewhere_runs(tmp_path: Path, small: list) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT]
    subprocess.run(build, check=True, timeout=120)
    (wheel,) = tmp_path.glob("recurbench-*.whl")
    site = tmp_path / "site"
    install = [*pip, "install", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(install, check=True, timeout=120)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    result = subprocess.run(
        [site / "bin" / "recurbench", "run", "cell=gru_cho", *small],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site), "RECURBENCH_PLUGINS": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    (record,) = folder.rglob("*.json")
    assert record.parent == folder / "results/runs/copying/gru"
    where = subprocess.run(
        [sys.executable, "-c", "import harness, conf; print(harness.__file__, conf.__file__)"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert all(file.startswith(str(site)) for file in where.stdout.split())
