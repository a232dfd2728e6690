"""The Kubernetes operator and its webhook: the only room that knows Kopf and the API server."""
