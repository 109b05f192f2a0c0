"""Where things stand in the tree: the one place that counts folders upwards."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPS = ROOT / "ops"
TESTS = ROOT / "tests"
SUPPORT = TESTS / "support"
DATA = TESTS / "data"

PARTNER_PAGES = DOCS / "partners"
EXAMPLE_REGISTRY = DATA / "registry.toml"
SIGNATURE_VECTORS = DATA / "signature-vectors.json"
ADAPTER_GOLDENS = DATA / "adapters"
