"""Start of an execution environment's interpreter."""

from millrace_runtime.environment import main

main()
