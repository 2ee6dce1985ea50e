"""Some random histories; test_histories.py asks many more."""

from histories import history

CASES = [history(seed, 10) for seed in range(1, 31)]
