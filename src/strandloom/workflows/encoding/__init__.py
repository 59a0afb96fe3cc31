"""SuperQ, working: an encoder that learns without labels gives 500 values a sequence, and a forest learns from them (aron0093/5MT003)."""
