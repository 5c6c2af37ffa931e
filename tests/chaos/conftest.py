"""The chaos tests stand on the harness of the scenarios."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenarios"))
