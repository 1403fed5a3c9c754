"""These tests are slow and rude; each starts its own house. `test_ordinary_user.py` runs them all again as another user."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
