# METADATA
# title: An agent runs the same release as its control plane
# description: |
#   Karmada tests the components of one release together. An agent of another minor version may not know what the
#   control plane writes, and with the tag "latest" a node runs whichever image it has pulled.
# related_resources:
#   - ref: https://karmada.io/docs/administrator/upgrading/
#     description: Upgrading
# custom:
#   severity: warning
#   subjects:
#     - Agent
#   fix: Give the agent the version of the control plane.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/values.yaml:26
package rules["agent-version-matches"]

violation contains {
	"field": input.agent.tagField,
	"message": sprintf("the agent's image tag is %q, which can be any version", [input.agent.tag]),
} if {
	_runs
	input.agent.tag == "latest"
}

violation contains {
	"field": _field,
	"message": sprintf("the agent runs Karmada %s and the control plane %q runs %s", [input.agent.version, plane.name, plane.version]),
	"related": [{"message": "the control plane", "origin": plane.origin}],
} if {
	_runs
	agent := _minor(input.agent.version)
	count(data.fleet.controlPlanes) == 1
	some plane in data.fleet.controlPlanes
	host := _minor(plane.version)
	agent != host
}

_runs if {
	input.agent.reached
	not input.agent.suspended
}

_minor(version) := array.slice(split(version, "."), 0, 2) if version != ""

_field := input.agent.tagField if {
	input.agent.tag != ""
} else := ["spec", "chart", "spec", "version"]
