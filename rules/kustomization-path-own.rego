# METADATA
# title: The path of a Flux Kustomization is not in another cluster's folder
# description: |
#   A Kustomization that was copied from one cluster to another with its path applies the other cluster's manifests: its
#   names, its hosts, the agent that registers the other member. Keep what clusters share in a folder of its own. A
#   Kustomization with a kubeConfig may be meant for the other cluster and is not reported.
# related_resources:
#   - ref: https://fluxcd.io/flux/guides/repository-structure/#monorepo
#     description: Ways of structuring a repository
# custom:
#   severity: warning
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Correct spec.path, or move what both clusters share out of the folder.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:371
package rules["kustomization-path-own"]

violation contains {
	"field": ["spec", "path"],
	"message": sprintf("the path %q is in the folder of another Flux cluster, %q", [path, other]),
} if {
	not input.kustomization.suspended
	input.kustomization.local
	input.kustomization.pathState == "found"
	input.kustomization.apiServer == input.cluster
	path := input.kustomization.path
	data.fleet.clusters[input.cluster].declared
	own := _folders(data.fleet.clusters[input.cluster].entry)[0]
	not startswith(concat("", [path, "/"]), own)

	# Field by field: what is not known of a cluster has no part in it.
	some folder in _folders(path)
	not startswith(own, folder)
	some other
	startswith(data.fleet.clusters[other].entry, trim_suffix(folder, "/"))
	other != input.cluster
	data.fleet.clusters[other].declared
	_folders(data.fleet.clusters[other].entry)[0] == folder
}

# The folders below a clusters/ that hold a path, each with a slash at its end, the innermost first.
_folders(path) := [concat("", [concat("/", array.slice(names, 0, i + 2)), "/"]) |
	names := split(path, "/")
	some i in numbers.range(count(names) - 1, 0)
	i < count(names) - 1
	names[i] == "clusters"
]
