"""The Python worker of Millrace: hosts sandboxed environments that run the steps of workflows."""
