//! ISO 8583:1987 and :1993 messages.
