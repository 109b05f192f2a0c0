"""Inside Kafka: `pilot-events.v1` in, live metric cells on `product-metrics.v1` out. Read `topology.py` first."""
