"""What is known of where species occur."""
