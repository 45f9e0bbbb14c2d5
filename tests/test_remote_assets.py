"""What a site would load from another host is found in pages, styles and scripts; links to follow are let be."""

import pytest
from remote_assets import remote_assets


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script async src="https://cdn.org/a.js"></script>'), ("a.html", "<img alt='x' src=//cdn.org/a.png>"),
        ("a.html", '<link href="//cdn.org/a.css" rel="stylesheet">'), ("a.html", '<link rel="shortcut icon" href="http://a.org/i">'),
        ("a.html", "<style>@font-face {src: url(https://fonts.org/a.woff2)}</style>"),
        ("a.html", '<script>fetch("https://api.org/a")</script>'), ("a.html", '<video\nposter="https://a.org/a.png">'),
        ("a.css", '@import "https://fonts.org/css";'), ("a.css", "@import url('//fonts.org/css');"),
        ("a.css", 'a {background: url( "http://a.org/a.png")}'),
        ("a.js", 'import("https://cdn.org/a.mjs")'), ("a.js", "fetch(`//api.org/a`)"), ("a.js", 'tag.src = "https://cdn.org/a.js"'),
    ],
)  # fmt: skip
def test_what_is_loaded_from_another_host_is_found(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert remote_assets(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<a href="https://doi.org/10.1">a paper</a> <img src="_images/a.png">'),
        ("a.html", '<link rel="canonical" href="https://a.org/"><script src="_static/a.js?v=1"></script>'),
        ("a.html", '<script>const known = "https://a.org"; fetch("_static/a.json")</script>'),
        ("a.css", "a {background: url(\"data:image/svg+xml,%3csvg xmlns='http://www.w3.org/2000/svg'/%3e\")}"),
        ("a.css", "@import url('../a.css');"), ("a.js", '// see https://a.org\nimport("./a.mjs")'),
        ("a.txt", '<img src="https://a.org/a.png">'),
    ],
)  # fmt: skip
def test_links_and_what_comes_with_the_site_are_let_be(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert not remote_assets(tmp_path / name)
