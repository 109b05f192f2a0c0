"""Out of Kafka: topics to ClickHouse, settlement of closed blocks, the sums that must close."""
