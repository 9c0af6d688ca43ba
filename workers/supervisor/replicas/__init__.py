"""The workers of the supervisor: places, the worker that runs in each, and when it is started again."""
