"""What there is in `chat.db`: the conversation-days, and which of them changed."""
