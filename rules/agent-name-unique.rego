# METADATA
# title: No two agents register the same name
# description: |
#   The second agent finds its name taken by a cluster with another identity and does not start: one of the two clusters
#   is not a member. Which one depends on which came first. A copied HelmRelease is the usual cause. Seen on Karmada
#   v1.18.2: "the cluster ID … or the cluster name … has been registered".
# related_resources:
#   - ref: https://karmada.io/docs/userguide/clustermanager/cluster-registration
#     description: Cluster registration
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Agent
#   fix: Give each agent the name of its own cluster.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/util/cluster.go:82
#     - karmada-io/karmada v1.18.2 cmd/agent/app/agent.go:181
package rules["agent-name-unique"]

violation contains {
	"field": input.agent.nameField,
	"message": sprintf("another agent registers the cluster name %q too", [input.agent.name]),
	"related": [{"message": "the same name", "origin": other.origin, "field": other.nameField} | some other in _others],
} if {
	_counts(input.agent)
	not contains(input.agent.name, "${")
	count(_others) > 0
}

_others := [other |
	some id in data.fleet.members[input.agent.name].agents
	id != input.agent.id
	other := data.fleet.agents[id]
	_counts(other)
	not _apart(other)
]

_counts(agent) if {
	agent.reached
	not agent.suspended
	agent.nameState == "found"
}

# Two fleets in one repository: a name need only be unique within one control plane.
_apart(other) if {
	count(data.fleet.controlPlanes) > 1
	other.serverState == "found"
	input.agent.serverState == "found"
	other.server != input.agent.server
}
