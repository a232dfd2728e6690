"""What `cluster_scale` measures on and with: the grown cluster, recorders, the operator, and a bare one beside it."""
