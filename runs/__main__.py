"""What does `python -m nobid.runs` do? The same as `nobid`."""

from nobid.runs.cli import main

if __name__ == "__main__":
    main()
