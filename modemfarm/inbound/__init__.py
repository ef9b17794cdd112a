"""What a received PDU means."""
