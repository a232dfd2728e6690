"""The Kubernetes operator: custom resources in, running recorders and their statuses out."""
