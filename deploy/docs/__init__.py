"""The documentation site: reference pages generated from the code, a strict build, and a local server.

A reference page has a Jinja2 template in ``docs/_templates/reference``, which holds its prose, and one module here,
which reads its tables from the code. Texts that the code does not have are in a YAML file next to the template. A name
without its text, or a text without its name, fails the page.
"""
