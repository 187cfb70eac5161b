"""The documentation: `pages/` is what readers see, `mkdocs.yml` its settings, and the modules here build it.

`build.py` builds the site and checks it, `sources.py` puts code of the repository into pages.
"""
