"""What the messages of a conversation-day say."""
