# METADATA
# title: An agent has a CA certificate, a client certificate and a key
# description: |
#   The karmada chart writes agent.kubeconfig.caCrt, crt and key into the agent's kubeconfig as they are, and
#   their defaults are a placeholder of XXXX. An agent with a placeholder, or with too little to be a PEM text,
#   cannot connect. The length of a SOPS-encrypted value is that of its plain text, so a placeholder is
#   recognized without a key. The values may come from valuesFrom; those in a Secret that is not in Git are not
#   checked. A Secret of valuesFrom that is in Git but that no Flux Kustomization applies is a warning: without
#   it Flux does not install the agent.
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
#   fix: Put the PEM texts into an encrypted Secret, and refer to each with valuesFrom and a targetPath.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/karmada-agent.yaml:33
#     - karmada-io/karmada v1.18.2 charts/karmada/values.yaml
package rules["agent-credentials-complete"]

violation contains {
	"field": ["spec", "values", "agent", "kubeconfig"],
	"message": sprintf("agent.kubeconfig has no %s, so the agent cannot connect to Karmada", [concat(" and no ", _missing)]),
} if {
	_runs
	count(_missing) > 0
}

violation contains {
	"origin": credential.origin,
	"field": credential.field,
	"message": sprintf("agent.kubeconfig.%s is a placeholder of %d bytes and not PEM text", [name, credential.length]),
} if {
	_runs
	some name, credential in input.agent.credentials
	credential.state == "found"
	credential.placeholder
}

# Somebody may have applied it by hand.
violation contains {
	"field": array.concat(values.field, ["name"]),
	"message": sprintf("%s %q is in %q, which no Flux Kustomization applies", [values.kind, values.name, values.origin.file]),
	"fix": "List the file in a kustomization.yaml that Flux reads.",
	"severity": "warning",
	"related": [{"message": sprintf("the %s", [values.kind]), "origin": values.origin}],
} if {
	_runs
	some values in input.agent.unlisted
}

_runs if {
	input.agent.reached
	not input.agent.suspended
}

_missing := [name |
	some name in ["caCrt", "crt", "key"]
	input.agent.credentials[name].state == "missing"
]
