# METADATA
# title: The Secret or ConfigMap that an object of Flux names exists
# description: |
#   Flux looks for Secrets and ConfigMaps in the namespace of the object that names them, and nowhere else: for values,
#   variables, kubeconfigs, keys and credentials. Without one that is not optional it applies nothing. What a kustomize
#   generator makes has a name with a hash, which kustomize does not write into objects of Flux unless a configuration
#   of it says so. What Flux applies counts, and what controllers make of ExternalSecrets, SealedSecrets, Certificates
#   and others of that sort. What nothing in Git makes may have been made by hand, so it is said of a kubeconfig, and
#   where Git has nearly that name, or that name in another namespace.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/helm/helmreleases/#values-references
#     description: HelmRelease, values references
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
#     description: Kustomization, substitution
# custom:
#   severity: error
#   waits: order
#   subjects:
#     - Bucket.source.toolkit.fluxcd.io
#     - GitRepository.source.toolkit.fluxcd.io
#     - HelmRelease.helm.toolkit.fluxcd.io
#     - HelmRepository.source.toolkit.fluxcd.io
#     - ImageRepository.image.toolkit.fluxcd.io
#     - Kustomization.kustomize.toolkit.fluxcd.io
#     - OCIRepository.source.toolkit.fluxcd.io
#     - Provider.notification.toolkit.fluxcd.io
#     - Receiver.notification.toolkit.fluxcd.io
#   fix: Correct the name, or apply the Secret or ConfigMap in the namespace of the object that names it.
#   source:
#     - fluxcd/helm-controller v1.6.4 internal/controller/helmrelease_controller.go:312
#     - fluxcd/pkg kustomize/v1.35.7 kustomize_varsub.go:196
#     - fluxcd/pkg chartutil/v1.27.2 values.go:182
package rules["flux-config-exists"]

import data.lib.references

violation contains {
	"field": ref.field,
	"message": _message(state, ref),
	"fix": _fix(state, ref),
	"severity": _severity(state, ref),
} if {
	references.read_by_flux
	some ref in references.config
	not ref.optional
	state := references.state(ref.kind, references.namespace, ref.name)
	state in {"hashed", "near", "elsewhere", "missing"}
}

_message("hashed", ref) := sprintf("the generator of the %s gives it a name with a hash, and that is not %q", [ref.kind, ref.name])

_message("missing", ref) := sprintf("nothing in Git makes the %s %q in this Flux cluster", [ref.kind, _id(ref.name)])

_message(state, ref) := references.absent(ref.kind, _id(ref.name)) if state in {"near", "elsewhere"}

_fix("near", ref) := sprintf("Correct the name to %q.", [references.near(ref.kind, references.namespace, ref.name)])

_fix("elsewhere", ref) := sprintf("Apply the %s in this namespace too, or name it in %q, where it is.", [ref.kind, references.elsewhere(ref.kind, ref.name)])

_fix("hashed", _) := "Give kustomize a nameReference for the field, or the generator the option disableNameSuffixHash."

_fix("missing", ref) := sprintf("Correct the name, or apply the %s in this namespace.", [ref.kind])

_id(name) := concat("/", [references.namespace, name])

_severity("hashed", _) := "error" if {
	references.complete
} else := "warning"

_severity("near", _) := "warning" if {
	references.complete
} else := "info"

_severity("elsewhere", ref) := "error" if {
	_needed(ref)
	references.complete
	ref.kind == "ConfigMap"
} else := "warning" if {
	_needed(ref)
	references.complete
} else := "info" if {
	_needed(ref)
} else := "info" if {
	references.complete
}

# What is nearly always made by hand, or by flux bootstrap, is not missed; a kubeconfig is where Git has others. A
# Karmada control plane makes its own.
_severity("missing", ref) := _by_kubeconfigs if {
	ref.field[1] == "kubeConfig"
	references.complete
	not references.open(references.namespace)
	not data.fleet.apiServers[concat("/", [input.cluster, references.namespace, ref.name])].kind == "karmada"
}

default _by_kubeconfigs := "info"

_by_kubeconfigs := "warning" if {
	some name, made in data.fleet.products[input.apiServer].Secret[references.namespace]
	some kubeconfig in {"value", "value.yaml", "kubeconfig"}
	kubeconfig in array.concat(made.keys, regex.split("[-.]", name))
}

# Credentials are often copied into each namespace.
_needed(ref) if ref.field[1] in {"kubeConfig", "postBuild", "valuesFrom"}

_needed(_) if input.subject == "Receiver.notification.toolkit.fluxcd.io"
