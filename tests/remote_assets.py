"""What a page, a style or a script would load from another host, as its text says."""

import re
from pathlib import Path

ELSEWHERE = r"(?:https?:)?//"
ELEMENTS = "script|img|iframe|frame|source|video|audio|track|embed|object|input"
LOADED = "stylesheet|icon|preload|modulepreload|prefetch|preconnect|dns-prefetch|manifest"
MARKUP = re.compile(
    rf"<(?:{ELEMENTS})\b[^>]*?\s(?:src|srcset|data|poster)\s*=\s*[\"']?\s*{ELSEWHERE}"
    rf"|<link\b(?=[^>]*\brel\s*=\s*[\"']?[^\"'>]*\b(?:{LOADED})\b)[^>]*?\shref\s*=\s*[\"']?\s*{ELSEWHERE}",
    re.IGNORECASE,
)
STYLE = re.compile(rf"\burl\(\s*[\"']?\s*{ELSEWHERE}|@import\s+[\"']\s*{ELSEWHERE}", re.IGNORECASE)
SCRIPT = re.compile(
    rf"\b(?:fetch|import|importScripts)\(\s*[\"'`]\s*{ELSEWHERE}|\.src\s*=\s*[\"'`]\s*{ELSEWHERE}"
)
KINDS = {".html": (MARKUP, STYLE, SCRIPT), ".css": (STYLE,), ".js": (SCRIPT,)}


def remote_assets(path: Path) -> list[str]:
    """Return what a file of a site would load from another host; links that a reader may follow are none."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return [found.group() for kind in KINDS.get(path.suffix, ()) for found in kind.finditer(text)]
