"""What orders were paid, for refunds that name no amount."""
