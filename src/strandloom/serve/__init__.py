"""The service: trained models asked over HTTP, with an error for each row that cannot be answered."""
