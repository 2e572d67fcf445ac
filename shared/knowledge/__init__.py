"""What the bot may answer from: files kept, read, cut into passages, indexed and searched."""
