"""The documentation site: reference pages generated from the code, a strict build, and a local server.

A reference page is a Jinja2 template in ``docs/_templates/reference``, which holds its prose, and one module here, which
reads the tables from the code. Words that the code does not have stand in a YAML file beside the template; a name that
lacks its words, or words without a name, fail the page.
"""
