"""One file a job: the whole of a command, callable from Python."""
