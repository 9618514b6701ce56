# METADATA
# title: The Secret that the agent's chart creates is not in Git as well
# description: |
#   The karmada chart always renders the agent's kubeconfig into a Secret called <release>-kubeconfig, from
#   agent.kubeconfig. A Secret of that name in Git has two owners: Flux and Helm overwrite each other, and
#   the agent restarts with the last one written, which may be the chart's placeholder. The chart has no
#   value for an existing Secret.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/helm/helmreleases/#values
#     description: Values from Secrets and ConfigMaps
#   - ref: https://github.com/karmada-io/karmada/tree/master/charts/karmada
#     description: The karmada chart
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Agent
#   fix: Rename the Secret, and pass its parts to agent.kubeconfig with valuesFrom and targetPath.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/karmada-agent.yaml:33
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/_helpers.tpl:3
package rules["agent-secret-unclaimed"]

violation contains {
	"origin": secret.origin,
	"field": ["metadata", "name"],
	"message": sprintf("Secret %q has the same name as the one that the agent's chart creates, so Flux and Helm overwrite each other", [name]),
	"related": [{"message": "the agent's release", "origin": input.agent.origin}],
} if {
	input.agent.reached
	not input.agent.suspended
	input.agent.kind == "HelmRelease"
	name := sprintf("%s-kubeconfig", [input.agent.release])
	secret := data.fleet.objects[input.agent.cluster].Secret[input.agent.namespace][name]
}
