"""What a brand's bot may say and when: checked before it answers and again before a word leaves."""
