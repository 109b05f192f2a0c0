"""What every role stands on: settings, clock, errors, logging, metrics, Kafka and ClickHouse clients."""
