"""Which terminal a purchase goes to: terminals, the rules between them, and how each fares."""
