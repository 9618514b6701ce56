# METADATA
# title: The Secret that the agent's chart makes is not in Git as well
# description: |
#   The karmada chart always renders the agent's kubeconfig into a Secret called <release>-kubeconfig, from
#   agent.kubeconfig. One of that name in Git has two owners: Flux's Kustomization and Helm write over each other, and
#   the agent restarts with whichever was last, the chart's placeholder among them. There is no value for an existing
#   Secret.
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
#   fix: Give the Secret another name, and bring its parts into agent.kubeconfig with valuesFrom and targetPath.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/karmada-agent.yaml:33
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/_helpers.tpl:3
package rules["agent-secret-unclaimed"]

violation contains {
	"origin": secret.origin,
	"field": ["metadata", "name"],
	"message": sprintf("Secret %q has the name of the one that the agent's chart makes, so both write over each other; it would have another", [name]),
	"related": [{"message": "the agent's release", "origin": input.agent.origin}],
} if {
	input.agent.reached
	not input.agent.suspended
	input.agent.kind == "HelmRelease"
	name := sprintf("%s-kubeconfig", [input.agent.release])
	secret := data.fleet.objects[input.agent.cluster].Secret[input.agent.namespace][name]
}
