"""Media of answers: kept for whoever asked, and sent."""
