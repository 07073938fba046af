"""What makes the phone app installable: manifest, icons, and the service worker with its honest offline page.

The service worker keeps no page and no data of anybody: without a connection it says so, and nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import io
from typing import Any

import msgspec
from litestar import Response
from PIL import Image, ImageDraw

from mopos.edges.i18n.texts import TEXTS
from mopos.edges.pay.assets import ICON, STYLE
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.assets import WEB_STYLE
from mopos.edges.web.routes import Door, Route

BRAND, SPOT, PAPER = "#0b5c58", "#ffb84d", "#f3f1ec"
SIZES = (192, 512)
# A day: the icon of an installed app may change with a release, but nobody waits for it.
_DAY = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
# Browsers look for a new worker at each visit; it must never come from a cache (Service Workers, section 6.3).
_NEVER = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


async def manifest(ask: Ask) -> Response[Any]:
    """Name, icons and first page, for the browser that installs it."""
    icons = [
        {"src": f"/app/icon/{kind}-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": kind}
        for kind in ("any", "maskable")
        for size in SIZES
    ]
    body = {
        "id": "/app",
        "name": ask.t["app.name"],
        "short_name": ask.t["label.brand"],
        "description": ask.t["app.description"],
        "lang": ask.lang,
        "dir": ask.lang.dir,
        "start_url": "/app",
        "scope": "/",
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": BRAND,
        "icons": [*icons, {"src": ICON.path, "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }
    return Response(msgspec.json.encode(body), headers=_NEVER, media_type="application/manifest+json")


async def icon(ask: Ask) -> Response[Any]:
    """`any-192.png`, `maskable-512.png`: the mark of the site, drawn."""
    kind, _, rest = ask.part("name").partition("-")
    size = rest.removesuffix(".png")
    if kind not in ("any", "maskable") or size not in map(str, SIZES) or not rest.endswith(".png"):
        raise NotFound
    return Response(draw_icon(kind, int(size)), headers=_DAY, media_type="image/png")


@functools.cache
def draw_icon(kind: str, size: int) -> bytes:
    """The mark of `pay/static/icon.svg` as a PNG; a maskable one fills the square and keeps the mark in the safe zone
    (W3C App Manifest: a circle of 40 % of the width)."""
    fine = 4
    side = size * fine
    image = Image.new("RGBA", (side, side), BRAND if kind == "maskable" else (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    unit = side / 64 * (0.72 if kind == "maskable" else 1)
    shift = (side - 64 * unit) / 2

    def at(x: float, y: float) -> tuple[float, float]:
        return shift + x * unit, shift + y * unit

    if kind == "any":
        draw.rounded_rectangle([0, 0, side - 1, side - 1], radius=16 * unit, fill=BRAND)
    _draw_mark(draw, at, unit)
    out = io.BytesIO()
    image.resize((size, size), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _draw_mark(draw: ImageDraw.ImageDraw, at: Any, unit: float) -> None:
    width = round(6 * unit)
    for left, legs in ((14, (46, 36)), (32, (36, 46))):
        # An arch: half a circle of radius 9 (its line 6 wide), and two legs with round ends.
        draw.arc([*at(left - 3, 16), *at(left + 21, 40)], 180, 360, fill="white", width=width)
        for x, bottom in zip((left, left + 18), legs, strict=True):
            draw.rectangle([*at(x - 3, 28), *at(x + 3, bottom)], fill="white")
            draw.ellipse([*at(x - 3, bottom - 3), *at(x + 3, bottom + 3)], fill="white")
    draw.ellipse([*at(27.5, 41.5), *at(36.5, 50.5)], fill=SPOT)


_WORKER = """"use strict";
// Keeps the offline page and its style, nothing of anybody: pages always come from the network or not at all.
const CACHE = "mopos-{version}";
const KEPT = {kept};
self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name !== CACHE).map((name) => caches.delete(name));
  event.waitUntil(caches.keys().then((names) => Promise.all(old(names))).then(() => self.clients.claim()));
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(() => caches.match("/app/offline")));
  } else if (KEPT.includes(new URL(request.url).pathname)) {
    event.respondWith(caches.match(request).then((found) => found || fetch(request)));
  }
});
"""


async def worker(ask: Ask) -> Response[Any]:
    """The service worker, for the app's own pages."""
    kept = msgspec.json.encode(["/app/offline", STYLE.path, WEB_STYLE.path, ICON.path]).decode()
    version = hashlib.sha256((_WORKER + kept).encode()).hexdigest()[:12]
    body = _WORKER.replace("{version}", version).replace("{kept}", kept)
    headers = _NEVER | {"Service-Worker-Allowed": "/app"}
    return Response(body.encode(), headers=headers, media_type="text/javascript")


async def offline(ask: Ask) -> Response[Any]:
    """There is no connection. In both languages, as it is kept for whoever reads it later."""
    # No session and no form: nothing of who happened to be signed in when it was kept.
    ask.maybe_session = None
    other = TEXTS[ask.lang.other]
    return render.page(ask, "phone/offline.html", title=ask.t["offline.title"], other=other)


ROUTES: list[Route] = [
    Route("GET", "/app/manifest.webmanifest", manifest, Door.OPEN),
    Route("GET", "/app/icon/{name}", icon, Door.OPEN),
    Route("GET", "/app/sw.js", worker, Door.OPEN),
    Route("GET", "/app/offline", offline, Door.OPEN),
]
