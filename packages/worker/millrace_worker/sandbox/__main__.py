"""`python -m millrace_worker.sandbox --probe`."""

import sys

from .probe import main

if sys.argv[1:] != ["--probe"]:
    sys.exit("usage: python -m millrace_worker.sandbox --probe")
sys.exit(main())
