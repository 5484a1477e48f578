"""`python -m wsgi_app.cli`: the command without its script."""

from wsgi_app.cli import main

if __name__ == "__main__":
    main()
