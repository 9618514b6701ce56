# METADATA
# title: The namespace of an agent's leader election exists on the Karmada API server
# description: |
#   The agents of a member elect their leader by a Lease on the Karmada API server, in the namespace of the agent's own
#   release. Karmada creates karmada-system and karmada-cluster there, and no other: an agent in another namespace never
#   becomes the leader, and does nothing. Seen on Karmada v1.18.2: the agent keeps logging "Error initially creating
#   lease lock", and its Cluster never has a status.
# related_resources:
#   - ref: https://github.com/karmada-io/karmada/issues/1994
#     description: No namespace for the leader election
#   - ref: https://github.com/karmada-io/karmada/issues/3264
#     description: The same
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Agent
#   fix: Install the agent in the control plane's namespace, or apply a Namespace of that name to the Karmada API server.
#   source:
#     - karmada-io/karmada v1.18.2 cmd/agent/app/agent.go:207
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/karmada-agent.yaml:107
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/_karmada_system_namespace.tpl
package rules["agent-lease-namespace-exists"]

violation contains {
	"field": ["metadata"],
	"message": sprintf("the agent elects its leader in namespace %q, which does not exist on the Karmada API server", [namespace]),
	"fix": sprintf("Install the agent in namespace %q, or apply a Namespace %q to the Karmada API server.", [_own[0], namespace]),
	"severity": _severity,
} if {
	input.agent.reached
	not input.agent.suspended
	namespace := input.agent.leaseNamespace
	namespace != ""
	not contains(namespace, "$")
	count(_own) > 0
	every own in _own {
		own != ""
	}
	not namespace in _own
	not namespace in {"karmada-cluster", "default", "kube-system", "kube-public", "kube-node-lease"}
	every server in _servers {
		server.complete
		not data.fleet.objects[server.id].Namespace[""][namespace]
	}
}

_own := [plane.systemNamespace | some plane in data.fleet.controlPlanes]

_servers := [data.fleet.apiServers[id] | some plane in data.fleet.controlPlanes; some id in plane.apiServers]

# Where Git brings nothing to Karmada the namespace may have been made by hand.
_severity := "error" if {
	count(_servers) > 0
} else := "warning"
