"""The cases: each module has a list CASES, whose name is that of its file of recorded answers."""
