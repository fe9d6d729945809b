"""The local API: routes, wire format and the socket they are served on."""
