# METADATA
# title: Flux tries again to install an agent that has failed
# description: |
#   helm-controller tries an installation once and then leaves it failed, unless spec.install.remediation.retries, or a strategy that
#   retries, says otherwise. An agent whose control plane was not up at that moment never registers its member, until somebody
#   changes the HelmRelease.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/helm/helmreleases/#install-remediation
#     description: HelmRelease, install remediation
# custom:
#   severity: info
#   waits: revision
#   subjects:
#     - HelmRelease.helm.toolkit.fluxcd.io
#   fix: Set spec.install.remediation.retries, -1 for no end, or spec.install.strategy.name to RetryOnFailure.
#   source:
#     - fluxcd/helm-controller v1.6.5 api/v2/helmrelease_types.go (InstallRemediation.Retries)
package rules["agent-release-retried"]

violation contains {
	"field": ["spec", "install"],
	"message": sprintf("Flux installs the Karmada agent %q once and leaves it failed where that fails", [input.object.metadata.name]),
} if {
	input.agent
	not input.agent.suspended
	not _retries
}

_retries if input.object.spec.install.remediation.retries != 0

_retries if input.object.spec.install.strategy.name == "RetryOnFailure"

# Whatever stands there in a variable's place may do so.
_retries if is_string(input.object.spec.install)
