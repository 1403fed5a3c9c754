"""The worker's trusted side: a gRPC session with the runner, and the environments that run user code."""
