"""AI gateways and proxies, of any vendor or home-grown."""
