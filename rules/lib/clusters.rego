# What is known of the Flux clusters.
package lib.clusters

# doubtful: nobody knows all that the cluster reconciles out of this repository. Sources and bases elsewhere are no part of
# it, and neither is what is not there.
doubtful(cluster) if {
	some unknown in data.fleet.clusters[cluster].incomplete
	unknown.kind in {"path", "file", "producer", "object", "spec"}
}
