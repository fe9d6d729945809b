"""Calendars and cards: iCalendar (RFC 5545), its rules of repetition, and vCard (RFC 6350 and older)."""
