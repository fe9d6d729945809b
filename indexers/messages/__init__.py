"""Conversations: chats, exports and mail."""
