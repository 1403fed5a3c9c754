"""`python -m millrace_worker`: a worker for one runner."""

import sys

from millrace_worker.host.main import main

sys.exit(main())
