"""PDF to text, in the order of reading: tokens → content → lines → paragraphs → pages."""
