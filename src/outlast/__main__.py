"""`python -m outlast`: the command line, where no `outlast` is on the path."""

from outlast.app.cli import main

if __name__ == "__main__":
    main()
