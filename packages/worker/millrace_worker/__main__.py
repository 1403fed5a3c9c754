"""`python -m millrace_worker`: a worker for one runner."""

import os
import sys

from millrace_worker.lean import import_lean

import_lean(os.environ)

from millrace_worker.host.main import main  # noqa: E402

sys.exit(main())
