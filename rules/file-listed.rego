# METADATA
# title: A Kustomization or a policy is listed where Flux reads
# description: |
#   A Flux Kustomization, or an object for Karmada, in a file that no kustomization.yaml lists is never applied, however right
#   it is. Said is it where Flux reads a kustomization.yaml in its folder or above and that has no word for it: a line that was
#   made a comment tells that the file was put aside, and so does a folder whose name begins with a dot or an underscore.
# related_resources:
#   - ref: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/resource/
#     description: Kustomize, resources
# custom:
#   severity: info
#   admission: never
#   subjects:
#     - File
#   fix: List the file, or the folder that it lies in, or put it aside.
#   source:
#     - fluxcd/pkg kustomize/v1.39.0 kustomize_generator.go:600
package rules["file-listed"]

violation contains {
	"origin": {"file": input.file.path, "document": document.index},
	"field": ["metadata", "name"],
	"message": sprintf("nothing reconciles the %s %q; %q would list it", [document.kind, document.name, input.file.unlistedIn]),
	"related": [{"message": "the list", "origin": {"file": input.file.unlistedIn, "document": 0}, "field": ["resources"]}],
} if {
	input.file.unlistedIn != ""
	not _agents
	document := [document |
		some document in input.file.documents
		_matters(document.apiVersion)
	][0]
}

_matters(api_version) if startswith(api_version, "kustomize.toolkit.fluxcd.io/")

_matters(api_version) if endswith(split(api_version, "/")[0], ".karmada.io")

# A member without an agent is said to be so.
_agents if {
	some agent in data.fleet.agents
	not agent.reached
	agent.listIn == input.file.unlistedIn
}
