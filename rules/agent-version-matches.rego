# METADATA
# title: An agent is of the same release as its control plane
# description: |
#   Karmada tests its components together, of one release. An agent of another minor version may not know what the
#   control plane writes, and the tag "latest" is whichever image a node happened to pull.
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
	"message": sprintf("the agent runs %q, which may be any version; the tag would be the control plane's", [input.agent.tag]),
} if {
	_runs
	input.agent.tag == "latest"
}

violation contains {
	"field": _field,
	"message": sprintf("the agent runs Karmada %s and the control plane %q runs %s; they would be the same", [input.agent.version, plane.name, plane.version]),
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
