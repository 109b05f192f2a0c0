"""The built script and style: their hashed names, and how they are served compressed and cached for good."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

from runtime.errors import ConfigurationError

STATIC = Path(__file__).parent / "static"
BUILT = STATIC / "built"
URL = "/static"
# A name changes with its content, so a copy is good for ever.
FOR_EVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
# By preference: brotli is a sixth smaller here.
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))


@dataclass(frozen=True, slots=True)
class StaticAsset:
    """One file with its compressed forms, by encoding ('' is as it is)."""

    media_type: str
    bodies: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class AssetBundle:
    """What the pages link to: `names` maps `page.js` to its hashed file.

    `files` holds all in memory, some 4 MB, most of it the API page's.
    """

    names: Mapping[str, str]
    files: Mapping[str, StaticAsset]

    def url(self, name: str) -> str:
        """Return the address of the entry *name*, such as `style.css`."""
        return f"{URL}/{self.names[name]}"


def load_assets(folder: Path = BUILT) -> AssetBundle:
    """Return the assets of the last build. Raises `ConfigurationError` where there is none."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        raise ConfigurationError(
            "the dashboard's script is not built; run `make setup`, or `python -m reports.dashboard.build`"
        )
    built = [path for path in folder.iterdir() if path.suffix in MEDIA_TYPES]
    own = [path for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES]
    return AssetBundle(names=json.loads(manifest.read_text()), files={path.name: _load(path) for path in built + own})


def asset_route(assets: AssetBundle) -> HTTPRouteHandler:
    """Return the route that serves *assets* in the smallest form that the browser takes."""

    @get(f"{URL}/{{name:str}}", include_in_schema=False, sync_to_thread=False)
    def static_file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        asset = assets.files.get(name)
        if asset is None:
            raise NotFoundException
        encoding = _chosen(asset, request.headers.get("accept-encoding", ""))
        headers = {"cache-control": FOR_EVER, "vary": "accept-encoding", "x-content-type-options": "nosniff"}
        if encoding:
            headers["content-encoding"] = encoding
        return Response(asset.bodies[encoding], media_type=asset.media_type, headers=headers)

    return static_file


def _load(path: Path) -> StaticAsset:
    bodies = {"": path.read_bytes()}
    for encoding, suffix in ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if packed.exists():
            bodies[encoding] = packed.read_bytes()
    return StaticAsset(MEDIA_TYPES[path.suffix], bodies)


def _chosen(asset: StaticAsset, accepted: str) -> str:
    taken = {item.partition(";")[0].strip() for item in accepted.split(",") if "q=0" not in item.replace("q=0.", "")}
    return next((encoding for encoding, _ in ENCODINGS if encoding in taken and encoding in asset.bodies), "")
