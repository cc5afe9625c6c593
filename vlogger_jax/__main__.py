"""`python -m vlogger_jax`: the command `vlogger` where its script is not on the path."""

from vlogger_jax.cli import main

if __name__ == "__main__":
    main()
