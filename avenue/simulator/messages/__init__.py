"""What each platform says, message by message, in its own form."""
