"""Text itself: Persian letters and words, sentences, cutting to a channel's limits. Knows no tenant and no database."""
