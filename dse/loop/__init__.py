"""The loop of a study: propose, submit to an executor, tell; and the executors."""
