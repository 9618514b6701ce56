# METADATA
# title: An agent registers a name that Karmada accepts
# description: |
#   An agent does not start with a cluster name that is empty, longer than 48 characters or not a DNS label. The chart's
#   default is empty. Seen on Karmada v1.18.2.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/clustermanager/cluster-registration
#     description: Cluster registration
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Agent
#   fix: Name the cluster with at most 48 lowercase letters, digits and hyphens.
#   source:
#     - karmada-io/karmada v1.18.2 cmd/agent/app/options/validation.go:32
#     - karmada-io/karmada v1.18.2 pkg/apis/cluster/validation/validation.go:34
package rules["agent-name-valid"]

violation contains {"field": input.agent.nameField, "message": message} if {
	input.agent.reached
	not input.agent.suspended
	input.agent.nameState != "unknown"
	not contains(input.agent.name, "${")
	message := _wrong(input.agent.name)
}

_wrong("") := "the agent registers no cluster name"

_wrong(name) := sprintf("the cluster name %q has %d characters, and Karmada accepts at most 48", [name, count(name)]) if {
	count(name) > 48
}

_wrong(name) := sprintf("the cluster name %q is not a DNS label", [name]) if {
	name != ""
	count(name) <= 48
	not regex.match(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, name)
}
