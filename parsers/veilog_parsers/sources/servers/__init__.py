"""Self-hosted model servers, and web servers in front of them."""
