"""Messages as files in a folder, in the format of SMS Server Tools 3."""
