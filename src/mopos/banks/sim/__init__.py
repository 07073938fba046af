"""What all bank simulators share: the book, the buyer's page, the test cards, and a buyer without a browser."""
