"""Speed of sampling."""
