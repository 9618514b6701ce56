# METADATA
# title: The cluster address that an agent registers is a URL
# description: |
#   agent.clusterEndpoint of the chart, --cluster-api-endpoint of the agent, becomes spec.apiEndpoint of the Cluster
#   object. Karmada refuses one without scheme and host, like 10.0.0.1:6443, and one with a user, a query or a fragment,
#   and the agent goes into a crash loop. It may be left out. Seen on Karmada v1.18.2: the Cluster is refused for its
#   spec.apiEndpoint, and the agent exits.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/clustermanager/cluster-registration
#     description: Cluster registration
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Agent
#   fix: Write the endpoint as https://<host>:<port>, or leave it out.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/apis/cluster/validation/validation.go:126
package rules["agent-endpoint-valid"]

violation contains {
	"field": input.agent.endpointField,
	"message": sprintf("%s, so Karmada refuses the cluster", [_wrong(endpoint)]),
} if {
	input.agent.reached
	not input.agent.suspended
	input.agent.endpointState == "found"
	endpoint := input.agent.endpoint
	endpoint != ""
	not regex.match(`^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#@\s]+(/[^?#]*)?[?]?#?$`, endpoint)
}

# A user may bring a password along.
_wrong(endpoint) := "the endpoint names a user" if {
	contains(endpoint, "@")
} else := sprintf("the endpoint %q has a query or a fragment", [endpoint]) if {
	regex.match(`[?#]`, endpoint)
} else := sprintf("the endpoint %q is not a URL with scheme and host", [endpoint])
