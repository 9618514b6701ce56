# METADATA
# title: A manifest is listed in a kustomization.yaml that Flux reads
# description: |
#   Flux does not apply an object in a file that no kustomization.yaml lists. The rule reports it where Flux reads the
#   kustomization.yaml in the file's folder, and for a Flux Kustomization or an object of Karmada also where Flux reads
#   one in a folder above. A file that the kustomization.yaml mentions in a comment is left out on purpose, and so is
#   one in a folder whose name begins with a dot or an underscore.
# related_resources:
#   - ref: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/resource/
#     description: Kustomize, resources
# custom:
#   severity: info
#   admission: never
#   subjects:
#     - File
#   fix: Add the file or its folder to resources; if it is left out on purpose, mention it there in a comment.
#   source:
#     - fluxcd/pkg kustomize/v1.39.0 kustomize_generator.go:600
package rules["file-listed"]

import data.lib.files

violation contains {
	"origin": {"file": input.file.path, "document": document.index},
	"field": ["metadata", "name"],
	"message": sprintf("%q does not list this file, so Flux does not apply %s %q", [input.file.unlistedIn, document.kind, document.name]),
	"related": [{"message": "the list", "origin": {"file": input.file.unlistedIn, "document": 0}, "field": ["resources"]}],
} if {
	input.file.unlistedIn != ""
	not files.example
	not _agents
	document := array.concat(
		[document | some document in _named; _matters(document.apiVersion)],
		_named,
	)[0]
}

_named := [document |
	some document in input.file.documents
	document.name != ""
	not _plain(document)
]

# A Secret that is not encrypted had better not be listed.
_plain(document) if {
	document.kind == "Secret"
	not is_object(document.encryption)
}

_matters(api_version) if startswith(api_version, "kustomize.toolkit.fluxcd.io/")

_matters(api_version) if endswith(split(api_version, "/")[0], ".karmada.io")

# A member without an agent is said to be so, and an agent without its credentials.
_agents if {
	some agent in data.fleet.agents
	not agent.reached
	agent.listIn == input.file.unlistedIn
}

_agents if {
	some agent in data.fleet.agents
	some values in agent.unlisted
	values.origin.file == input.file.path
}
