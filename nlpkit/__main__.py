"""``python -m nlpkit``, for ``accelerate launch -m nlpkit`` and torchrun."""

from nlpkit.cli.app import main

if __name__ == "__main__":
    main()
