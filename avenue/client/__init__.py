"""A command's way to the cluster, the store and the reports of a running pipeline."""
