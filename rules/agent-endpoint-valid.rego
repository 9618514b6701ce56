# METADATA
# title: The address of its cluster that an agent registers is a URL
# description: |
#   agent.clusterEndpoint of the chart, --cluster-api-endpoint of the agent, becomes spec.apiEndpoint of the Cluster
#   object. Karmada refuses one without scheme and host, like 10.0.0.1:6443, and one with a user, a query or a fragment, and
#   the agent ends in a crash loop. It may be left out. Seen on Karmada v1.18.2: the Cluster is refused for its
#   spec.apiEndpoint, and the agent ends.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/clustermanager/cluster-registration
#     description: Cluster registration
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Agent
#   fix: Write it as https://<host>:<port>, or leave it out.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/apis/cluster/validation/validation.go:126
package rules["agent-endpoint-valid"]

violation contains {
	"field": input.agent.endpointField,
	"message": sprintf("%s, so Karmada refuses the cluster; it would be https://<host>:<port>", [_wrong(endpoint)]),
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
} else := sprintf("endpoint %q is no URL of scheme, host and path", [endpoint])
