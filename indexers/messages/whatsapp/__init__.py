"""WhatsApp's exported chats, in every locale."""

from indexers.messages.whatsapp.source import WhatsApp

__all__ = ["WhatsApp"]
