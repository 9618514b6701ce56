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
	own := _folder(data.fleet.clusters[input.cluster].entry)

	# Field by field: what is not known of a cluster has no part in it.
	some other
	data.fleet.clusters[other].declared
	other != input.cluster
	folder := _folder(data.fleet.clusters[other].entry)
	startswith(concat("", [path, "/"]), folder)
	not startswith(own, folder)
	not startswith(folder, own)
}

# The folder below clusters/ that Flux starts in, with a slash at its end.
_folder(entry) := found[0] if {
	found := regex.find_n(`^(.*/)?clusters/[^/]+/`, concat("", [entry, "/"]), 1)
	count(found) == 1
}
